use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::url::Port;

pub(crate) static RULE: Rule = Rule {
    id: "url-port",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The port is 0, empty, over 65535, or not a decimal number.",
    reason: "With a port like `:80a` or `:65536`, Modelplane composes nothing: it deletes the Service that \
             was serving, and freezes every ModelService that selects the endpoint. `:0` and an empty port \
             silently become the scheme's default.",
    instead: "Write a number from 1 to 65535, or leave out the port and the colon for the scheme's default.",
    good: &[Example::url("http://api.example.com:8000/v1"), Example::url("http://api.example.com:080/v1")],
    bad: &[
        Example::url("http://api.example.com:0/v1"),
        Example::url("http://api.example.com:/v1"),
        Example::url("http://api.example.com:65536/v1"),
        Example::url("http://api.example.com:80a/v1"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.urlPortIsClear && variables.urlPortText != '' && variables.urlPort == 0",
        says: "has a `:` after its host without a port from 1 to 65535, so Modelplane composes nothing for \
               it or uses the scheme's default; write such a port, or leave the `:` out",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let problem = match url.port? {
        Port::Default | Port::Number(_) => return None,
        Port::Empty => Problem::new(
            "has a `:` after its host, but no port",
            "write a port from 1 to 65535, or leave the `:` out",
        ),
        Port::Zero => Problem::new(
            "has the port 0, which silently becomes the scheme's default",
            "write a port from 1 to 65535, or none",
        ),
        Port::TooLarge => Problem::new(
            format!(
                "has the port {}, so Modelplane composes nothing for it",
                url.show(url.parts.port.unwrap_or_default())
            ),
            "write a port from 1 to 65535",
        ),
        Port::NotDecimal(text) => Problem::new(
            format!(
                "has the port {}, which is not a decimal number, so Modelplane composes nothing for it",
                url.show(text)
            ),
            "write a port from 1 to 65535",
        ),
    };
    Some(Problem { part: url.parts.port, ..problem })
}
