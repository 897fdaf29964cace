use crate::endpoint::field::Field;
use crate::endpoint::host::Host;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "origin-lower-case",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The scheme or the host has upper-case letters.",
    reason: "The Backend that Modelplane composes from `https://API.example.com` is refused, because it \
             allows only lower-case names. Requests are answered with 500, while the endpoint says that it \
             is ready.",
    instead: "Write scheme and host in lower case. The webhook does it for you, unless something else is \
              wrong with the origin as well.",
    good: &[Example::origin("https://api.example.com")],
    bad: &[Example::origin("https://API.example.com"), Example::origin("HTTPS://api.example.com")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.host == 'name' && variables.urlHasUpperCase",
        says: "has upper-case letters, which the gateway's Backend refuses; write it in lower case",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let origin = subject.origin.text()?;
    let has_upper = |text: &str| text.bytes().any(|byte| byte.is_ascii_uppercase());
    let (scheme, host) = (origin.parts.scheme?, origin.parts.host);
    if !matches!(origin.host?, Host::Name(_)) || !(has_upper(scheme) || has_upper(host)) {
        return None;
    }
    let problem =
        Problem::new("has upper-case letters, which the gateway's Backend refuses", "write it in lower case");
    Some(problem.at(if has_upper(host) { host } else { scheme }))
}
