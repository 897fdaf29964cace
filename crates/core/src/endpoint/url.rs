//! A url as it is written flows in; its parts flow out. All rules share this reading by RFC 3986.
//!
//! [`Url::split`] splits any text (RFC 3986, Appendix B), so that each part can be judged and every violation
//! reported at once. [`Url::fault`] says whether the whole text is a URI that all parsers read alike.

use std::collections::BTreeSet;
use std::fmt::{self, Display};
use std::net::Ipv6Addr;
use std::ops::Range;

use super::host::Host;
use super::placeholder;
use super::quote::{Quoted, is_invisible};

/// A url's text and its parts, each a slice of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Url<'a> {
    pub text: &'a str,
    pub scheme: Option<&'a str>,
    /// What follows `//`: userinfo, host and port. `None` if there is no `//`.
    pub authority: Option<&'a str>,
    pub userinfo: Option<&'a str>,
    /// Without userinfo and port. An IPv6 address keeps its brackets. Empty if there is no host.
    pub host: &'a str,
    /// The text after the host's `:`. `Some("")` for `h:`.
    pub port: Option<&'a str>,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub fragment: Option<&'a str>,
}

/// Why a text is not a URL that every parser reads alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlFault<'a> {
    Empty,
    /// A placeholder that a template engine should have filled in, such as `${HOST}`.
    Template(&'a str),
    /// Characters that RFC 3986 does not allow, each once, in order of appearance. Letters and signs are left out
    /// where a secret could be, because they would spell it.
    Characters(Vec<char>),
    /// No `scheme:` at the start.
    NoScheme,
    /// A scheme that does not follow RFC 3986, section 3.1.
    Scheme,
    /// `http:host` or `http:/host`: the `//` of an authority is missing.
    NoAuthority,
    /// `http://http://host`: a scheme instead of a host.
    SchemeTwice,
    /// `[` or `]` that is not around the whole host.
    Brackets,
    /// An IPv6 address without its brackets.
    BareIpv6(BareIpv6<'a>),
}

/// What was probably meant by an IPv6 address without brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BareIpv6<'a> {
    Address(Ipv6Addr),
    /// The text after the last colon is too much for the address, so it must be a port.
    WithPort(Ipv6Addr, &'a str),
    /// The text after the last colon may be the end of the address, or a port.
    Either(Ipv6Addr, (Ipv6Addr, &'a str)),
}

/// `http` or `https`, in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

/// What follows the host's colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port<'a> {
    /// No colon: the scheme's default.
    Default,
    /// 1 to 65535. Leading zeros are read as in Python: `080` is 80.
    Number(u16),
    Empty,
    Zero,
    TooLarge,
    NotDecimal(&'a str),
}

/// Misspellings of `://`: `https//h`, `https.//h`, `https;//h`, `https,//h`.
const MISSPELT: [&str; 4] = ["//", ".//", ";//", ",//"];

/// The longest number that Python reads, including leading zeros (`sys.int_info.default_max_str_digits`).
const MOST_DIGITS: usize = 4300;

impl<'a> Url<'a> {
    /// Splits any text. It never fails.
    #[must_use]
    pub fn split(text: &'a str) -> Self {
        let (rest, fragment) = cut(text, '#');
        let (rest, query) = cut(rest, '?');
        let (scheme, rest) = match rest.find([':', '/']) {
            Some(at) if at > 0 && rest.as_bytes()[at] == b':' => (Some(&rest[..at]), &rest[at + 1..]),
            _ => (None, rest),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                (Some(&rest[..end]), &rest[end..])
            }
            None => (None, rest),
        };
        let (userinfo, host_and_port) = match authority.and_then(|all| all.rsplit_once('@')) {
            Some((userinfo, rest)) => (Some(userinfo), rest),
            None => (None, authority.unwrap_or_default()),
        };
        let host_end = match host_and_port.strip_prefix('[').and_then(|rest| rest.find(']')) {
            Some(bracket) => bracket + 2,
            None => host_and_port.find(':').unwrap_or(host_and_port.len()),
        };
        let (host, behind) = host_and_port.split_at(host_end);
        Url {
            text,
            scheme,
            authority,
            userinfo,
            host,
            port: if behind.is_empty() { None } else { Some(behind.strip_prefix(':').unwrap_or(behind)) },
            path,
            query,
            fragment,
        }
    }

    /// The first reason why parsers could read this text differently, or not at all.
    ///
    /// The grammar is that of RFC 3986, except in the path: nothing that routes traffic reads the path, and all
    /// consumers read a stray `%`, `[` or `]` in it alike.
    #[must_use]
    pub fn fault(&self) -> Option<UrlFault<'a>> {
        if self.text.is_empty() {
            return Some(UrlFault::Empty);
        }
        if self.text.bytes().all(is_uri_byte) {
            return self.structure_fault();
        }
        Some(match placeholder::find(self.text) {
            Some(placeholder) => UrlFault::Template(placeholder),
            None => UrlFault::Characters(self.strange_characters()),
        })
    }

    /// Each character, once, that RFC 3986 does not allow anywhere and that may be named.
    fn strange_characters(&self) -> Vec<char> {
        let secrets = self.secrets();
        let mut strange = Vec::new();
        // Do not search a list a million times for a text with a million different characters.
        let mut seen = BTreeSet::new();
        for (at, character) in self.text.char_indices() {
            let is_strange = !u8::try_from(character).is_ok_and(is_uri_byte);
            let tells_nothing = || character == ' ' || character == '\\' || is_invisible(character);
            let may_be_named = || tells_nothing() || !secrets.iter().any(|secret| secret.contains(&at));
            if is_strange && may_be_named() && seen.insert(character) {
                strange.push(character);
            }
        }
        strange
    }

    fn structure_fault(&self) -> Option<UrlFault<'a>> {
        let Some(scheme) = self.scheme else {
            let misspelt = MISSPELT.iter().any(|sign| {
                self.path.split_once(sign).is_some_and(|(before, _)| Scheme::named(before).is_some())
            });
            return Some(if misspelt { UrlFault::Scheme } else { UrlFault::NoScheme });
        };
        if self.authority.is_none() {
            // In `vllm.ml.svc:8000/v1`, which has no scheme, the host reads as one.
            let port_follows = self.path.starts_with(|c: char| c.is_ascii_digit());
            let is_address = self.text.starts_with('[')
                || BareIpv6::read(self.text.split('/').next().unwrap_or_default()).is_some();
            return Some(if port_follows || is_address || scheme.contains('.') {
                UrlFault::NoScheme
            } else if self.path.starts_with(':') {
                UrlFault::Scheme
            } else {
                UrlFault::NoAuthority
            });
        }
        if !is_scheme(scheme) {
            return Some(UrlFault::Scheme);
        }
        let before_query = &self.text[..self.text.find(['?', '#']).unwrap_or(self.text.len())];
        let dollar = self.text.contains('$').then(|| placeholder::find(before_query)).flatten();
        // Where a password could be, a dollar sign is part of it.
        if let Some(placeholder) =
            dollar.filter(|found| self.userinfo.is_none_or(|info| range_of(info, found).is_none()))
        {
            return Some(UrlFault::Template(placeholder));
        }
        if let Some(bare) = BareIpv6::read(self.host_and_port()) {
            return Some(UrlFault::BareIpv6(bare));
        }
        let is_port_empty = self.port.is_none_or(str::is_empty);
        if self.path.starts_with("//") && is_port_empty && Scheme::named(self.host).is_some() {
            return Some(UrlFault::SchemeTwice);
        }
        let bracketed = self.host.starts_with('[') && self.host.ends_with(']');
        let inner = if bracketed { &self.host[1..self.host.len() - 1] } else { self.host };
        let brackets_elsewhere = |part: &str| part.contains(['[', ']']);
        // Only `:port` may follow the host.
        let glued = !matches!(self.host_and_port().as_bytes().get(self.host.len()), None | Some(b':'));
        let stray = brackets_elsewhere(inner)
            || self.port.is_some_and(brackets_elsewhere)
            || self.userinfo.is_some_and(brackets_elsewhere)
            || self.query.is_some_and(brackets_elsewhere)
            || self.fragment.is_some_and(brackets_elsewhere);
        (stray || glued).then_some(UrlFault::Brackets)
    }

    /// `http` or `https`. `None` for any other scheme, or if there is none.
    #[must_use]
    pub(crate) fn known_scheme(&self) -> Option<Scheme> {
        self.scheme.and_then(Scheme::named)
    }

    /// What kind of host this is.
    #[must_use]
    pub(crate) fn classify_host(&self) -> Host<'a> {
        Host::classify(self.host)
    }

    /// What kind of port this is.
    #[must_use]
    pub(crate) fn classify_port(&self) -> Port<'a> {
        match self.port {
            None => Port::Default,
            Some("") => Port::Empty,
            Some(text) if !text.bytes().all(|byte| byte.is_ascii_digit()) => Port::NotDecimal(text),
            Some(text) if text.len() > MOST_DIGITS => Port::TooLarge,
            Some(text) => match text.trim_start_matches('0') {
                "" => Port::Zero,
                digits => digits.parse().map_or(Port::TooLarge, Port::Number),
            },
        }
    }

    /// The port that the gateway connects to. `None` if the scheme or the port is malformed.
    #[must_use]
    pub(crate) fn effective_port(&self) -> Option<u16> {
        match self.classify_port() {
            Port::Number(port) => Some(port),
            Port::Default => self.known_scheme().map(Scheme::default_port),
            _ => None,
        }
    }

    /// Whether a message may repeat `part`, a slice of this url: it must not be userinfo, a query, a fragment, or
    /// anything that could be a password with an unescaped `/`, `?` or `#`.
    #[must_use]
    pub fn may_show(&self, part: &str) -> bool {
        let behind_userinfo = self.text.rsplit('@').next().unwrap_or_default();
        let shown = behind_userinfo.split(['?', '#']).next().unwrap_or_default();
        range_of(shown, part).is_some()
    }

    /// A part of this text for a message, in backticks. `…` replaces what could be a secret.
    #[must_use]
    pub fn show(self, part: &'a str) -> impl Display + use<'a> {
        Shown { url: self, part }
    }

    /// The pieces of the text that could be secret: userinfo, query and fragment, with the characters that start
    /// them. [`Url::may_show`] is stricter, and hides everything that is not certain to be harmless.
    #[must_use]
    pub fn secrets(&self) -> [Range<usize>; 2] {
        let at = self.text.rfind('@');
        let from = match self.scheme {
            Some(scheme) if self.authority.is_some() && Scheme::named(scheme).is_some() => scheme.len() + 3,
            _ => 0,
        };
        let end = at.map_or(0, |at| at + 1);
        let tail = self.text[end..].find(['?', '#']).map_or(self.text.len(), |found| end + found + 1);
        [at.map_or(0..0, |at| from.min(at)..at), tail..self.text.len()]
    }

    fn host_and_port(&self) -> &'a str {
        let authority = self.authority.unwrap_or_default();
        self.userinfo.map_or(authority, |userinfo| &authority[userinfo.len() + 1..])
    }
}

