//! An origin and its prefix flow in; how the gateway and the resource's schema read them flows out.
//!
//! An origin is scheme, host and port: `https://api.example.com:8443`. Modelplane's composition splits it at the
//! first `://` and the first `:` after that. What it composes accepts only lower-case DNS names (Envoy Gateway's
//! `Backend`).

use super::host::Host;
use super::url::{Port, Scheme};
use super::{EndpointUrl, Spec};

/// The default of `api.prefix` in the schema, which is filled in before admission.
pub const DEFAULT_PREFIX: &str = "/v1";
/// The most digits of a port, including leading zeros (a rule of the schema).
pub(super) const MOST_PORT_DIGITS: usize = 5;

/// The text from a second `://` on, which makes Modelplane's composition fail.
#[must_use]
pub(super) fn second_separator(origin: &str) -> Option<&str> {
    origin.match_indices("://").nth(1).map(|(at, _)| &origin[at..])
}

/// The equivalent origin that works, if it is certain: scheme and host in lower case, and without a path that is
/// empty or repeats the prefix. `None` if the origin already has this form.
#[must_use]
pub(crate) fn normal_form(origin: &str, prefix: &str) -> Option<String> {
    let (normal, path) = take_apart(origin)?;
    let without_slash = |path: &'_ str| path.strip_suffix('/').unwrap_or(path).to_owned();
    let says_nothing = path.is_empty() || path == "/" || without_slash(path) == without_slash(prefix);
    (says_nothing && normal != origin).then_some(normal)
}

/// The two values to write if an origin has a path that is not its prefix.
#[must_use]
pub(super) fn origin_and_prefix(origin: &str) -> Option<(String, &str)> {
    let (normal, path) = take_apart(origin)?;
    let prefix = path.strip_suffix('/').unwrap_or(path);
    let is_plain = prefix.split('/').skip(1).all(|segment| !["", ".", ".."].contains(&segment));
    (!prefix.is_empty() && is_plain).then_some((normal, prefix))
}

/// Scheme, host and port in lower case, and the path after them, of an origin that has nothing else and whose host is
/// a DNS name.
fn take_apart(origin: &str) -> Option<(String, &str)> {
    let url = EndpointUrl::read(origin);
    let parts = &url.parts;
    let has_more = parts.userinfo.is_some() || parts.query.is_some() || parts.fragment.is_some();
    if url.fault.is_some() || has_more || second_separator(origin).is_some() {
        return None;
    }
    let scheme = match parts.known_scheme()? {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let host = match url.host? {
        Host::Name(name) if !name.ends_with('.') => name.to_ascii_lowercase(),
        _ => return None,
    };
    let port = match (url.port?, parts.port) {
        (Port::Default, _) => String::new(),
        (Port::Number(_), Some(digits)) if digits.len() <= MOST_PORT_DIGITS => format!(":{digits}"),
        _ => return None,
    };
    Some((format!("{scheme}://{host}{port}"), parts.path))
}

/// Whether the resource's schema refuses `origin` or `api.prefix`. Values of another type and values that are too
/// long do not count: the schema's message about them is clear.
#[must_use]
pub(crate) fn is_refused_by_schema(spec: &Spec<'_>) -> bool {
    spec.origin.text().is_some_and(|origin| !is_taken_by_schema(origin))
        || spec.prefix.text().is_some_and(|prefix| !prefix.starts_with('/'))
}

/// Whether the schema accepts the origin. Its rules look at the text between the first `://` and the second.
#[must_use]
fn is_taken_by_schema(origin: &str) -> bool {
    let Some(rest) = ["http://", "https://"].iter().find_map(|scheme| origin.strip_prefix(scheme)) else {
        return false;
    };
    let authority = rest.split("://").next().unwrap_or_default();
    !authority.is_empty()
        && !authority.contains('/')
        && !authority.starts_with('[')
        && has_port_or_none(authority)
        && !is_ipv4(authority)
}

fn has_port_or_none(authority: &str) -> bool {
    let Some((_, port)) = authority.split_once(':') else { return true };
    let is_number =
        (1..=MOST_PORT_DIGITS).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    is_number && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_ipv4(authority: &str) -> bool {
    let host = authority.split(':').next().unwrap_or_default();
    let is_decimal = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    host.split('.').count() == 4 && host.split('.').all(is_decimal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_form_of_an_origin_is_the_same_place() {
        for (origin, prefix, normal) in [
            ("https://api.example.com", "/v1", None),
            ("https://API.Example.com", "/v1", Some("https://api.example.com")),
            ("HTTP://api.example.com:080", "/v1", Some("http://api.example.com:080")),
            ("https://api.example.com/", "/openai", Some("https://api.example.com")),
            ("https://API.example.com/v1", "/v1", Some("https://api.example.com")),
            ("https://api.example.com:8443/v1/", "/v1", Some("https://api.example.com:8443")),
            ("https://api.example.com/openai/v1", "/openai/v1/", Some("https://api.example.com")),
            ("https://api.example.com/openai/v1", "/v1", None),
            ("https://api.example.com//", "/v1", None),
            ("https://api.example.com/V1", "/v1", None),
            ("https://API.example.com.", "/v1", None),
            ("https://VLLM:8000", "/v1", None),
            ("https://10.0.0.1/v1", "/v1", None),
            ("https://user@API.example.com", "/v1", None),
            ("https://API.example.com?x", "/v1", None),
            ("https://API.example.com:", "/v1", None),
            ("https://API.example.com:000080", "/v1", None),
            ("https://API.example.com://x", "://x", None),
            ("https://My_Host.example.com", "/v1", None),
            ("ftp://API.example.com", "/v1", None),
        ] {
            assert_eq!(normal_form(origin, prefix).as_deref(), normal, "{origin} {prefix}");
        }
    }

    #[test]
    fn a_path_in_an_origin_is_a_prefix_to_write() {
        for (origin, values) in [
            ("https://API.groq.com/openai/v1/", Some(("https://api.groq.com", "/openai/v1"))),
            ("https://api.example.com/V1", Some(("https://api.example.com", "/V1"))),
            ("https://api.example.com", None),
            ("https://api.example.com/a/../b", None),
            ("https://api.example.com//", None),
            ("https://vllm/v1", None),
        ] {
            let written = origin_and_prefix(origin);
            assert_eq!(
                written.as_ref().map(|(origin, prefix)| (origin.as_str(), *prefix)),
                values,
                "{origin}"
            );
        }
    }

    #[test]
    fn the_schema_looks_no_further_than_a_second_separator() {
        for origin in [
            "https://api.example.com",
            "http://api.example.com:00080",
            "https://h://8080",
            "https://a?u=http://b/c",
            "https://user@h:443",
            "https://h#f",
            "http://1.2.3",
            "http://10.0.0.1.",
            "http://:80",
            "https://https://h/x",
        ] {
            assert!(is_taken_by_schema(origin), "{origin}");
        }
        for origin in [
            "",
            "https://",
            "HTTPS://h.example",
            "ftp://h.example",
            "https:/h.example",
            "https://h.example/",
            "https://h.example/v1",
            "https://h.example:",
            "https://h.example:0",
            "https://h.example:65536",
            "https://h.example:000080",
            "https://h.example:1:2",
            "https://h.example:443\n",
            "https://user:pass@h.example",
            "https://[::1]",
            "https://[",
            "http://10.0.1.50",
            "http://999.999.999.999:80",
        ] {
            assert!(!is_taken_by_schema(origin), "{origin}");
        }
    }
}
