//! What an operator decides flows in; how severe a rule is, and where a namespace's endpoints may point
//! to, flows out.
//!
//! Without a policy every rule has its own severity, and everything well-formed is allowed.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::EndpointUrl;
use super::rules::{self, Rule, Severity};
use super::url::Scheme;

/// Severities and allow lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// By a rule's place in the catalogue; `None` leaves the rule its own severity.
    levels: [Option<Level>; rules::ALL.len()],
    pub allow: Vec<AllowList>,
}

/// What a policy makes of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Deny,
    Warn,
    Off,
}

/// Where the endpoints of some namespaces may point to. Several lists for one namespace add up. An empty
/// list of a kind allows all of that kind; an address needs `cidrs`, and a name `hosts`, where either is
/// given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    pub namespaces: Vec<NamespacePattern>,
    pub hosts: Vec<HostPattern>,
    pub cidrs: Vec<Cidr>,
    pub schemes: Vec<Scheme>,
    pub ports: Vec<RangeInclusive<u16>>,
}

/// Which part of a url no list allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    Host,
    Scheme,
    Port,
}

/// A namespace, with `*` for any number of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespacePattern(String);

/// A DNS name, or `*.` and one: any name under it; or `*`: any name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern(Cow<'static, str>);

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// Why a pattern can't be one, for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPattern(pub String);

/// The catalogue as it is.
pub static NONE: Policy = Policy::NONE;

impl Policy {
    /// The catalogue as it is.
    pub const NONE: Policy = Policy { levels: [None; rules::ALL.len()], allow: Vec::new() };

    /// Sets the level of the rule with this id.
    ///
    /// # Errors
    /// When there is no such rule.
    pub fn set(&mut self, id: &str, level: Level) -> Result<(), BadPattern> {
        let place = rules::ALL.iter().position(|rule| rule.id == id);
        let Some(place) = place else {
            return Err(BadPattern(format!(
                "there is no rule `{id}`; `modelendpoint-webhook rules` lists them all"
            )));
        };
        self.levels[place] = Some(level);
        Ok(())
    }

    /// How severe the rule at this place of the catalogue is; `None` if it is off.
    #[must_use]
    pub fn severity(&self, place: usize, rule: &Rule) -> Option<Severity> {
        match self.levels[place] {
            None => Some(rule.severity),
            Some(Level::Deny) => Some(Severity::Deny),
            Some(Level::Warn) => Some(Severity::Warn),
            Some(Level::Off) => None,
        }
    }

    /// What is outside of all lists for this namespace; `None` if one of them allows the url, or none
    /// names the namespace. What can't be read is allowed by no list that asks for it.
    #[must_use]
    pub fn outside(&self, namespace: &str, url: &EndpointUrl<'_>) -> Option<Outside> {
        let mut outside = None;
        for list in &self.allow {
            if !list.namespaces.iter().any(|pattern| pattern.matches(namespace)) {
                continue;
            }
            // of several lists, the one that comes closest says what is missing
            match list.refuses(url) {
                None => return None,
                Some(part) if outside.is_none_or(|known| known == Outside::Host) => outside = Some(part),
                Some(_) => {}
            }
        }
        outside
    }
}

impl AllowList {
    fn refuses(&self, url: &EndpointUrl<'_>) -> Option<Outside> {
        let any_host = self.hosts.is_empty() && self.cidrs.is_empty();
        if !any_host && !self.allows_host(url) {
            return Some(Outside::Host);
        }
        let scheme = url.parts.known_scheme();
        if !self.schemes.is_empty() && !scheme.is_some_and(|scheme| self.schemes.contains(&scheme)) {
            return Some(Outside::Scheme);
        }
        let port = url.port.and_then(|_| url.parts.effective_port());
        let allows_port = |port| self.ports.iter().any(|ports| ports.contains(&port));
        if !self.ports.is_empty() && !port.is_some_and(allows_port) {
            return Some(Outside::Port);
        }
        None
    }

