//! The origin that was probably meant.

use super::{LONGEST, suggestion, url};
use crate::endpoint::EndpointUrl;
use crate::endpoint::host::Host;
use crate::endpoint::origin::second_separator;
use crate::endpoint::rewrite_path::is_unseen;
use crate::endpoint::rules::{Applicability, Suggestion};
use crate::endpoint::url::Url;

/// Scheme, host and port, in lower case and without userinfo, fragment and stray white space. `None` if that is
/// uncertain, could repeat a secret, or would lose a path or a query.
#[must_use]
pub(super) fn correct_origin(text: &str) -> Option<Suggestion> {
    if text.len() > 2 * LONGEST {
        return None;
    }
    let joined = with_port_behind_a_separator(text);
    let rebuilt = url::rebuilt(joined.as_deref().unwrap_or(text), "origin")?;
    let value = bare(&Url::split(&rebuilt))?;
    let applicability = if says_the_same(text, &value) { Applicability::Safe } else { Applicability::Unsafe };
    suggestion(value.clone(), text, &value).map(|meant| Suggestion { applicability, ..meant })
}

/// `https://h.example://8080`, where `:8080` was meant.
fn with_port_behind_a_separator(text: &str) -> Option<String> {
    let text = text.trim_matches(is_unseen);
    let separator = second_separator(text)?;
    let port = separator.strip_prefix("://")?.trim_matches('/');
    let before = &text[..text.len() - separator.len()];
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    let colon = if port.is_empty() { "" } else { ":" };
    is_port.then(|| format!("{before}{colon}{port}"))
}

/// Scheme, host and port of a url without a path.
fn bare(url: &Url<'_>) -> Option<String> {
    if !["", "/"].contains(&url.path) {
        return None;
    }
    let host = url.host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host);
    let port = match url.port {
        None | Some("") => String::new(),
        Some(port) => format!(":{}", Some(port.trim_start_matches('0')).filter(|port| !port.is_empty())?),
    };
    Some(format!("{}://{host}{port}", url.scheme?.to_ascii_lowercase()))
}

/// Whether both have the same scheme, host and port, and the written text adds only what means nothing: white space
/// around it, upper case, a dot after the name, or a slash.
fn says_the_same(text: &str, value: &str) -> bool {
    let (written, meant) = (EndpointUrl::read(text.trim_matches(is_unseen)), EndpointUrl::read(value));
    let (parts, other) = (&written.parts, &meant.parts);
    let has_more = parts.userinfo.is_some() || parts.query.is_some() || parts.fragment.is_some();
    let is_name = matches!(written.host, Some(Host::Name(_)));
    is_name
        && written.fault.is_none()
        && !has_more
        && ["", "/"].contains(&parts.path)
        && parts.known_scheme() == other.known_scheme()
        && parts.host.trim_end_matches('.').eq_ignore_ascii_case(other.host)
        && parts.port.is_some() == other.port.is_some()
}
