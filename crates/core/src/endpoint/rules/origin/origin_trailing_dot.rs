use crate::endpoint::field::Field;
use crate::endpoint::host::Host;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "origin-trailing-dot",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The host ends in a dot.",
    reason: "`https://api.example.com.` is the same name to DNS. The Backend that Modelplane composes from \
             it is refused, because no certificate has a name that ends in a dot. With http, Envoy Gateway \
             refuses it before version 1.9.",
    instead: "Leave out the dot.",
    good: &[Example::origin("https://api.example.com")],
    bad: &[Example::origin("https://api.example.com."), Example::origin("http://api.example.com.:8000")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.host == 'name' && variables.urlHost.endsWith('.')",
        says: "has a host that ends in a dot, which the gateway's Backend refuses; leave out the dot",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let origin = subject.origin.text()?;
    let Host::Name(name) = origin.host? else { return None };
    let dot = name.get(name.len() - 1..).filter(|end| *end == ".")?;
    Some(
        Problem::new(
            "has a host that ends in a dot, which the gateway's Backend refuses",
            "leave out the dot",
        )
        .at(dot),
    )
}
