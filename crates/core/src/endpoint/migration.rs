//! An endpoint of Modelplane before 0.5 flows in; what to write for Modelplane 0.5 flows out.
//!
//! The old gateway sent `rewritePath` and then `v1/chat/completions`. The new one sends `api.prefix` and then
//! `chat/completions`.

use std::borrow::Cow;

use super::api_path::is_version;
use super::field::{Field, Value};
use super::host::Host;
use super::judge::judge;
use super::policy::NOWHERE;
use super::rules::{Severity, Subject};
use super::url::{Port, Scheme};
use super::{EndpointUrl, Spec};

/// The fields of Modelplane 0.5 that point to the same server and path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    pub origin: String,
    pub prefix: String,
}

/// Why a url can't be migrated, for its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    pub field: Field,
    pub problem: Cow<'static, str>,
    pub remedy: Cow<'static, str>,
}

/// Returns the fields of Modelplane 0.5 that point to the same server and path.
///
/// # Errors
/// If there are none, or they are uncertain: addresses, passwords, queries, and values that the rules refuse.
pub fn migrate(spec: &Spec<'_>) -> Result<Migrated, Obstacle> {
    let Value::Text(text) = spec.url else {
        return Err(Obstacle::of_url("is not a string", "write the URL as text"));
    };
    let url = EndpointUrl::read(text);
    if let Some(obstacle) = lost(&url) {
        return Err(obstacle);
    }
    let migrated = Migrated { origin: origin(&url)?, prefix: prefix(&url, spec.rewrite_path) };
    match obstacle(&migrated) {
        None => Ok(migrated),
        Some(obstacle) => Err(obstacle),
    }
}

/// The parts that an origin can't have.
fn lost(url: &EndpointUrl<'_>) -> Option<Obstacle> {
    let (problem, remedy) = if url.parts.userinfo.is_some() {
        (
            "contains a user name or a password, but an origin cannot",
            "put it into a Secret as a bearer token, name that in `credential.apiKey.secretRef`, and remove \
             it here",
        )
    } else if url.parts.query.is_some() || url.parts.fragment.is_some() {
        (
            "has a query or a fragment, which Modelplane 0.5 has no field for",
            "leave it out, or put a proxy in front that adds it",
        )
    } else if url.address().is_some() {
        (
            "has an IP address as its host, and Modelplane 0.5 accepts only DNS names",
            "give the server a DNS name; if Modelplane composed the endpoint, leave it: Modelplane composes \
             it again",
        )
    } else if url.fault.is_some() {
        ("is not a readable URL", "correct it first: `modelendpoint check` says what is wrong")
    } else {
        return None;
    };
    Some(Obstacle::of_url(problem, remedy))
}

/// Scheme, host and port. The old gateway spoke TLS to port 443 and to no other, whatever the scheme.
fn origin(url: &EndpointUrl<'_>) -> Result<String, Obstacle> {
    let host = match url.host {
        Some(Host::Name(name)) => name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase(),
        _ => url.parts.host.to_owned(),
    };
    let port = url.parts.port.map(|port| format!(":{port}")).unwrap_or_default();
    match (url.parts.known_scheme(), url.port) {
        (Some(Scheme::Http), Some(Port::Number(443))) => Ok(format!("https://{host}")),
        (Some(Scheme::Https), Some(Port::Default | Port::Number(443))) => Ok(format!("https://{host}{port}")),
        (Some(Scheme::Https), Some(Port::Number(_))) => Err(Obstacle::of_url(
            "is https on a port that the gateway sent plaintext to so far, and Modelplane 0.5 speaks TLS to",
            "write `https://` in `origin` if the server speaks TLS there, `http://` if it does not",
        )),
        (Some(Scheme::Http), _) => Ok(format!("http://{host}{port}")),
        _ => Err(Obstacle::of_url("is neither http nor https", "write `http://` or `https://`")),
    }
}

