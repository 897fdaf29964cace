use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "prefix-absolute",
    field: Field::Prefix,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The prefix does not start with a slash.",
    reason: "The resource's schema refuses `v1`, and says only that a pattern did not match.",
    instead: "Write the path with its leading slash: `/openai/v1`.",
    good: &[Example::prefix("/openai/v1")],
    bad: &[Example::prefix("v1"), Example::prefix("api.example.com/v1")],
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "!variables.prefix.startsWith('/') && variables.prefix.contains('://')",
            says: "is a URL; write its scheme, host and port in `origin`, and its path here",
        },
        Case {
            when: "!variables.prefix.startsWith('/')",
            says: "does not start with `/`; start it with `/`",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let prefix = *subject.spec.prefix.text()?;
    if prefix.starts_with('/') {
        return None;
    }
    Some(if prefix.contains("://") {
        Problem::new("is a URL", "write its scheme, host and port in `origin`, and its path here")
    } else {
        Problem::new("does not start with `/`", "start it with `/`")
    })
}
