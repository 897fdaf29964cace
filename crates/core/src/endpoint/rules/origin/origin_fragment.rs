use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "origin-fragment",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The origin has a fragment.",
    reason: "`https://api.example.com#chat` passes the resource's schema, and Modelplane reads all of it as \
             the host. The Backend is refused, and requests are answered with 500.",
    instead: "Leave out the `#` and what follows.",
    good: &[Example::origin("https://api.example.com")],
    bad: &[Example::origin("https://api.example.com#chat"), Example::origin("https://api.example.com#")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.url.contains('#')",
        says: "has a fragment, which becomes part of the host; leave out the `#` and what follows",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let fragment = subject.origin.text()?.parts.fragment?;
    let problem =
        Problem::new("has a fragment, which becomes part of the host", "leave out the `#` and what follows");
    Some(problem.at(fragment))
}
