use crate::endpoint::field::Field;
use crate::endpoint::origin::{MOST_PORT_DIGITS, second_separator};
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::url::Port;

pub(crate) static RULE: Rule = Rule {
    id: "origin-port",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The port is 0, empty, over 65535, or not a decimal number of at most five digits.",
    reason: "Modelplane's composition fails on a port that is not a number, for every ModelRoute that \
             selects the endpoint. The resource's schema refuses such a port too, and says only that a rule \
             failed.",
    instead: "Write a number from 1 to 65535, or leave out the port and the colon: the default is 443 for \
              https and 80 for http.",
    good: &[
        Example::origin("http://llm.example.com:8000"),
        Example::origin("https://llm.example.com:8443"),
        Example::origin("http://llm.example.com:00080"),
    ],
    bad: &[
        Example::origin("http://llm.example.com:0"),
        Example::origin("http://llm.example.com:"),
        Example::origin("http://llm.example.com:65536"),
        Example::origin("http://llm.example.com:80a"),
        Example::origin("https://llm.example.com:000443"),
        Example::origin("https://llm.example.com::443"),
    ],
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "!variables.originHasSecondSeparator && variables.urlPortIsClear && variables.urlPortText == ':'",
            says: "has a `:` after its host, but no port; write a port from 1 to 65535, or leave the `:` out",
        },
        Case {
            when: "!variables.originHasSecondSeparator && variables.urlPortIsClear && variables.urlPortText != '' &&
(variables.urlPort == 0 || variables.urlPortText.size() > ':65535'.size())",
            says: "has a port that is not valid; write a number from 1 to 65535, without leading zeros",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let origin = subject.origin.text()?;
    let written = origin.parts.port;
    if second_separator(origin.parts.text).is_some() {
        return None;
    }
    let problem = match origin.port? {
        Port::Default => return None,
        Port::Number(_) if written.is_some_and(|digits| digits.len() <= MOST_PORT_DIGITS) => return None,
        Port::Empty => Problem::new(
            "has a `:` after its host, but no port",
            "write a port from 1 to 65535, or leave the `:` out",
        ),
        Port::Zero | Port::Number(_) | Port::TooLarge | Port::NotDecimal(_) => Problem::new(
            format!("has the port {}, which is not a valid port", origin.show(written.unwrap_or_default())),
            "write a number from 1 to 65535, without leading zeros",
        ),
    };
    Some(Problem { part: written, ..problem })
}