/// What came before the operation in a request.
fn prefix(url: &EndpointUrl<'_>, rewrite_path: Value<&str>) -> String {
    let has_version = |path: &str| path.split('/').any(is_version);
    let of_url = url.parts.path.trim_end_matches('/');
    // `/v1beta/openai`, which no request could reach before.
    let is_meant_as_it_is = has_version(of_url) && !of_url.ends_with("/v1");
    let path = match rewrite_path {
        Value::Text(path) if !path.is_empty() && !is_meant_as_it_is => path.trim_end_matches('/'),
        _ => of_url,
    };
    if has_version(path) { path.to_owned() } else { format!("{path}/v1") }
}

/// What the rules deny about it.
fn obstacle(migrated: &Migrated) -> Option<Obstacle> {
    let (origin, prefix) = (Value::Text(&*migrated.origin), Value::Text(&*migrated.prefix));
    let violations = judge(&Subject::of(Spec { origin, prefix, ..Spec::EMPTY }, None, &NOWHERE));
    let denial = violations.into_iter().find(|violation| violation.severity == Severity::Deny)?;
    let field = if denial.rule.field == Field::Prefix { Field::RewritePath } else { Field::Url };
    Some(Obstacle { field, problem: denial.problem, remedy: denial.remedy })
}

impl Obstacle {
    fn of_url(problem: &'static str, remedy: &'static str) -> Self {
        Obstacle { field: Field::Url, problem: problem.into(), remedy: remedy.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrated(url: &str, path: Option<&str>) -> Result<(String, String), &'static str> {
        let path = path.map_or(Value::Absent, Value::Text);
        match migrate(&Spec::of_url(Value::Text(url), path)) {
            Ok(Migrated { origin, prefix }) => Ok((origin, prefix)),
            Err(Obstacle { field, .. }) => Err(field.path()),
        }
    }

    #[test]
    fn each_url_leads_to_where_it_led() {
        for (url, path, origin, prefix) in [
            ("https://api.openai.com/v1", Some("/"), "https://api.openai.com", "/v1"),
            ("https://api.openai.com", None, "https://api.openai.com", "/v1"),
            ("https://api.openai.com/v1", Some(""), "https://api.openai.com", "/v1"),
            ("https://api.groq.com/openai/v1", Some("/openai/"), "https://api.groq.com", "/openai/v1"),
            ("https://api.groq.com", Some("/openai/"), "https://api.groq.com", "/openai/v1"),
            ("https://api.groq.com/openai/v1/", None, "https://api.groq.com", "/openai/v1"),
            ("https://API.Together.xyz/v1/", Some("/"), "https://api.together.xyz", "/v1"),
            ("HTTPS://h.example.com./v1", Some("/"), "https://h.example.com", "/v1"),
            ("https://h.example.com:443/v1", Some("/"), "https://h.example.com:443", "/v1"),
            ("http://h.example.com:8000", Some("/a/b/"), "http://h.example.com:8000", "/a/b/v1"),
            ("https://g.example.com/v1beta/openai", Some("/"), "https://g.example.com", "/v1beta/openai"),
            ("https://g.example.com/v1beta/openai", None, "https://g.example.com", "/v1beta/openai"),
            ("http://h.example.com:443/v1", Some("/"), "https://h.example.com", "/v1"),
            ("http://h.example.com/v1", Some("/v1/"), "http://h.example.com", "/v1"),
        ] {
            assert_eq!(migrated(url, path), Ok((origin.to_owned(), prefix.to_owned())), "{url} {path:?}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_told() {
        for (url, path, field) in [
            ("http://10.0.1.50/ml-team/r/", Some("/ml-team/r/"), "spec.url"),
            ("http://[2001:db8::10]/v1", None, "spec.url"),
            ("https://u:p@h.example.com/v1", Some("/"), "spec.url"),
            ("https://h.example.com/v1?api-version=1", Some("/"), "spec.url"),
            ("https://h.example.com:8443/v1", Some("/"), "spec.url"),
            ("http://vllm:8000/v1", Some("/"), "spec.url"),
            ("http://010.0.0.1/v1", Some("/"), "spec.url"),
            ("ftp://h.example.com/v1", Some("/"), "spec.url"),
            ("h.example.com/v1", Some("/"), "spec.url"),
            ("https://h.example.com", Some("/é/"), "spec.rewritePath"),
            ("https://h.example.com", Some("openai"), "spec.rewritePath"),
        ] {
            assert_eq!(migrated(url, path), Err(field), "{url} {path:?}");
        }
    }
}
