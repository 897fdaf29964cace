use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "prefix-url",
    field: Field::Prefix,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The prefix contains a URL.",
    reason: "`/https://api.example.com/v1` is sent as `/https:/api.example.com/v1`: the server has no such \
             path.",
    instead: "Write scheme, host and port in `origin`, and the path only in `api.prefix`.",
    good: &[Example::prefix("/a:b/v1")],
    bad: &[Example::prefix("/http:/api.example.com/v1"), Example::prefix("/HTTPS:/v1")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.prefix.lowerAscii().matches(r'/https?:(/|$)')",
        says: "contains a URL; write scheme, host and port in `origin`, and the path only here",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let prefix = *subject.spec.prefix.text()?;
    let is_scheme =
        |segment: &&str| ["http:", "https:"].iter().any(|scheme| segment.eq_ignore_ascii_case(scheme));
    let scheme = prefix.split('/').skip(1).find(is_scheme)?;
    Some(
        Problem::new("contains a URL", "write scheme, host and port in `origin`, and the path only here")
            .at(scheme),
    )
}
