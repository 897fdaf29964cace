use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::url::{Port, Scheme};

pub(crate) static RULE: Rule = Rule {
    id: "url-http-on-443",
    field: Field::Url,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The scheme is http and the port is 443.",
    reason: "`http://10.0.1.50:443` is sent with TLS anyway, because the gateway decides by the port. That \
             works if the server expects TLS, but then the url says the opposite of what happens.",
    instead: "Write `https://` if the server speaks TLS; serve plain HTTP on another port if it does not.",
    good: &[Example::url("https://api.example.com:443/v1"), Example::url("http://api.example.com:80/v1")],
    bad: &[Example::url("http://api.example.com:443/v1")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.urlKnownScheme == 'http' && variables.urlPortIsClear && variables.urlPort == \
                   443",
        says: "is http on port 443, where the gateway speaks TLS; write `https://`, or another port",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let (Scheme::Http, Port::Number(443)) = (url.parts.known_scheme()?, url.port?) else { return None };
    let problem = Problem::new(
        "is http on port 443, where the gateway speaks TLS",
        "write `https://`, or another port",
    );
    Some(Problem { part: url.parts.port, ..problem })
}
