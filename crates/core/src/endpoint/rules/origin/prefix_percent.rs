use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "prefix-percent",
    field: Field::Prefix,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The prefix contains a `%` that does not encode a character, or one that hides what it means.",
    reason: "The gateway sends the prefix as it is written. `/100%/v1` is a malformed path; `/%2e%2e/admin` \
             and `/a%0d%0ab/v1` are read as `..` and as a line break by some servers.",
    instead: "Write `%25` for a percent sign, and leave out dot segments and control characters.",
    good: &[Example::prefix("/a%20b/v1"), Example::prefix("/a%2Fb/v1")],
    bad: &[
        Example::prefix("/100%/v1"),
        Example::prefix("/%zz/v1"),
        Example::prefix("/.%2e/v1"),
        Example::prefix("/%2E%2e/v1"),
        Example::prefix("/a%0ab/v1"),
    ],
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "variables.prefixPath.matches(r'%(.?$|[^0-9A-Fa-f]|.[^0-9A-Fa-f])')",
            says: "has a `%` without two hexadecimal digits after it; write `%25` for a percent sign",
        },
        Case {
            when: "variables.prefixPath.matches(r'%([01][0-9A-Fa-f]|7[Ff])')",
            says: "has an encoded control character; remove it",
        },
        Case {
            when: r"variables.prefixPath.matches(r'(^|/)(\.?%2[Ee]|%2[Ee](\.|%2[Ee]))(/|$)')",
            says: "has an encoded `.` or `..` segment, which some servers resolve; remove it",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let prefix = *subject.spec.prefix.text()?;
    let path = prefix.split(['?', '#']).next().unwrap_or_default();
    let problem = if path.split('%').skip(1).any(|behind| encoded(behind).is_none()) {
        Problem::new("has a `%` without two hexadecimal digits after it", "write `%25` for a percent sign")
    } else if path.split('%').skip(1).filter_map(encoded).any(|byte| byte.is_ascii_control()) {
        Problem::new("has an encoded control character", "remove it")
    } else if path.split('/').any(is_hidden_dot_segment) {
        Problem::new("has an encoded `.` or `..` segment, which some servers resolve", "remove it")
    } else {
        return None;
    };
    Some(problem)
}

/// The byte that two hexadecimal digits stand for.
fn encoded(behind: &str) -> Option<u8> {
    let digits = behind.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

fn is_hidden_dot_segment(segment: &str) -> bool {
    let decoded = segment.replace("%2e", ".").replace("%2E", ".");
    segment.contains('%') && [".", ".."].contains(&decoded.as_str())
}
