use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::url::{Port, Scheme};

pub(crate) static RULE: Rule = Rule {
    id: "url-tls-port",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The scheme is https and the port is not 443.",
    reason: "`https://llm.example.com:8443` looked safe. The gateway speaks TLS to a backend if and only if \
             its port is 443, so prompts and answers crossed the network in plaintext.",
    instead: "Serve TLS on port 443 and write that, or, if the server speaks plain HTTP, write `http://`.",
    good: &[Example::url("https://api.example.com:443/v1"), Example::url("http://api.example.com:8443/v1")],
    bad: &[Example::url("https://api.example.com:8443/v1"), Example::url("https://10.0.1.50:80/v1")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.urlKnownScheme == 'https' && variables.urlPortIsClear && variables.urlPort != \
                   0 && variables.urlPort != 443",
        says: "is https on a port other than 443, and the gateway speaks TLS on port 443 only, so \
                   everything would be sent in plaintext; serve TLS on 443, or write `http://` if the \
                   server speaks plain HTTP",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    match (url.parts.known_scheme()?, url.port?) {
        (Scheme::Https, Port::Number(port)) if port != 443 => {
            let problem = Problem::new(
                format!(
                    "is https on port {port}, and the gateway speaks TLS on port 443 only, so everything \
                     would be sent in plaintext"
                ),
                "serve TLS on 443, or write `http://` if the server speaks plain HTTP",
            );
            Some(Problem { part: url.parts.port, ..problem })
        }
        _ => None,
    }
}