/// Computed only when it is written: most urls are fine and need no message.
struct Shown<'a> {
    url: Url<'a>,
    part: &'a str,
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.url.may_show(self.part) { Quoted(self.part).fmt(f) } else { f.write_str("`…`") }
    }
}

impl<'a> BareIpv6<'a> {
    fn read(host_and_port: &'a str) -> Option<Self> {
        if host_and_port.bytes().filter(|byte| *byte == b':').count() < 2 {
            return None;
        }
        let whole = host_and_port.parse().ok();
        let with_port = host_and_port.rsplit_once(':').and_then(|(address, port)| {
            let is_port =
                port.len() <= 5 && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            Some((address.parse().ok()?, port)).filter(|_| is_port)
        });
        match (whole, with_port) {
            (Some(whole), Some(with_port)) => Some(BareIpv6::Either(whole, with_port)),
            (Some(whole), None) => Some(BareIpv6::Address(whole)),
            (None, Some((address, port))) => Some(BareIpv6::WithPort(address, port)),
            (None, None) => None,
        }
    }
}

impl Scheme {
    /// The scheme of this name (RFC 3986, section 3.1: case does not matter).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("http") {
            Some(Scheme::Http)
        } else if name.eq_ignore_ascii_case("https") {
            Some(Scheme::Https)
        } else {
            None
        }
    }

    #[must_use]
    pub(crate) fn default_port(self) -> u16 {
        match self {
            Scheme::Http => 80,
            Scheme::Https => 443,
        }
    }
}

