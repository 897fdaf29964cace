//! The url that was probably meant.

use std::net::Ipv6Addr;

use super::{LONGEST, scheme_prefix, suggestion, unwrapped};
use crate::endpoint::host::{Host, HostFault};
use crate::endpoint::placeholder;
use crate::endpoint::rewrite_path::is_unseen;
use crate::endpoint::rules::Suggestion;
use crate::endpoint::script;
use crate::endpoint::url::{BareIpv6, Port, Url, UrlFault};

/// The url with a scheme, without userinfo, fragment and stray white space, and with an address in its canonical
/// text. `None` if that is uncertain, could repeat a secret, or would lose what the provider may need.
#[must_use]
pub(super) fn correct_url(text: &str) -> Option<Suggestion> {
    suggestion(rebuilt(text, "url")?, text, &spelled(text))
}

/// The same for a url that was pasted with this key before it.
pub(super) fn rebuilt(text: &str, key: &str) -> Option<String> {
    if text.len() > 2 * LONGEST || placeholder::find(text).is_some() {
        return None;
    }
    let bare = unwrapped(text, key);
    if has_two_hosts(&Url::split(&bare)) {
        return None;
    }
    let with_scheme = with_scheme(&bare)?;
    let url = Url::split(&with_scheme);
    let loses_query = url.query.is_some_and(|query| !query.is_empty());
    if loses_query {
        return None;
    }
    rebuild(&url)
}

/// Whether a url's path contains nothing that was copied by mistake, such as a second url or a quote.
#[must_use]
pub(super) fn is_clean_url(url: &str) -> bool {
    let path = Url::split(url).path;
    !["http:", "https:", "://", "'"].iter().any(|more| path.contains(more))
}

/// The same url, spelled correctly: without white space around it, and with an address in its canonical text.
fn spelled(text: &str) -> String {
    let text = text.trim_matches(is_unseen);
    let host = Url::split(text).host;
    let canonical = canonical(host);
    let host =
        if host.is_empty() { None } else { canonical.map(|canonical| text.replacen(host, &canonical, 1)) };
    host.unwrap_or_else(|| text.to_owned())
}

/// Whether a person and a parser may read different parts as the host, as in `https://good.example@evil.example`, or
/// with `\` instead of `/`.
fn has_two_hosts(url: &Url<'_>) -> bool {
    let user = url.userinfo.map(|userinfo| userinfo.split(':').next().unwrap_or_default());
    let is_host = user.is_some_and(|user| matches!(Host::classify(user), Host::Name(_) | Host::Ipv4(_)));
    is_host || url.text.contains('\\')
}

/// The text with one scheme. If there are several, the last one counts.
fn with_scheme(text: &str) -> Option<String> {
    const MOST: usize = 3;
    let (mut scheme, mut rest) = (None, text);
    for _ in 0..MOST {
        let Some((found, behind)) = scheme_prefix(rest) else { break };
        (scheme, rest) = (Some(found), behind);
    }
    let scheme = match scheme {
        Some(scheme) => scheme,
        // the scheme of another protocol
        None if text.contains("://") && !text.starts_with("://") => return None,
        None => {
            rest = text.trim_start_matches([':', '/']);
            guessed_scheme(rest)?
        }
    };
    Some(format!("{scheme}://{rest}"))
}

/// `http` if TLS is unlikely: for an address, a Service of the cluster, or a port without TLS. `None` for 8443 and
/// similar ports: the gateway does not speak TLS there, and plaintext was not meant.
fn guessed_scheme(rest: &str) -> Option<&'static str> {
    let reference = format!("http://{rest}");
    let url = Url::split(&reference);
    let name = url.host.trim_end_matches('.').to_ascii_lowercase();
    let in_cluster = name.split('.').any(|label| label == "svc") || name.ends_with(".cluster.local");
    let is_name = matches!(url.classify_host(), Host::Name(_)) || !url.host.is_ascii();
    Some(match url.fault() {
        Some(UrlFault::BareIpv6(_)) => "http",
        _ => match url.classify_port() {
            Port::Number(443) => "https",
            Port::Number(port) if port % 1000 == 443 => return None,
            Port::Default if is_name && !in_cluster => "https",
            Port::Default | Port::Number(_) => "http",
            _ => return None,
        },
    })
}

/// The url made of the parts that matter, each repaired if possible.
fn rebuild(url: &Url<'_>) -> Option<String> {
    // After a host that may be shown, there are only its port and path.
    let scheme = url.scheme.filter(|_| url.may_show(url.host))?;
    let (host, port) = match url.fault() {
        Some(UrlFault::BareIpv6(BareIpv6::Address(address))) => (bracketed(address), None),
        Some(UrlFault::BareIpv6(BareIpv6::WithPort(address, port))) => (bracketed(address), Some(port)),
        Some(UrlFault::BareIpv6(BareIpv6::Either(..))) => return None,
        _ => (repaired_host(url.host)?, url.port.filter(|port| !port.is_empty())),
    };
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{host}{port}{}", url.path))
}

fn repaired_host(host: &str) -> Option<String> {
    let plain: String = host.chars().map(|c| if script::is_dash(c) { '-' } else { c }).collect();
    if !plain.is_ascii() {
        // Nobody means to write letters of several alphabets in one label.
        return if script::look_alike(&plain).is_some() {
            None
        } else {
            idna::domain_to_ascii_strict(&plain).ok()
        };
    }
    Some(match Host::classify(&plain) {
        // a name or an IPv4 address in brackets
        Host::Refused(HostFault::NotIpv6) => plain.trim_matches(['[', ']']).to_owned(),
        _ => canonical(&plain).unwrap_or(plain),
    })
}

/// An address in the form that an EndpointSlice accepts. `None` if the host is fine or not an address.
fn canonical(host: &str) -> Option<String> {
    match Host::classify(host) {
        Host::Refused(HostFault::Ipv6NotCanonical(address)) => Some(bracketed(address)),
        // One trailing dot is allowed after a name, but not after an address.
        Host::Refused(HostFault::Ipv4Lookalike) => host.strip_suffix('.').map(str::to_owned),
        _ => None,
    }
}

fn bracketed(address: Ipv6Addr) -> String {
    format!("[{address}]")
}
