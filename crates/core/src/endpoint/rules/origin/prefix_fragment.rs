use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "prefix-fragment",
    field: Field::Prefix,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The prefix has a fragment.",
    reason: "`/v1#chat` puts the operation into the fragment, which no server sees.",
    instead: "Leave out the `#` and what follows.",
    good: &[Example::prefix("/v1")],
    bad: &[Example::prefix("/v1#chat"), Example::prefix("/v1#")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.prefix.contains('#')",
        says: "has a fragment, and the gateway would append the operation to it; leave out the `#` and what follows",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let prefix = *subject.spec.prefix.text()?;
    let fragment = prefix.find('#').and_then(|at| prefix.get(at..))?;
    let problem = Problem::new(
        "has a fragment, and the gateway would append the operation to it",
        "leave out the `#` and what follows",
    );
    Some(problem.at(fragment))
}
