//! The decisions of an operator flow in; the severity of a rule, and where the endpoints of a namespace may point,
//! flow out.
//!
//! Without a policy, every rule has its own severity, and everything well-formed is allowed. The entries of a list
//! are sorted for binary search, so that a long list costs hardly more than a short one.

mod allowed;
mod hosts;
mod namespaces;
mod overrides;
mod ranges;
mod users;

use std::collections::BTreeMap;
use std::net::IpAddr;

pub use hosts::{HostPattern, Hosts};
pub use namespaces::NamespacePattern;
use namespaces::Namespaces;
pub use overrides::{Enforcement, Here, Override, Overrides};
pub use ranges::{Ranges, parse_addresses, parse_ports};
pub use users::{ClusterUsers, UserPattern};

use super::EndpointUrl;
use super::url::Scheme;

/// Severities, enforcement, and allow lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// By the id of the rule. A rule that is not listed keeps its own severity.
    levels: BTreeMap<&'static str, Level>,
    /// Unless an override says otherwise.
    enforcement: Enforcement,
    pub overrides: Overrides,
    pub allow: AllowLists,
    pub cluster: ClusterUsers,
}

/// What happens to an endpoint that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Deny,
    Warn,
}

/// What a policy sets for a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Deny,
    Warn,
    Off,
}

/// Allow lists, indexed by their namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowLists {
    lists: Vec<AllowList>,
    namespaces: Namespaces,
}

/// Where the endpoints of some namespaces may point. Several lists for one namespace are additive. An empty list of a
/// kind allows everything of that kind. If `addresses` or `hosts` is given, an address must match `addresses`, and a
/// name `hosts`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    pub namespaces: Vec<NamespacePattern>,
    pub hosts: Hosts,
    pub addresses: Ranges<IpAddr>,
    pub schemes: Vec<Scheme>,
    pub ports: Ranges<u16>,
}

/// The part of a url that no list allows. Parts that are checked first are less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outside {
    Host,
    Scheme,
    Port,
}

/// Why a pattern is invalid, for its author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPattern(pub String);

/// The catalogue as it is.
pub static NONE: Policy = Policy::NONE;

impl Policy {
    /// The catalogue as it is.
    pub const NONE: Policy = Policy {
        levels: BTreeMap::new(),
        enforcement: Enforcement::Deny,
        overrides: Overrides::NONE,
        allow: AllowLists::NONE,
        cluster: ClusterUsers::NONE,
    };

    /// The same policy, enforced in this way unless an override says otherwise.
    #[must_use]
    pub fn enforced(self, enforcement: Enforcement) -> Self {
        Policy { enforcement, ..self }
    }

    /// Sets the level of the rule with this id.
    pub fn set(&mut self, id: &'static str, level: Level) {
        self.levels.insert(id, level);
    }

    /// The policy that applies in this namespace.
    #[must_use]
    pub fn here<'a>(&'a self, namespace: &'a str) -> Here<'a> {
        self.overrides.here(self, namespace)
    }

    /// Whether this user may set the label that marks an endpoint as Modelplane's own.
    #[must_use]
    pub fn may_set_cluster(&self, user: &str) -> bool {
        self.cluster.contain(user)
    }

    /// The part of the url that is outside of all lists for this namespace. `None` if one of them allows the url, or
    /// none names the namespace. A list never allows a part that can't be read, if the list restricts that part.
    #[must_use]
    pub fn outside(&self, namespace: &str, url: &EndpointUrl<'_>) -> Option<Outside> {
        let mut outside = None;
        for list in self.allow.of(namespace) {
            // If there are several lists, the one that comes closest determines the part.
            outside = outside.max(Some(list.refuses(url)?));
        }
        outside
    }
}

impl AllowLists {
    const NONE: AllowLists = AllowLists { lists: Vec::new(), namespaces: Namespaces::new() };

    /// In the order of insertion.
    #[must_use]
    pub(crate) fn lists(&self) -> &[AllowList] {
        &self.lists
    }

    fn of<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a AllowList> {
        self.namespaces.of(namespace).filter_map(|number| self.lists.get(number))
    }
}

impl Extend<AllowList> for AllowLists {
    fn extend<I: IntoIterator<Item = AllowList>>(&mut self, lists: I) {
        for list in lists {
            for pattern in &list.namespaces {
                self.namespaces.insert(pattern.clone(), self.lists.len());
            }
            self.lists.push(list);
        }
    }
}

impl AllowList {
    fn refuses(&self, url: &EndpointUrl<'_>) -> Option<Outside> {
        let any_host = self.hosts.is_empty() && self.addresses.is_empty();
        if !any_host && !self.allows_host(url) {
            return Some(Outside::Host);
        }
        let scheme = url.parts.known_scheme();
        if !self.schemes.is_empty() && !scheme.is_some_and(|scheme| self.schemes.contains(&scheme)) {
            return Some(Outside::Scheme);
        }
        let port = url.port.and_then(|_| url.parts.effective_port());
        if !self.ports.is_empty() && !port.is_some_and(|port| self.ports.contains(port)) {
            return Some(Outside::Port);
        }
        None
    }

    fn allows_host(&self, url: &EndpointUrl<'_>) -> bool {
        match url.address() {
            // Parsers that disagree could reach another host.
            _ if url.fault.is_some() => false,
            Some(address) => self.addresses.contains(address),
            None => url.name().is_some_and(|name| self.hosts.contains(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(hosts: &[&str], cidrs: &[&str]) -> AllowList {
        AllowList {
            namespaces: vec![NamespacePattern::any()],
            hosts: hosts.iter().map(|host| HostPattern::parse(host).expect("a pattern")).collect(),
            addresses: cidrs.iter().map(|cidr| parse_addresses(cidr).expect("a range")).collect(),
            ..AllowList::default()
        }
    }

    fn outside(lists: &[AllowList], namespace: &str, url: &str) -> Option<Outside> {
        let mut policy = Policy::NONE;
        policy.allow.extend(lists.iter().cloned());
        policy.outside(namespace, &EndpointUrl::read(url))
    }

    #[test]
    fn a_rule_has_the_level_that_was_set_and_no_other_rule_has() {
        for (level, severity) in
            [(Level::Deny, Some(Severity::Deny)), (Level::Warn, Some(Severity::Warn)), (Level::Off, None)]
        {
            let mut policy = Policy::NONE;
            policy.set("url-port", level);
            for default in [Severity::Deny, Severity::Warn] {
                assert_eq!(policy.here("").severity("url-port", default), severity);
                assert_eq!(policy.here("").severity("url-host", default), Some(default));
                assert_eq!(NONE.here("").severity("url-port", default), Some(default));
            }
        }
    }

    #[test]
    fn the_list_that_comes_closest_says_what_is_missing() {
        let other_host = || list(&["b.example"], &[]);
        let scheme = AllowList { schemes: vec![Scheme::Https], ..list(&["a.example"], &[]) };
        let port = AllowList { ports: Ranges::from_iter([1..=1]), ..list(&["a.example"], &[]) };
        let url = "http://a.example/";
        assert_eq!(outside(&[other_host()], "ns", url), Some(Outside::Host));
        assert_eq!(outside(&[other_host(), scheme.clone()], "ns", url), Some(Outside::Scheme));
        assert_eq!(outside(&[scheme.clone(), other_host()], "ns", url), Some(Outside::Scheme));
        assert_eq!(outside(&[scheme.clone(), port.clone()], "ns", url), Some(Outside::Port));
        assert_eq!(outside(&[port, scheme], "ns", url), Some(Outside::Port));
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
            ports: Ranges::from_iter([443..=443, 8000..=8999]),
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
}
