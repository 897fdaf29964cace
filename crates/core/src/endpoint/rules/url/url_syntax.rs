use crate::endpoint::field::{Field, Value};
use crate::endpoint::quote::NamedList;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::url::{BareIpv6, UrlFault, is_uri_byte};

pub(crate) static RULE: Rule = Rule {
    id: "url-syntax",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The url is not an absolute URI with a host (RFC 3986) that every parser reads alike.",
    reason: "Somebody changed a ready endpoint to `http://[::1`. Modelplane's composition code raised an \
             exception for every ModelService that selects the endpoint: healthy services froze because of \
             one typing error. A url without a scheme makes Modelplane compose nothing, so the Service that \
             was serving is deleted. With a backslash or a tab, parsers disagree about the host.",
    instead: "Write scheme, host, port and path in ASCII, without white space: `https://api.example.com/v1`. \
              A block scalar (`|`, `>`) in YAML adds a line break: write the value on one line, or use `|-`. \
              Write an internationalized name in its punycode form. In the path, brackets and a percent sign \
              without two digits after it are admitted, although RFC 3986 does not allow them, because \
              nothing that routes traffic reads the path. Such a path gives no default for rewritePath, and \
              a warning says so.",
    good: &[Example::url("https://api.example.com/v1"), Example::url("HTTP://[2001:db8::10]:8000/v1")],
    bad: &[
        Example::url("http://[::1"),
        Example::url("api.example.com/v1"),
        Example::url("http:/api.example.com/v1"),
        Example::url("http://http://api.example.com/v1"),
        Example::url("http://2001:db8::10/v1"),
        Example::url("https://api.example.com/v1\n"),
        Example::url("https://good.example.com\\.evil.example.net/v1"),
        Example::url("https://bücher.example/v1"),
        Example::url("https://api.example.com/\u{200b}v1"),
        Example::url("https://${HOST}/v1"),
        Example::url("https://{{ .host }}/v1"),
        Example::url("1http://api.example.com/v1"),
    ],
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "variables.writtenUrl == ''",
            says: "is empty; write the endpoint's URL, as `https://api.example.com/v1`",
        },
        Case {
            when: "variables.urlFault == 'template'",
            says: "contains a placeholder that was not filled in; render the template before you apply it",
        },
        Case {
            when: "variables.urlFault == 'characters'",
            says: "contains a character that a URL cannot contain (RFC 3986) and parsers read differently; \
                   remove it",
        },
        Case {
            when: "variables.urlFault == 'no-scheme'",
            says: "has no scheme, so Modelplane composes nothing for it; write `http://` or `https://` in \
                   front",
        },
        Case {
            when: "variables.urlFault == 'malformed-scheme'",
            says: "has a malformed scheme; write `http://` or `https://` in front",
        },
        Case {
            when: "variables.urlFault == 'no-authority'",
            says: "has no `//` before its host, so it has no host; write `http://<host>` or \
                   `https://<host>`",
        },
        Case {
            when: "variables.urlFault == 'bare-ipv6'",
            says: "has an IPv6 address without brackets, so one of its colons is read as the start of a \
                   port; write `[2001:db8::10]`",
        },
        Case {
            when: "variables.urlFault == 'scheme-twice'",
            says: "has its scheme twice, so the second one is read as the host; write it once",
        },
        Case {
            when: "variables.urlFault == 'brackets'",
            says: "has a misplaced `[` or `]`: Modelplane's composition fails on it, which freezes every \
                   ModelService that selects this endpoint; use brackets only around an IPv6 address",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = match &subject.url {
        Value::Absent => return None,
        Value::NotText => return Some(Problem::new("is not a string", "write the URL as text")),
        Value::Text(url) => url,
    };
    let problem = match url.fault.as_ref()? {
        UrlFault::Empty => {
            Problem::new("is empty", "write the endpoint's URL, as `https://api.example.com/v1`")
        }
        UrlFault::Template(placeholder) => Problem::new(
            format!("contains {}, a placeholder that was not filled in", url.show(placeholder)),
            "render the template before you apply it",
        ),
        UrlFault::Characters(characters) => of_characters(characters, url.parts.text),
        UrlFault::NoScheme => Problem::new(
            "has no scheme, so Modelplane composes nothing for it",
            "write `http://` or `https://` in front",
        ),
        UrlFault::Scheme => Problem::new("has a malformed scheme", "write `http://` or `https://` in front"),
        UrlFault::NoAuthority => Problem::new(
            "has no `//` before its host, so it has no host",
            "write `http://<host>` or `https://<host>`",
        ),
        UrlFault::SchemeTwice => {
            Problem::new("has its scheme twice, so the second one is read as the host", "write it once")
        }
        UrlFault::Brackets => Problem::new(
            "has a misplaced `[` or `]`: Modelplane's composition fails on it, which freezes every \
             ModelService that selects this endpoint",
            "use brackets only around an IPv6 address, as `http://[2001:db8::10]:8000/v1`",
        ),
        UrlFault::BareIpv6(bare) => Problem::new(
            "has an IPv6 address without brackets, so one of its colons is read as the start of a port",
            match bare {
                BareIpv6::Address(address) => format!("write `[{address}]`"),
                BareIpv6::WithPort(address, port) => format!("write `[{address}]:{port}`"),
                BareIpv6::Either(whole, (address, port)) => {
                    format!("write `[{whole}]`, or `[{address}]:{port}` if its end is the port")
                }
            },
        ),
    };
    Some(Problem { part: url.faulty_part(), ..problem })
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
            "contains characters that a URL cannot contain (RFC 3986), in a part that could be a secret",
            "remove that part",
        );
    }
    let found = NamedList(characters);
    if characters.contains(&'\\') {
        return Problem::new(
            format!("contains {found}: some parsers read a backslash as a slash, and reach another host"),
            "write URLs with `/`",
        );
    }
    if characters.iter().all(|c| !c.is_ascii() && c.is_alphanumeric()) {
        return Problem::new(
            format!("contains {found}, but a URL is ASCII only"),
            "write a host in punycode and leave the rest out",
        );
    }
    Problem::new(
        format!("contains {found}, which a URL cannot contain (RFC 3986) and parsers read differently"),
        "remove it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_told_by_what_goes_wrong_with_them() {
        for (text, beginning) in [
            ("http://h.example\n", "ends in a line break"),
            ("http://h.example\r\n", "ends in a line break"),
            ("http://h.ex\nample\n", "contains a line break (U+000A), which a URL cannot contain"),
            (
                "http://h.example \n",
                "contains a space (U+0020) and a line break (U+000A), which a URL cannot contain",
            ),
            (
                "http://h.example\\ü",
                "contains a backslash (U+005C) and `ü`: some parsers read a backslash as a slash",
            ),
            ("http://ü.example", "contains `ü`, but a URL is ASCII only"),
            ("http://ü.example/|", "contains `ü` and `|`, which a URL cannot contain"),
            ("http://h.example/|", "contains `|`, which a URL cannot contain"),
            ("http://h.example/\u{200b}", "contains a zero-width space (U+200B), which a URL cannot contain"),
            (
                "http://пароль@h.example/",
                "contains characters that a URL cannot contain (RFC 3986), in a part that could be a \
                 secret",
            ),
            (
                "http://fd00::1/",
                "has an IPv6 address without brackets, so one of its colons is read as the start of a port; \
                 write `[fd00::1]`",
            ),
            (
                "http://fd00:9:a:b:c:d:e:f:8000/",
                "has an IPv6 address without brackets, so one of its colons is read as the start of a port; \
                 write `[fd00:9:a:b:c:d:e:f]:8000`",
            ),
            (
                "http://fd00::1:8000/",
                "has an IPv6 address without brackets, so one of its colons is read as the start of a port; \
                 write `[fd00::1:8000]`, or `[fd00::1]:8000` if its end is the port",
            ),
        ] {
            let subject = Subject::new(Value::Text(text), Value::Absent, None);
            let Problem { problem, remedy, .. } = check(&subject).expect("a problem");
            let message = format!("{problem}; {remedy}");
            assert!(message.starts_with(beginning), "{text:?}: {message}");
        }
    }
}
