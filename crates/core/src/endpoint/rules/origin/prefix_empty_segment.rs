use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "prefix-empty-segment",
    field: Field::Prefix,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The prefix has an empty segment (`//`).",
    reason: "`/openai//v1` is sent as `/openai/v1`: the gateway collapses slashes.",
    instead: "Write one slash between segments.",
    good: &[Example::prefix("/openai/v1"), Example::prefix("/openai/v1/"), Example::prefix("/")],
    bad: &[Example::prefix("/openai//v1"), Example::prefix("//v1"), Example::prefix("/v1//")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.prefixPath.contains('//')",
        says: "has `//`, which is sent as `/`; write one slash",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let prefix = *subject.spec.prefix.text()?;
    let path = prefix.split(['?', '#']).next().unwrap_or_default();
    let slashes = path.find("//").and_then(|at| path.get(at..at + 2))?;
    Some(Problem::new("has `//`, which is sent as `/`", "write one slash").at(slashes))
}
