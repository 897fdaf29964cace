use crate::endpoint::field::Field;
use crate::endpoint::origin::{origin_and_prefix, second_separator};
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "origin-path",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The origin has a path.",
    reason: "`https://api.groq.com/openai/v1` is the base URL that the provider's documents give. The \
             resource's schema refuses it, because the path belongs in `api.prefix`. If only the origin is \
             corrected, the default prefix `/v1` leads to 404.",
    instead: "Write scheme, host and port in `origin` and the path in `api.prefix`. The webhook removes a \
              single slash, and a path that is `api.prefix` already.",
    good: &[Example::origin("https://api.example.com"), Example::prefix("/openai/v1")],
    bad: &[
        Example::origin("https://api.groq.com/openai/v1"),
        Example::origin("https://api.example.com//"),
        Example::origin("https://api.example.com/v1/.."),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "!variables.originHasSecondSeparator && variables.urlHasAuthority && variables.urlPath != ''",
        says: "has a path, but an origin is only scheme, host and port; write the path in `api.prefix`",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let text = subject.origin.text()?.parts.text;
    let parts = &subject.origin.text()?.parts;
    if parts.path.is_empty() || parts.authority.is_none() || second_separator(text).is_some() {
        return None;
    }
    let problem = match origin_and_prefix(text) {
        Some((origin, prefix)) if prefix.len() <= LONGEST_SHOWN => Problem::new(
            "has a path, but an origin is only scheme, host and port",
            format!("write `origin: {origin}` and `prefix: {prefix}` under `api`"),
        ),
        _ => Problem::new(
            "has a path, but an origin is only scheme, host and port",
            "write the path in `api.prefix`",
        ),
    };
    Some(problem.at(parts.path))
}

/// Longest path that a message repeats, in bytes.
const LONGEST_SHOWN: usize = 60;
