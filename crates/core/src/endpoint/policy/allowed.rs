//! A url that no list allows flows in; what the lists of its namespace allow instead flows out, for a message.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use super::ranges::edges;
use super::{AllowList, Destination, Here, Outside};
use crate::endpoint::providers::Schema;
use crate::endpoint::url::Scheme;

/// The most values that a message names.
const MOST: usize = 4;
/// The longest list of them in bytes, unless the first value alone is longer.
const LONGEST: usize = 120;

impl Here<'_> {
    /// The allowed values of this part of the endpoint, such as ``allowed hosts: `*.example.com`, `10.0.0.0/8` and 3
    /// more``.
    #[must_use]
    pub(in crate::endpoint) fn allowed(&self, destination: &Destination<'_>, part: Outside) -> String {
        let lists = self.lists.iter().filter(|list| list.refuses(destination) == Some(part));
        // Several lists may name the same value.
        let values: BTreeSet<String> = lists.flat_map(|list| values(list, part)).collect();
        let mut text = match part {
            Outside::Host => "allowed hosts: ",
            Outside::Scheme => "allowed schemes: ",
            Outside::Port => "allowed ports: ",
            Outside::Schema => "allowed schemas: ",
            // There is nothing to choose from.
            Outside::Credential => "",
        }
        .to_owned();
        let longest = text.len() + LONGEST;
        for (index, value) in values.iter().enumerate() {
            let rest = values.len() - index;
            let is_full = index == MOST && rest > 1 || text.len() + value.len() > longest;
            if index > 0 && is_full {
                let _ = write!(text, " and {rest} more");
                break;
            }
            let _ = write!(text, "{}`{value}`", if index == 0 { "" } else { ", " });
        }
        text
    }
}

fn values(list: &AllowList, part: Outside) -> Vec<String> {
    match part {
        Outside::Host => {
            let any = list.hosts.allows_any().then(|| "*".to_owned());
            let names = list.hosts.names().map(ToOwned::to_owned);
            let domains = list.hosts.domains().map(|domain| format!("*.{domain}"));
            let addresses = list.addresses.iter().map(|range| addresses(*range));
            any.into_iter().chain(domains).chain(names).chain(addresses).collect()
        }
        Outside::Scheme => list.schemes.iter().map(|scheme| name(*scheme).to_owned()).collect(),
        Outside::Port => list.ports.iter().map(|(first, last)| ports(*first, *last)).collect(),
        Outside::Schema => list.schemas.iter().copied().map(Schema::name).map(ToOwned::to_owned).collect(),
        Outside::Credential => Vec::new(),
    }
}

fn name(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    }
}

/// In the form `10.0.0.0/8`. If two ranges overlap, one is inside the other, so the wider one has a prefix.
fn addresses((first, last): (IpAddr, IpAddr)) -> String {
    let longest = if first.is_ipv4() { 32 } else { 128 };
    match (0..longest).find(|prefix| edges(first, *prefix) == (first, last)) {
        Some(prefix) => format!("{first}/{prefix}"),
        None => first.to_string(),
    }
}

fn ports(first: u16, last: u16) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

#[cfg(test)]
mod tests {
    use super::super::{HostPattern, NamespacePattern, Policy, Ranges, parse_addresses};
    use super::*;
    use crate::endpoint::EndpointUrl;

    fn list(hosts: &[&str], ranges: &[&str]) -> AllowList {
        AllowList {
            namespaces: vec![NamespacePattern::any()],
            hosts: hosts.iter().map(|host| HostPattern::parse(host).expect("a pattern")).collect(),
            addresses: ranges.iter().map(|range| parse_addresses(range).expect("a range")).collect(),
            ..AllowList::default()
        }
    }

    fn allowed(lists: impl IntoIterator<Item = AllowList>, url: &str) -> Option<String> {
        let mut policy = Policy::NONE;
        policy.allow.extend(lists);
        let url = EndpointUrl::read(url);
        let (here, destination) = (policy.here("ns"), Destination::of_url(&url));
        here.outside(&destination).map(|part| here.allowed(&destination, part))
    }

    #[test]
    fn the_lists_that_come_closest_say_what_is_allowed() {
        let https = AllowList { schemes: vec![Scheme::Https], ..list(&["a.example"], &[]) };
        let port = AllowList { ports: Ranges::from_iter([443..=443, 8000..=8999]), ..https.clone() };
        for (lists, url, text) in [
            (
                vec![list(&["a.example", "*.b.example"], &["10.0.0.0/8", "192.0.2.1"])],
                "http://c.example",
                "allowed hosts: `*.b.example`, `10.0.0.0/8`, `192.0.2.1`, `a.example`",
            ),
            (
                vec![list(&[], &["10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32"])],
                "http://c.example",
                "allowed hosts: `10.0.0.0/8`, `2001:db8::/32`",
            ),
            (vec![list(&["c.example"], &[]), https], "http://a.example", "allowed schemes: `https`"),
            (vec![port], "https://a.example:1", "allowed ports: `443`, `8000-8999`"),
        ] {
            assert_eq!(allowed(lists, url), Some(text.to_owned()), "{url}");
        }
    }

    #[test]
    fn a_long_list_is_cut_short() {
        let names = |count: usize| (0..count).map(|n| format!("{n}.example")).collect::<Vec<_>>();
        let of = |names: &[String]| {
            allowed([list(&names.iter().map(String::as_str).collect::<Vec<_>>(), &[])], "http://h.test")
        };
        let five = "allowed hosts: `0.example`, `1.example`, `2.example`, `3.example`, `4.example`";
        assert_eq!(of(&names(5)), Some(five.to_owned()));
        let six = "allowed hosts: `0.example`, `1.example`, `2.example`, `3.example` and 2 more";
        assert_eq!(of(&names(6)), Some(six.to_owned()));
        let long = |letter: &str| format!("{}.example", letter.repeat(60));
        let two = format!("allowed hosts: `{}` and 2 more", long("a"));
        assert_eq!(of(&[long("a"), long("b"), long("c")]), Some(two));
    }
}
