use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::url::{Port, Scheme};

pub(crate) static RULE: Rule = Rule {
    id: "origin-port-scheme",
    field: Field::Origin,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The port is the other scheme's: http on 443, or https on 80.",
    reason: "The scheme alone says whether the gateway speaks TLS. `http://api.example.com:443` sends \
             plaintext to a port where servers expect TLS, and `https://api.example.com:80` the reverse.",
    instead: "Write the scheme that the server speaks on this port.",
    good: &[
        Example::origin("https://api.example.com:443"),
        Example::origin("http://api.example.com:80"),
        Example::origin("https://api.example.com:8443"),
    ],
    bad: &[
        Example::origin("http://api.example.com:443"),
        Example::origin("https://api.example.com:80"),
        Example::origin("https://api.example.com:0080"),
    ],
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "variables.urlPortIsClear && variables.urlKnownScheme == 'http' && variables.urlPort == 443",
            says: "sends plaintext to port 443; write `https://`",
        },
        Case {
            when: "variables.urlPortIsClear && variables.urlKnownScheme == 'https' && variables.urlPort == 80",
            says: "speaks TLS to port 80; write `http://`, or another port",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let origin = subject.origin.text()?;
    let problem = match (origin.parts.known_scheme()?, origin.port?) {
        (Scheme::Http, Port::Number(443)) => Problem::new(
            "is http on port 443, where servers expect TLS",
            "write \
                                                                                                            `https://`",
        ),
        (Scheme::Https, Port::Number(80)) => Problem::new(
            "is https on port 80, where servers expect plain HTTP",
            "write `http://`, or \
                                                                                  another port",
        ),
        _ => return None,
    };
    Some(Problem { part: origin.parts.port, ..problem })
}