/// The position of the slice `part` in a text, in bytes. `None` for a slice of another text.
#[must_use]
pub(crate) fn range_of(text: &str, part: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    let end = start.checked_add(part.len())?;
    (end <= text.len()).then_some(start..end)
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Unreserved, reserved, or the percent sign (RFC 3986, section 2).
#[must_use]
pub(crate) fn is_uri_byte(byte: u8) -> bool {
    const URI: [bool; 256] =
        byte_set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%");
    URI[usize::from(byte)]
}

/// A byte of a path (`pchar` of RFC 3986, section 3.3) or the slash between its segments; not the percent sign, which stands
/// for another byte.
#[must_use]
pub(crate) fn is_path_byte(byte: u8) -> bool {
    const PATH: [bool; 256] =
        byte_set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:@!$&'()*+,;=");
    PATH[usize::from(byte)]
}

/// A table to look bytes up in: `true` for each of these.
#[must_use]
const fn byte_set(bytes: &[u8]) -> [bool; 256] {
    let mut set = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        set[bytes[at] as usize] = true;
        at += 1;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_as_rfc_3986_says() {
        assert_eq!(
            Url::split("https://user:pw@h.example:8443/a/b?q=1#f"),
            Url {
                text: "https://user:pw@h.example:8443/a/b?q=1#f",
                scheme: Some("https"),
                authority: Some("user:pw@h.example:8443"),
                userinfo: Some("user:pw"),
                host: "h.example",
                port: Some("8443"),
                path: "/a/b",
                query: Some("q=1"),
                fragment: Some("f"),
            }
        );
        assert_eq!(
            Url::split("//h"),
            Url {
                text: "//h",
                scheme: None,
                authority: Some("h"),
                userinfo: None,
                host: "h",
                port: None,
                path: "",
                query: None,
                fragment: None,
            }
        );
    }

    #[test]
    fn brackets_keep_the_colons_of_an_address_out_of_the_port() {
        let url = Url::split("http://[2001:db8::10]:8000/v1");
        assert_eq!((url.host, url.port), ("[2001:db8::10]", Some("8000")));
        let url = Url::split("http://[::1");
        assert_eq!((url.host, url.port), ("[", Some(":1")));
    }

    #[test]
    fn each_fault_has_its_reason() {
        let v6 = |text: &str| text.parse::<Ipv6Addr>().expect("an address");
        let faults = [
            ("", UrlFault::Empty),
            ("http://${HOST}/v1", UrlFault::Template("${HOST}")),
            ("http://$(HOST)/v1", UrlFault::Template("$(HOST)")),
            ("http://{{ .host }}/v1", UrlFault::Template("{{ .host }}")),
            ("http://<host>/v1", UrlFault::Template("<host>")),
            ("http://{host}/v1", UrlFault::Template("{host}")),
            ("http://h.example/$(MODEL)/v1", UrlFault::Template("$(MODEL)")),
            ("http://h.example/$MODEL/v1", UrlFault::Template("$MODEL")),
            ("http://h.example/#{model}/v1", UrlFault::Template("#{model}")),
            ("<https://h.example/v1>", UrlFault::Characters(vec!['<', '>'])),
            ("[2001:db8::1]:8000/v1", UrlFault::NoScheme),
            ("fd00::5/v1", UrlFault::NoScheme),
            ("https.//h.example", UrlFault::Scheme),
            ("https//h.example", UrlFault::Scheme),
            ("https:://h.example", UrlFault::Scheme),
            ("http://https//h.example", UrlFault::SchemeTwice),
            (" http://h.example/ \\", UrlFault::Characters(vec![' ', '\\'])),
            ("http://bücher.example/", UrlFault::Characters(vec!['ü'])),
            ("api.example.com/v1", UrlFault::NoScheme),
            ("api.example.com:8000/v1", UrlFault::NoScheme),
            ("localhost:8000", UrlFault::NoScheme),
            ("//h.example/v1", UrlFault::NoScheme),
            ("://h.example/v1", UrlFault::NoScheme),
            ("http:/h.example", UrlFault::NoAuthority),
            ("http:h.example", UrlFault::NoAuthority),
            ("1http://h.example", UrlFault::Scheme),
            ("http://http://h.example", UrlFault::SchemeTwice),
            ("http://[::1", UrlFault::Brackets),
            ("http://x[::1]/", UrlFault::Brackets),
            ("http://[::1]8000/", UrlFault::Brackets),
            ("http://[[::1]]/", UrlFault::Brackets),
            ("http://u[@h.example/", UrlFault::Brackets),
            ("http://h.example/?[", UrlFault::Brackets),
            ("http://2001:db8::10/v1", UrlFault::BareIpv6(BareIpv6::Address(v6("2001:db8::10")))),
            (
                "http://1:2:3:4:5:6:7:8:80/",
                UrlFault::BareIpv6(BareIpv6::WithPort(v6("1:2:3:4:5:6:7:8"), "80")),
            ),
            ("http://fd00::abcd:65535/", UrlFault::BareIpv6(BareIpv6::WithPort(v6("fd00::abcd"), "65535"))),
            (
                "http://fd00::1:8000/v1",
                UrlFault::BareIpv6(BareIpv6::Either(v6("fd00::1:8000"), (v6("fd00::1"), "8000"))),
            ),
        ];
        for (text, fault) in faults {
            assert_eq!(Url::split(text).fault(), Some(fault), "{text}");
        }
    }

    #[test]
    fn a_character_where_a_secret_could_be_is_named_only_if_it_tells_nothing() {
        for (text, named) in [
            ("http://пароль@h.example/", vec![]),
            ("http://u:па роль\u{200b}@h.example/é", vec![' ', '\u{200b}', 'é']),
            ("http://h.example\\@evil.example/", vec!['\\']),
            ("http://h.example/é?ключ=пароль#п\n", vec!['é', '\n']),
            ("http://h.example/пп", vec!['п']),
        ] {
            assert_eq!(Url::split(text).fault(), Some(UrlFault::Characters(named)), "{text}");
        }
    }

    #[test]
    fn what_every_parser_reads_alike_has_no_fault() {
        for text in [
            "http://h.example",
            "HTTPS://H.Example:8443/a%20b/v1;x=1,2",
            "ftp://h.example/",
            "http://[2001:db8::10]:8000/",
            "http://h.example/[v1]/%zz",
            "http://h.example/a$b",
            "http://h.example/$ref/$5/v1",
            "http://fd00::1:100000/",
            "http://fd00::1:/",
            "http://fd00::1:80x/",
        ] {
            assert_eq!(Url::split(text).fault(), None, "{text}");
        }
    }

    #[test]
    fn a_port_is_one_of_six_kinds() {
        let zeros = |count: usize| format!("http://h:{}80", "0".repeat(count));
        let ports = [
            ("http://h", Port::Default, Some(80)),
            ("https://h", Port::Default, Some(443)),
            ("ftp://h", Port::Default, None),
            ("http://h:", Port::Empty, None),
            ("http://h:0", Port::Zero, None),
            ("http://h:000", Port::Zero, None),
            ("http://h:080", Port::Number(80), Some(80)),
            ("http://h:65535", Port::Number(65535), Some(65535)),
            ("http://h:65536", Port::TooLarge, None),
            ("http://h:99999999999999999999", Port::TooLarge, None),
            ("http://h:80a", Port::NotDecimal("80a"), None),
            ("http://h:-1", Port::NotDecimal("-1"), None),
            (&zeros(4298), Port::Number(80), Some(80)),
            (&zeros(4299), Port::TooLarge, None),
        ];
        for (text, kind, effective) in ports {
            let url = Url::split(text);
            assert_eq!((url.classify_port(), url.effective_port()), (kind, effective), "{text}");
        }
    }

    #[test]
    fn nothing_that_could_be_a_secret_may_be_shown() {
        let url = Url::split("http://user:s3/cret@h.example:1/p?key=s3cret#s3cret");
        assert!(!url.may_show(url.host) && !url.may_show(url.port.unwrap_or_default()));
        assert!(!url.may_show(url.query.unwrap_or_default()));
        let url = Url::split("http://user:s3cret@h.example:1/p?key=s3cret#s3cret");
        assert!(
            url.may_show(url.host) && url.may_show(url.path) && url.may_show(url.port.unwrap_or_default())
        );
        assert!(!url.may_show(url.userinfo.unwrap_or_default()));
        assert!(!url.may_show(url.query.unwrap_or_default()));
        assert!(!url.may_show(url.fragment.unwrap_or_default()));
        assert!(!url.may_show(url.text));
        for (text, hidden) in [
            ("http://user:s3/cret@h.example:1/p?key=1#2", ["user:s3/cret", "key=1#2"]),
            ("user:s3cret@h.example/p#f", ["user:s3cret", "f"]),
            ("ftp://user@h.example/", ["ftp://user", ""]),
            ("http://h.example/p", ["", ""]),
            ("http:/@", ["http:/", ""]),
        ] {
            assert_eq!(Url::split(text).secrets().map(|secret| &text[secret]), hidden, "{text}");
        }
    }
}
