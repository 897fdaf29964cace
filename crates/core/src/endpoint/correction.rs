//! A refused value flows in; what was probably meant flows out, if the rules allow it.

use std::net::Ipv6Addr;

use super::field::Value;
use super::host::{Host, HostFault};
use super::rewrite_path::{RewritePath, is_unseen, without_version};
use super::rules::{self, Severity, Subject};
use super::url::{BareIpv6, Port, Scheme, Url, UrlFault};

/// Longest suggestion that helps in a message, in bytes.
const LONGEST: usize = 200;

/// The url that was probably meant: with scheme, without userinfo, query, fragment and stray white
/// space, an address in its canonical text. `None` where that is not known, or still refused, or could
/// repeat a secret.
#[must_use]
pub fn correct_url(text: &str) -> Option<String> {
    let trimmed =
        text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\u{feff}' | '\u{200b}'));
    let url = Url::split(trimmed);
    if has_two_hosts(&url) {
        return None;
    }
    let corrected = match url.fault() {
        Some(UrlFault::NoScheme) => with_scheme(trimmed)?,
        Some(UrlFault::NoAuthority) => {
            let scheme = url.scheme.filter(|scheme| Scheme::named(scheme).is_some())?;
            format!("{scheme}://{}", url.path.trim_start_matches('/'))
        }
        Some(UrlFault::SchemeTwice) => format!("{}:{}", url.host, url.path),
        // `http:///host`
        None if url.authority == Some("") => {
            format!("{}://{}", url.scheme.unwrap_or_default(), url.path.trim_start_matches('/'))
        }
        _ => trimmed.to_owned(),
    };
    let corrected = rebuild(&Url::split(&corrected))?;
    let differs = corrected != text && corrected.len() <= LONGEST;
    (differs && !is_refused(&corrected)).then_some(corrected)
}

/// The rewritePath that was probably meant: a url's path only, without the final `v1` that clients send
/// themselves; slashes in order, without query and fragment. `None` where that is not known, or still refused, or could repeat a secret.
#[must_use]
pub fn correct_rewrite_path(text: &str) -> Option<String> {
    let url = Url::split(text.trim_matches(is_unseen));
    let path = match url.authority {
        Some(_) if url.scheme.is_some() => url.path,
        _ => url.text.split(['?', '#']).next().unwrap_or_default(),
    };
    if !url.may_show(path) {
        return None;
    }
    let mut corrected = String::with_capacity(path.len() + 2);
    let segments = without_version(path).split('/').map(|segment| segment.trim_matches(is_unseen));
    for segment in segments.filter(|segment| !segment.is_empty()) {
        corrected.push('/');
        corrected.push_str(segment);
    }
    corrected.push('/');
    let differs = corrected != text && corrected.len() <= LONGEST;
    let is_template = ["${", "{{"].iter().any(|opening| corrected.contains(opening));
    (differs && !is_template && RewritePath::parse(&corrected).is_ok()).then_some(corrected)
}

/// Whether a person and a parser may take different pieces for the host: `https://good.example@evil.example`,
/// and `\` in the place of `/`.
fn has_two_hosts(url: &Url<'_>) -> bool {
    let user = url.userinfo.map(|userinfo| userinfo.split(':').next().unwrap_or_default());
    let is_host = user.is_some_and(|user| matches!(Host::classify(user), Host::Name(_) | Host::Ipv4(_)));
    is_host || url.text.contains('\\')
}

/// `http` where TLS is unlikely: for an address, a Service of the cluster, or a port other than 443.
fn with_scheme(text: &str) -> Option<String> {
    // `https//host`: only the colon is missing
    if let Some((scheme, rest)) = text.split_once("//")
        && Scheme::named(scheme.trim_end_matches(';')).is_some()
    {
        return Some(format!("{}://{rest}", scheme.trim_end_matches(';')));
    }
    let rest = text.trim_start_matches([':', '/']);
    let reference = format!("http://{rest}");
    let url = Url::split(&reference);
    let name = url.host.trim_end_matches('.').to_ascii_lowercase();
    let in_cluster = [".svc", ".cluster.local"].iter().any(|domain| name.ends_with(domain));
    let is_name = matches!(url.classify_host(), Host::Name(_));
    let scheme = match url.classify_port() {
        Port::Number(443) => "https",
        Port::Default if is_name && !in_cluster => "https",
        Port::Default | Port::Number(_) => "http",
        _ => return None,
    };
    Some(format!("{scheme}://{rest}"))
}

/// The url from those of its parts that matter, each repaired where that is possible.
fn rebuild(url: &Url<'_>) -> Option<String> {
    // a host that may be shown has nothing but its port and path behind it
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
    if !host.is_ascii() {
        return idna::domain_to_ascii_strict(host).ok();
    }
    Some(match Host::classify(host) {
        Host::Refused(HostFault::Ipv6NotCanonical(address)) => bracketed(address),
        Host::Refused(HostFault::NotIpv6) => host.trim_matches(['[', ']']).to_owned(),
        // one trailing dot is fine behind a name, and not behind an address
        Host::Refused(HostFault::Ipv4Lookalike) => host.strip_suffix('.').unwrap_or(host).to_owned(),
        _ => host.to_owned(),
    })
}

