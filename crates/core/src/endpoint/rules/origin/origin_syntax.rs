use crate::endpoint::field::{Field, Value};
use crate::endpoint::quote::NamedList;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::url::{UrlFault, is_uri_byte};

pub(crate) static RULE: Rule = Rule {
    id: "origin-syntax",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The origin is not a scheme, host and port that every parser reads alike (RFC 3986).",
    reason: "`https://${HOST}` came from a template that nobody rendered, and `https://api.example.com` with \
             a line break at its end came from a YAML block scalar. The resource's schema accepts both. The \
             Backend that Modelplane composes is refused, and requests are answered with 500, while the \
             endpoint says that it is ready.",
    instead: "Write scheme, host and port in ASCII, without white space: `https://api.example.com:8443`. A \
              block scalar (`|`, `>`) in YAML adds a line break: write the value on one line. Write an \
              internationalized name in its punycode form.",
    good: &[Example::origin("https://api.example.com"), Example::origin("http://llm.example.com:8000")],
    bad: &[
        Example::origin("api.example.com"),
        Example::origin("https:/api.example.com"),
        Example::origin("https://api.example.com\n"),
        Example::origin("https://a.example.com\\.b.example.com"),
        Example::origin("https://bücher.example"),
        Example::origin("https://api.example.com\u{200b}"),
        Example::origin("https://${HOST}"),
        Example::origin("https://<resource>.openai.azure.com"),
        Example::origin("1http://api.example.com"),
    ],
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "variables.writtenOrigin == ''",
            says: "is empty; write scheme and host, as `https://api.example.com`",
        },
        Case {
            when: "variables.urlFault == 'template'",
            says: "contains a placeholder that was not filled in; render the template before you apply it",
        },
        Case {
            when: "variables.urlFault == 'characters'",
            says: "contains a character that is not allowed in a host, so the gateway's Backend is refused; remove it",
        },
        Case {
            when: "variables.urlFault == 'no-scheme'",
            says: "has no scheme; write `https://` in front, or `http://` for plain HTTP",
        },
        Case {
            when: "variables.urlFault == 'malformed-scheme'",
            says: "has a malformed scheme; write `http://` or `https://` in front",
        },
        Case {
            when: "variables.urlFault == 'no-authority'",
            says: "has no `//` before its host, so it has no host; write `http://<host>` or `https://<host>`",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let origin = match &subject.origin {
        Value::Absent => return None,
        Value::NotText => return Some(Problem::new("is not a string", "write the origin as text")),
        Value::Text(origin) => origin,
    };
    let problem = match origin.fault.as_ref()? {
        UrlFault::Empty => Problem::new("is empty", "write scheme and host, as `https://api.example.com`"),
        UrlFault::Template(placeholder) => Problem::new(
            format!("contains {}, a placeholder that was not filled in", origin.show(placeholder)),
            "render the template before you apply it",
        ),
        UrlFault::Characters(characters) => of_characters(characters, origin.parts.text),
        UrlFault::NoScheme => {
            Problem::new("has no scheme", "write `https://` in front, or `http://` for plain HTTP")
        }
        UrlFault::Scheme => Problem::new("has a malformed scheme", "write `http://` or `https://` in front"),
        UrlFault::NoAuthority => Problem::new(
            "has no `//` before its host, so it has no host",
            "write `http://<host>` or `https://<host>`",
        ),
        // brackets and bare addresses are the business of the rule about addresses
        UrlFault::SchemeTwice | UrlFault::Brackets | UrlFault::BareIpv6(_) => return None,
    };
    Some(Problem { part: origin.faulty_part(), ..problem })
}

fn of_characters(characters: &[char], text: &str) -> Problem<'static> {
    if text.trim_end_matches(['\n', '\r']).bytes().all(is_uri_byte) {
        return Problem::new(
            "ends in a line break, which YAML's `|` and `>` add",
            "write the value on one line, or use `|-`",
        );
    }
    if characters.is_empty() {
        return Problem::new(
            "contains characters that a host cannot contain, in a part that could be a secret",
            "write scheme, host and port only",
        );
    }
    let found = NamedList(characters);
    if characters.iter().all(|c| !c.is_ascii() && c.is_alphanumeric()) {
        return Problem::new(
            format!("contains {found}, but a host is ASCII only"),
            "write the host in punycode",
        );
    }
    Problem::new(
        format!("contains {found}, which a host cannot contain: the gateway's Backend is refused"),
        "remove it",
    )
}
