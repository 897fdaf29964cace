use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::url::UrlFault;

pub(crate) static RULE: Rule = Rule {
    id: "url-scheme",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueNotSupported",
    summary: "The scheme is neither http nor https.",
    reason: "`grpcs://llm.example.com` was accepted silently. Modelplane knows only whether a scheme is \
             https, so it routed the traffic to port 80, in plaintext.",
    instead: "Write `http://` or `https://`. A server that speaks another protocol needs a proxy in front.",
    good: &[Example::url("http://api.example.com/v1"), Example::url("HTTPS://api.example.com/v1")],
    bad: &[
        Example::url("ftp://api.example.com/v1"),
        Example::url("grpcs://api.example.com/v1"),
        Example::url("htps://api.example.com/v1"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.urlHasAuthority && !(variables.urlFault in ['malformed-scheme', 'template']) \
                   && variables.urlScheme.matches(r'^[A-Za-z0-9+.-]+$') && !(variables.urlKnownScheme in \
                   ['http', 'https'])",
        says: "has a scheme other than http and https, and the gateway would send plaintext to port 80; \
                   write `http://` or `https://`",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let scheme = url.parts.scheme?;
    let is_one =
        url.parts.authority.is_some() && !matches!(url.fault, Some(UrlFault::Scheme | UrlFault::Template(_)));
    let readable = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_one || !readable || url.parts.known_scheme().is_some() {
        return None;
    }
    let problem = Problem::new(
        format!("has the scheme {}, and the gateway would send plaintext to port 80", url.show(scheme)),
        "write `http://` or `https://`",
    );
    Some(problem.at(scheme))
}
