use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "origin-query",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The origin has a query.",
    reason: "`https://api.example.com?api-version=1` passes the resource's schema, and Modelplane reads all \
             of it as the host. The Backend is refused, and requests are answered with 500.",
    instead: "Leave out the `?` and what follows. If the provider needs the query, put a proxy in front that \
              adds it.",
    good: &[Example::origin("https://api.example.com")],
    bad: &[
        Example::origin("https://api.example.com?api-version=1"),
        Example::origin("https://api.example.com?"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.url.find(r'^[^#]*').contains('?')",
        says: "has a query, which becomes part of the host; leave out the `?` and what follows",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let query = subject.origin.text()?.parts.query?;
    let problem =
        Problem::new("has a query, which becomes part of the host", "leave out the `?` and what follows");
    Some(problem.at(query))
}
