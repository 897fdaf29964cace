use crate::endpoint::field::{Field, Value};
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::url::Scheme;

pub(crate) static RULE: Rule = Rule {
    id: "credential-in-plaintext",
    field: Field::Origin,
    severity: Severity::Warn,
    cause: "FieldValueForbidden",
    summary: "The origin is http, and there is a credential.",
    reason: "The gateway sends the API key with each request. Over http, everything on the way can read it \
             and use it.",
    instead: "Write `https://`, or leave the credential out if the server does not need one.",
    good: &[
        Example::origin("https://api.example.com").with_secret("provider-key", "apiKey"),
        Example::origin("http://llm.example.com:8000"),
    ],
    bad: &[Example::origin("http://api.example.com").with_secret("provider-key", "apiKey")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.urlKnownScheme == 'http' && object.spec.?credential.hasValue()",
        says: "sends the API key in plaintext; write `https://`, or no credential",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let origin = &subject.origin.text()?.parts;
    let has_credential = subject.spec.credential != Value::Absent;
    if origin.known_scheme()? != Scheme::Http || !has_credential {
        return None;
    }
    let problem = Problem::new("sends the API key in plaintext", "write `https://`, or no credential");
    Some(Problem { part: origin.scheme, ..problem })
}