fn bracketed(address: Ipv6Addr) -> String {
    format!("[{address}]")
}

fn is_refused(url: &str) -> bool {
    let subject = Subject::new(Value::Text(url), Value::Absent, None);
    rules::ALL.iter().any(|rule| rule.severity == Severity::Deny && (rule.check)(&subject).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_that_was_meant() {
        for (written, meant) in [
            ("api.openai.com/v1", Some("https://api.openai.com/v1")),
            ("10.0.1.50:8000/v1", Some("http://10.0.1.50:8000/v1")),
            ("10.0.1.50/v1", Some("http://10.0.1.50/v1")),
            ("vllm.ml.svc.cluster.local:8000/v1", Some("http://vllm.ml.svc.cluster.local:8000/v1")),
            ("vllm.ml.svc/v1", Some("http://vllm.ml.svc/v1")),
            ("h.example:443", Some("https://h.example:443")),
            ("//h.example/v1", Some("https://h.example/v1")),
            ("http:/h.example/v1", Some("http://h.example/v1")),
            ("https:h.example/v1", Some("https://h.example/v1")),
            ("http://https://h.example/v1", Some("https://h.example/v1")),
            ("https://h.example/v1\n", Some("https://h.example/v1")),
            (" 'https://h.example/v1' ", Some("https://h.example/v1")),
            ("https://bücher.example/v1", Some("https://xn--bcher-kva.example/v1")),
            ("https://user:s3cret@h.example/v1?key=s3cret#s3cret", Some("https://h.example/v1")),
            ("https://h.example:/v1", Some("https://h.example/v1")),
            ("https:///h.example/v1", Some("https://h.example/v1")),
            ("https:///v1", None),
            ("http://[10.0.1.50]:8000/v1", Some("http://10.0.1.50:8000/v1")),
            ("http://[h.example]/v1", Some("http://h.example/v1")),
            ("http://[12345::1]/v1", None),
            ("http://[2001:db8:0:0::10]:80/", Some("http://[2001:db8::10]:80/")),
            ("http://2001:db8::10/v1", Some("http://[2001:db8::10]/v1")),
            ("http://1:2:3:4:5:6:7:8:80/v1", Some("http://[1:2:3:4:5:6:7:8]:80/v1")),
            ("http://fd00::1:8000/v1", None),
            ("http://10.0.0.1.:8000/v1", Some("http://10.0.0.1:8000/v1")),
            ("http://010.0.0.1/v1", None),
            ("https//h.example/v1", Some("https://h.example/v1")),
            ("HTTP;//h.example/v1", Some("HTTP://h.example/v1")),
            ("ftp//h.example/v1", None),
            ("https://h.example@evil.example/v1", None),
            ("https://10.0.0.1:x@evil.example/v1", None),
            ("https://h.example\\@evil.example/v1", None),
            ("https://h.example\\.evil.example/v1", None),
            ("https://user:s3/cret@h.example/v1", None),
            ("user:s3cret@h.example/v1", None),
            ("ftp://h.example/", None),
            ("https://h.example:8443/", None),
            ("http://[::1", None),
            ("http://h℀.example/", None),
            ("http://[0:0::1]/", None),
            ("", None),
        ] {
            assert_eq!(correct_url(written).as_deref(), meant, "{written}");
        }
    }

    #[test]
    fn what_is_too_long_to_help_is_not_suggested() {
        let url = |length: usize| format!("h.example/{}", "a".repeat(length - "https://h.example/".len()));
        assert_eq!(correct_url(&url(LONGEST)), Some(format!("https://{}", url(LONGEST))));
        assert_eq!(correct_url(&url(LONGEST + 1)), None);
        let path = |length: usize| "a".repeat(length - "//".len());
        assert_eq!(correct_rewrite_path(&path(LONGEST)), Some(format!("/{}/", path(LONGEST))));
        assert_eq!(correct_rewrite_path(&path(LONGEST + 1)), None);
    }

    #[test]
    fn the_path_that_was_meant() {
        for (written, meant) in [
            ("openai", Some("/openai/")),
            ("/a//b/", Some("/a/b/")),
            (" /a/ ", Some("/a/")),
            ("//api/x", Some("/api/x/")),
            ("https://user:s3cret@h.example/openai/v1", Some("/openai/")),
            ("https://h.example/v1/", Some("/")),
            ("openai/v1", Some("/openai/")),
            ("/a\u{200b}/\u{feff}b", Some("/a/b/")),
            ("${PATH}/", None),
            ("{{ .path }}/", None),
            ("https://h.example", Some("/")),
            ("/openai?key=s3cret", Some("/openai/")),
            ("user:s3cret@h.example/openai", None),
            ("/a%2Fb/", None),
            ("/a/../b/", None),
        ] {
            assert_eq!(correct_rewrite_path(written).as_deref(), meant, "{written}");
        }
    }
}
