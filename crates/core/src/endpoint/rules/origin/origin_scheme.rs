use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "origin-scheme",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueNotSupported",
    summary: "The scheme is neither http nor https.",
    reason: "The gateway speaks HTTP to its backends, with TLS for `https`. The resource's schema refuses \
             `grpc://llm.example.com` too, and says only that a rule failed.",
    instead: "Write `http://` or `https://`. A server that speaks another protocol needs a proxy in front.",
    good: &[Example::origin("http://llm.example.com"), Example::origin("https://llm.example.com")],
    bad: &[Example::origin("grpc://llm.example.com"), Example::origin("tcp://llm.example.com:80")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.urlFault == '' && !(variables.urlKnownScheme in ['http', 'https'])",
        says: "has a scheme that the gateway does not speak; write `http://` or `https://`",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let origin = subject.origin.text()?;
    let scheme = origin.parts.scheme?;
    if origin.fault.is_some() || origin.parts.known_scheme().is_some() {
        return None;
    }
    let problem = Problem::new(
        format!("has the scheme {}, which the gateway does not speak", origin.show(scheme)),
        "write `http://` or `https://`",
    );
    Some(problem.at(scheme))
}
