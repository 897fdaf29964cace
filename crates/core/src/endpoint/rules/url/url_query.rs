use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "url-query",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The url has a query.",
    reason: "`?api-version=2024-10-21` was written because the provider asks for it. Modelplane drops it, \
             and the provider answered every request with an error that names a missing parameter.",
    instead: "Leave out the `?` and what follows. If the provider needs the query, put a proxy in front that \
              adds it, or use a path that does not need it.",
    good: &[Example::url("https://my-resource.openai.azure.com/openai/v1")],
    bad: &[
        Example::url("https://my-resource.openai.azure.com/openai/v1?api-version=2024-10-21"),
        Example::url("https://api.example.com?"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.url.find(r'^[^#]*').contains('?')",
        says: "has a query, which the gateway never sends; leave out the `?` and what follows",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let query = subject.url.text()?.parts.query?;
    Some(
        Problem::new("has a query, which the gateway never sends", "leave out the `?` and what follows")
            .at(query),
    )
}
