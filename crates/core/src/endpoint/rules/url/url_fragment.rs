use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "url-fragment",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The url has a fragment.",
    reason: "A url copied from a documentation page kept its `#section`. A fragment is never sent to a server, \
             and a `#` in a path cuts off what follows.",
    instead: "Leave out the `#` and what follows.",
    good: &[Example::url("https://api.example.com/v1")],
    bad: &[Example::url("https://api.example.com/v1#chat"), Example::url("https://api.example.com/v1#")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.url.contains('#')",
        says: "has a fragment, which is never sent; leave out the `#` and what follows",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let fragment = subject.url.text()?.parts.fragment?;
    Some(
        Problem::new("has a fragment, which is never sent", "leave out the `#` and what follows")
            .at(fragment),
    )
}
