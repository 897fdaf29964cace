//! An allow list and the destination of an endpoint flow in; the part that the list does not allow flows out.

use std::net::IpAddr;

use super::namespaces::{ForNamespaces, NamespacePattern};
use super::{Hosts, Ranges};
use crate::endpoint::EndpointUrl;
use crate::endpoint::providers::Schema;
use crate::endpoint::url::Scheme;

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
    /// Applies only to an endpoint with an origin.
    pub schemas: Vec<Schema>,
    /// Applies only to an endpoint with an origin.
    pub needs_credential: bool,
}

/// Where an endpoint points.
#[derive(Debug, Clone, Copy)]
pub struct Destination<'a> {
    pub url: &'a EndpointUrl<'a>,
    /// `None` before Modelplane 0.5, which has no such fields.
    pub api: Option<Api>,
}

/// The API settings of an endpoint with an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    /// `None` if it is not a known name.
    pub schema: Option<Schema>,
    pub has_credential: bool,
}

/// The part of an endpoint that no list allows. Parts that are checked first are less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outside {
    Host,
    Scheme,
    Port,
    Schema,
    Credential,
}

impl<'a> Destination<'a> {
    #[must_use]
    pub fn of_url(url: &'a EndpointUrl<'a>) -> Self {
        Destination { url, api: None }
    }
}

impl ForNamespaces for AllowList {
    fn namespaces(&self) -> &[NamespacePattern] {
        &self.namespaces
    }
}

impl AllowList {
    pub(super) fn refuses(&self, Destination { url, api }: &Destination<'_>) -> Option<Outside> {
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
        let Api { schema, has_credential } = (*api)?;
        if !self.schemas.is_empty() && !schema.is_some_and(|schema| self.schemas.contains(&schema)) {
            return Some(Outside::Schema);
        }
        (self.needs_credential && !has_credential).then_some(Outside::Credential)
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
    use super::super::{HostPattern, Policy, parse_addresses};
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
        policy.here(namespace).outside(&Destination::of_url(&EndpointUrl::read(url)))
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

    #[test]
    fn schema_and_credential_are_held_against_what_a_list_asks_for() {
        let lists = |schemas: &[Schema], needs_credential| {
            [AllowList { schemas: schemas.to_vec(), needs_credential, ..list(&["*.example"], &[]) }]
        };
        let outside = |lists: &[AllowList], schema, has_credential| {
            let mut policy = Policy::NONE;
            policy.allow.extend(lists.iter().cloned());
            let url = EndpointUrl::read("https://h.example");
            let api = Some(Api { schema, has_credential });
            policy.here("ns").outside(&Destination { url: &url, api })
        };
        let (open_ai, anthropic) = (Some(Schema::OpenAI), Some(Schema::Anthropic));
        for (lists, schema, has_credential, part) in [
            (lists(&[], false), anthropic, false, None),
            (lists(&[Schema::OpenAI], false), open_ai, false, None),
            (lists(&[Schema::OpenAI], false), anthropic, true, Some(Outside::Schema)),
            (lists(&[Schema::OpenAI], true), anthropic, false, Some(Outside::Schema)),
            (lists(&[Schema::OpenAI, Schema::Anthropic], false), None, true, Some(Outside::Schema)),
            (lists(&[], true), open_ai, false, Some(Outside::Credential)),
            (lists(&[], true), open_ai, true, None),
        ] {
            assert_eq!(
                outside(&lists, schema, has_credential),
                part,
                "{lists:?} {schema:?} {has_credential}"
            );
        }
        // an endpoint with a url has neither
        assert_eq!(
            super::tests::outside(&lists(&[Schema::OpenAI], true), "ns", "https://h.example/v1"),
            None
        );
    }
}