    fn allows_host(&self, url: &EndpointUrl<'_>) -> bool {
        match url.address() {
            // parsers that disagree could reach another host
            _ if url.fault.is_some() => false,
            Some(address) => self.cidrs.iter().any(|cidr| cidr.contains(address)),
            None => url.name().is_some_and(|name| self.hosts.iter().any(|pattern| pattern.matches(name))),
        }
    }
}

impl NamespacePattern {
    /// Every namespace.
    #[must_use]
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// # Errors
    /// When no namespace can match it.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-*".contains(&byte);
        if text.is_empty() || text.len() > 63 || !text.bytes().all(fits) {
            return Err(BadPattern(format!(
                "no namespace can match `{text}`: write lower-case letters, digits, `-`, and `*` for any number of \
                 characters"
            )));
        }
        Ok(Self(text.to_owned()))
    }

    fn matches(&self, namespace: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = namespace.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        for piece in pieces {
            let Some(at) = rest.find(piece) else { return false };
            rest = &rest[at + piece.len()..];
        }
        rest.ends_with(last)
    }
}

impl HostPattern {
    /// # Errors
    /// When no host of a url can match it.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let bad = |why: &str| Err(BadPattern(format!("no host can match `{text}`: {why}")));
        let name = text.strip_prefix("*.").unwrap_or(text);
        if text == "*" {
            return Ok(Self(Cow::Borrowed("*")));
        }
        if text.contains("://") || text.contains('/') {
            return bad("write the host only, without scheme and path");
        }
        if name.contains('*') {
            return bad("a `*` stands alone or in front, as in `*.example.com`");
        }
        if text.parse::<IpAddr>().is_ok() || text.starts_with('[') {
            return bad("addresses belong into `cidrs`");
        }
        if text.contains(':') {
            return bad("ports belong into `ports`");
        }
        if name.ends_with('.') {
            return bad("leave out the dot at the end");
        }
        let is_label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if name.len() > 253 || !name.split('.').all(is_label) {
            return bad("it is no DNS name");
        }
        Ok(Self(Cow::Owned(text.to_ascii_lowercase())))
    }

    fn matches(&self, name: &str) -> bool {
        let ends_with = |suffix: &str| {
            let start = name.len().checked_sub(suffix.len());
            start.and_then(|start| name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
        };
        match self.0.strip_prefix('*') {
            Some("") => true,
            Some(suffix) => name.len() > suffix.len() && ends_with(suffix),
            None => name.eq_ignore_ascii_case(&self.0),
        }
    }
}

impl Cidr {
    /// Reads `10.0.0.0/8`, or a single address.
    ///
    /// # Errors
    /// When it is none, or has bits behind its prefix.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let bad = || {
            BadPattern(format!(
                "`{text}` is no range of addresses; write it as `10.0.0.0/8` or `2001:db8::/32`"
            ))
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().map_err(|_| bad())?;
        let longest = if network.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= longest).ok_or_else(bad)?
            }
            Some(_) => return Err(bad()),
        };
        let cidr = Self { network: masked(network, prefix), prefix };
        if cidr.network != network {
            return Err(BadPattern(format!("`{text}` has bits behind its prefix; write `{cidr}`")));
        }
        Ok(cidr)
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4() && masked(address, self.prefix) == self.network
    }
}

impl Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            std::net::Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            std::net::Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

