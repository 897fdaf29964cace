//! Patterns of DNS names flow in; whether one of them matches a name flows out.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::iter::successors;
use std::net::IpAddr;

use super::BadPattern;
use crate::endpoint::dns::{self, NameFault};

/// Any number of patterns. It looks up a name and each domain that the name is in, and does not try every pattern.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hosts {
    any: bool,
    names: BTreeSet<String>,
    domains: BTreeSet<String>,
}

/// A pattern of hosts, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// `*`: any name.
    Any,
    /// `*.` and a domain: any name under it, but not the domain itself.
    Under(String),
    Name(String),
}

impl Hosts {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.any && self.names.is_empty() && self.domains.is_empty()
    }

    /// Whether every name is allowed.
    #[must_use]
    pub(crate) fn allows_any(&self) -> bool {
        self.any
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The domains under which every name is allowed.
    pub(crate) fn domains(&self) -> impl Iterator<Item = &str> {
        self.domains.iter().map(String::as_str)
    }

    /// Whether a pattern matches this name. The name has no trailing dot.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        let has_upper = name.bytes().any(|byte| byte.is_ascii_uppercase());
        let name = if has_upper { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) };
        self.any
            || self.names.contains(&*name)
            || successors(parent(&name), |domain| parent(domain)).any(|domain| self.domains.contains(domain))
    }
}

/// The domain that a name is in.
fn parent(name: &str) -> Option<&str> {
    name.split_once('.').map(|(_, domain)| domain)
}

impl FromIterator<HostPattern> for Hosts {
    fn from_iter<I: IntoIterator<Item = HostPattern>>(patterns: I) -> Self {
        let mut hosts = Self::default();
        for pattern in patterns {
            match pattern {
                HostPattern::Any => hosts.any = true,
                HostPattern::Under(domain) => hosts.domains.extend([domain]),
                HostPattern::Name(name) => hosts.names.extend([name]),
            }
        }
        hosts
    }
}

impl HostPattern {
    /// # Errors
    /// When no host of a url can match it.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let bad = |why: &str| Err(BadPattern(format!("no host can match `{text}`: {why}")));
        let (name, is_domain) = text.strip_prefix("*.").map_or((text, false), |domain| (domain, true));
        if text == "*" {
            return Ok(Self::Any);
        }
        if text.contains("://") || text.contains('/') {
            return bad("write the host only, without scheme and path");
        }
        if name.contains('*') {
            return bad("a `*` must stand alone or at the start, as in `*.example.com`");
        }
        if text.parse::<IpAddr>().is_ok() || text.starts_with('[') {
            return bad("addresses belong in `cidrs`");
        }
        if text.contains(':') {
            return bad("ports belong in `ports`");
        }
        if name.ends_with('.') {
            return bad("leave out the dot at the end");
        }
        if !name.is_ascii() {
            return bad("write it in punycode");
        }
        match dns::fault(name) {
            // The rule about names of a single label can be off.
            None | Some(NameFault::SingleLabel) if text.len() <= dns::LONGEST_NAME => {}
            Some(NameFault::OnlyNumbers | NameFault::NumericLastLabel(_)) => {
                return bad("a name cannot end in a number");
            }
            _ => return bad("it is not a DNS name"),
        }
        let name = name.to_ascii_lowercase();
        Ok(if is_domain { Self::Under(name) } else { Self::Name(name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_itself_or_by_a_domain_above_it() {
        let hosts = |patterns: &[&str]| -> Hosts {
            patterns.iter().map(|pattern| HostPattern::parse(pattern).expect("a pattern")).collect()
        };
        let some = hosts(&["API.openai.com", "*.Example.com", "*.example.com", "*.svc.cluster.local"]);
        for (name, is_held) in [
            ("api.openai.com", true),
            ("Api.OpenAI.com", true),
            ("x.api.openai.com", false),
            ("openai.com", false),
            ("a.example.com", true),
            ("a.b.EXAMPLE.com", true),
            ("example.com", false),
            ("badexample.com", false),
            ("example.com.evil.org", false),
            ("vllm.ml.svc.cluster.local", true),
            ("cluster.local", false),
            ("", false),
        ] {
            assert_eq!(some.contains(name), is_held, "{name}");
        }
        assert!(hosts(&["*"]).contains("any.example") && !hosts(&["*"]).is_empty());
        assert!(!hosts(&[]).contains("any.example") && hosts(&[]).is_empty());
        assert!(!hosts(&["*.com"]).is_empty() && !hosts(&["a.com"]).is_empty());
    }

    #[test]
    fn the_longest_name_and_the_longest_label_are_patterns() {
        let label = "a".repeat(63);
        let name = format!("{label}.{label}.{label}.{}", "b".repeat(61));
        assert_eq!(name.len(), 253);
        assert_eq!(HostPattern::parse(&name), Ok(HostPattern::Name(name.clone())));
        assert!(HostPattern::parse(&format!("{name}b")).is_err());
    }

    #[test]
    fn an_impossible_pattern_is_refused_in_words() {
        let long = "a".repeat(64);
        // With another label before it, it is longer than a name can be.
        let long_domain = format!("*.{}bc", "a.".repeat(125));
        for (text, why) in [
            ("https://h.example", "write the host only, without scheme and path"),
            ("h.example/v1", "write the host only, without scheme and path"),
            ("a.*.example", "a `*` must stand alone or at the start, as in `*.example.com`"),
            ("*a.example", "a `*` must stand alone or at the start, as in `*.example.com`"),
            ("10.0.0.1", "addresses belong in `cidrs`"),
            ("[::1]", "addresses belong in `cidrs`"),
            ("h.example:443", "ports belong in `ports`"),
            ("h.example.", "leave out the dot at the end"),
            ("bücher.example", "write it in punycode"),
            ("*.0.0.1", "a name cannot end in a number"),
            ("a.0x10", "a name cannot end in a number"),
            ("*.0x10", "a name cannot end in a number"),
            ("256.1.1.1", "a name cannot end in a number"),
            ("", "it is not a DNS name"),
            ("*.", "it is not a DNS name"),
            ("a_b.example", "it is not a DNS name"),
            ("-a.example", "it is not a DNS name"),
            ("a-.example", "it is not a DNS name"),
            (&long, "it is not a DNS name"),
            (&long_domain, "it is not a DNS name"),
        ] {
            let why = format!("no host can match `{text}`: {why}");
            assert_eq!(HostPattern::parse(text), Err(BadPattern(why)));
        }
    }
}
