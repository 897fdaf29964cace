use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "prefix-query",
    field: Field::Prefix,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The prefix has a query.",
    reason: "`/openai/deployments/gpt?api-version=1` puts the operation into the query: the server is asked \
             for `/openai/deployments/gpt` with `api-version=1/chat/completions`.",
    instead: "Leave out the `?` and what follows. If the provider needs the query, put a proxy in front that \
              adds it, or use a path that does not need it.",
    good: &[Example::prefix("/openai/v1")],
    bad: &[Example::prefix("/openai/v1?api-version=1"), Example::prefix("/v1?")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.prefix.contains('?')",
        says: "has a query, and the gateway would append the operation to it; leave out the `?` and what follows",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let prefix = *subject.spec.prefix.text()?;
    let query = prefix.find('?').and_then(|at| prefix.get(at..))?;
    let problem = Problem::new(
        "has a query, and the gateway would append the operation to it",
        "leave out the `?` and \
                                                                                       what follows",
    );
    Some(problem.at(query))
}