/// Reads `443` or `8000-8999`.
///
/// # Errors
/// When no port is in it.
pub fn parse_ports(text: &str) -> Result<RangeInclusive<u16>, BadPattern> {
    let bad =
        || BadPattern(format!("no port is in `{text}`; write one from 1 to 65535, or two as `8000-8999`"));
    let port = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|port| plain && *port > 0).ok_or_else(bad)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let ports = port(first)?..=port(last)?;
    if ports.is_empty() { Err(bad()) } else { Ok(ports) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(hosts: &[&str], cidrs: &[&str]) -> AllowList {
        AllowList {
            namespaces: vec![NamespacePattern::any()],
            hosts: hosts.iter().map(|host| HostPattern::parse(host).expect("a pattern")).collect(),
            cidrs: cidrs.iter().map(|cidr| Cidr::parse(cidr).expect("a range")).collect(),
            ..AllowList::default()
        }
    }

    fn outside(lists: &[AllowList], namespace: &str, url: &str) -> Option<Outside> {
        Policy { allow: lists.to_vec(), ..Policy::NONE }.outside(namespace, &EndpointUrl::read(url))
    }

    #[test]
    fn a_rule_has_the_level_that_was_set_and_no_other_rule_has() {
        let severities = |policy: &Policy| {
            let severity = |(place, rule): (usize, &'static Rule)| policy.severity(place, rule);
            rules::ALL.into_iter().enumerate().map(severity).collect::<Vec<_>>()
        };
        let place = rules::ALL.iter().position(|rule| rule.id == "url-port").expect("the rule");
        for (level, severity) in
            [(Level::Deny, Some(Severity::Deny)), (Level::Warn, Some(Severity::Warn)), (Level::Off, None)]
        {
            let mut policy = Policy::NONE;
            assert_eq!(policy.set("url-port", level), Ok(()));
            let mut expected = severities(&NONE);
            expected[place] = severity;
            assert_eq!(severities(&policy), expected);
        }
        let unknown = "there is no rule `url-prot`; `modelendpoint-webhook rules` lists them all".to_owned();
        let mut policy = Policy::NONE;
        assert_eq!(policy.set("url-prot", Level::Off), Err(BadPattern(unknown)));
    }

    #[test]
    fn the_list_that_comes_closest_says_what_is_missing() {
        let other_host = || list(&["b.example"], &[]);
        let scheme = AllowList { schemes: vec![Scheme::Https], ..list(&["a.example"], &[]) };
        let port = AllowList { ports: vec![1..=1], ..list(&["a.example"], &[]) };
        let url = "http://a.example/";
        assert_eq!(outside(&[other_host()], "ns", url), Some(Outside::Host));
        assert_eq!(outside(&[other_host(), scheme.clone()], "ns", url), Some(Outside::Scheme));
        assert_eq!(outside(&[scheme.clone(), other_host()], "ns", url), Some(Outside::Scheme));
        assert_eq!(outside(&[scheme, port], "ns", url), Some(Outside::Scheme));
    }

    #[test]
    fn a_name_needs_a_host_pattern_and_an_address_a_range() {
        let lists = [list(&["*.example.com", "api.openai.com"], &["10.0.0.0/8", "2001:db8::/32"])];
        for (url, part) in [
            ("https://a.example.com/v1", None),
            ("https://A.B.Example.COM./v1", None),
            ("https://api.openai.com/v1", None),
            ("http://10.255.255.255/v1", None),
            ("http://[2001:db8::1]/v1", None),
            ("https://example.com/v1", Some(Outside::Host)),
            ("https://badexample.com/v1", Some(Outside::Host)),
            ("https://x.api.openai.com/v1", Some(Outside::Host)),
            ("http://11.0.0.0/v1", Some(Outside::Host)),
            ("http://[2001:db9::1]/v1", Some(Outside::Host)),
            ("http://[::ffff:10.0.0.1]/v1", Some(Outside::Host)),
            ("http://10.0.0.1.nip.io/v1", Some(Outside::Host)),
            ("http://010.0.0.1/v1", Some(Outside::Host)),
            ("http://a.example.com@evil.org/v1", Some(Outside::Host)),
            ("http://[::1", Some(Outside::Host)),
            ("http://evil.org\\@a.example.com/", Some(Outside::Host)),
            ("a.example.com", Some(Outside::Host)),
        ] {
            assert_eq!(outside(&lists, "ml-team", url), part, "{url}");
        }
        assert_eq!(outside(&[list(&["*"], &[])], "ml-team", "https://h.example/"), None);
        assert_eq!(outside(&[list(&["*"], &[])], "ml-team", "http://10.0.0.1/"), Some(Outside::Host));
        assert_eq!(outside(&[list(&[], &["0.0.0.0/0"])], "ml-team", "http://10.0.0.1/"), None);
        assert_eq!(outside(&[list(&[], &["::/0"])], "ml-team", "http://10.0.0.1/"), Some(Outside::Host));
    }

    #[test]
    fn scheme_and_port_are_held_against_their_lists() {
        let lists = [AllowList {
            schemes: vec![Scheme::Https],
            ports: vec![443..=443, 8000..=8999],
            ..list(&[], &[])
        }];
        for (url, part) in [
            ("https://h.example/v1", None),
            ("https://h.example:8500/v1", None),
            ("http://h.example:8500/v1", Some(Outside::Scheme)),
            ("ftp://h.example/v1", Some(Outside::Scheme)),
            ("https://h.example:9000/v1", Some(Outside::Port)),
            ("https://h.example:/v1", Some(Outside::Port)),
        ] {
            assert_eq!(outside(&lists, "ml-team", url), part, "{url}");
        }
    }

    #[test]
    fn lists_for_one_namespace_add_up_and_others_are_not_touched() {
        let only = |namespace: &str, host: &str| AllowList {
            namespaces: vec![NamespacePattern::parse(namespace).expect("a pattern")],
            ..list(&[host], &[])
        };
        let lists = [only("team-*", "*.example.com"), only("team-a", "*.internal")];
        assert_eq!(outside(&lists, "team-a", "http://h.internal/"), None);
        assert_eq!(outside(&lists, "team-a", "http://h.example.com/"), None);
        assert_eq!(outside(&lists, "team-b", "http://h.internal/"), Some(Outside::Host));
        assert_eq!(outside(&lists, "platform", "http://h.internal/"), None);
    }

    #[test]
    fn a_star_in_a_namespace_stands_for_any_number_of_characters() {
        for (pattern, namespace, matches) in [
            ("*", "a", true),
            ("*", "", true),
            ("a", "a", true),
            ("a", "ab", false),
            ("team-*", "team-", true),
            ("team-*", "steam-a", false),
            ("*-prod", "a-prod", true),
            ("*-prod", "a-prod-b", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*a", "a", false),
            ("a*bc*c", "abc", false),
        ] {
            let parsed = NamespacePattern::parse(pattern).expect("a pattern");
            assert_eq!(parsed.matches(namespace), matches, "{pattern} {namespace}");
        }
    }

    #[test]
    fn an_impossible_pattern_is_refused_in_words() {
        let long = "a".repeat(64);
        let host = |text: &str| HostPattern::parse(text).map(|_| ()).map_err(|BadPattern(why)| why);
        for (text, why) in [
            ("https://h.example", "write the host only, without scheme and path"),
            ("h.example/v1", "write the host only, without scheme and path"),
            ("a.*.example", "a `*` stands alone or in front, as in `*.example.com`"),
            ("*a.example", "a `*` stands alone or in front, as in `*.example.com`"),
            ("10.0.0.1", "addresses belong into `cidrs`"),
            ("[::1]", "addresses belong into `cidrs`"),
            ("h.example:443", "ports belong into `ports`"),
            ("h.example.", "leave out the dot at the end"),
            ("", "it is no DNS name"),
            ("*.", "it is no DNS name"),
            ("a_b.example", "it is no DNS name"),
            ("-a.example", "it is no DNS name"),
            ("a-.example", "it is no DNS name"),
            (&long, "it is no DNS name"),
        ] {
            assert_eq!(host(text), Err(format!("no host can match `{text}`: {why}")));
        }
        assert!(NamespacePattern::parse("Team").is_err() && NamespacePattern::parse("").is_err());
        assert!(NamespacePattern::parse(&long).is_err());
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0/8", "h.example/8"] {
            assert_eq!(
                Cidr::parse(text),
                Err(BadPattern(format!(
                    "`{text}` is no range of addresses; write it as `10.0.0.0/8` or `2001:db8::/32`"
                )))
            );
        }
        assert_eq!(
            Cidr::parse("10.1.2.3/8"),
            Err(BadPattern("`10.1.2.3/8` has bits behind its prefix; write `10.0.0.0/8`".to_owned()))
        );
        for text in ["", "0", "65536", "9-8", "0-1", "1-", "-1", "+1", "http"] {
            assert!(parse_ports(text).is_err(), "{text}");
        }
        assert_eq!(parse_ports("1-65535"), Ok(1..=65535));
    }
}
