//! Reads a url once: its parts, and the kind of each part, for all rules.

use std::fmt::Display;
use std::net::IpAddr;

use super::dns::NameFault;
use super::host::{Host, HostFault};
use super::url::{Port, Url, UrlFault, is_uri_byte};

/// A url, and the kinds of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointUrl<'a> {
    pub parts: Url<'a>,
    /// Why parsers could read the whole url differently.
    pub fault: Option<UrlFault<'a>>,
    /// `None` if a fault makes the host uncertain.
    pub host: Option<Host<'a>>,
    /// `None` if a fault makes the port uncertain.
    pub port: Option<Port<'a>>,
}

impl<'a> EndpointUrl<'a> {
    #[must_use]
    pub fn read(text: &'a str) -> Self {
        let parts = Url::split(text);
        let fault = parts.fault();
        let authority_is_clear = parts.authority.is_some()
            && !matches!(
                fault,
                Some(
                    UrlFault::Template(_)
                        | UrlFault::SchemeTwice
                        | UrlFault::Brackets
                        | UrlFault::BareIpv6(_)
                        | UrlFault::NoAuthority
                )
            );
        // A bad character elsewhere does not affect host and port.
        let clear = |part: &str| match &fault {
            Some(UrlFault::Characters(_)) => part.bytes().all(is_uri_byte),
            _ => true,
        };
        let host = (authority_is_clear && clear(parts.host)).then(|| parts.classify_host());
        let port =
            (authority_is_clear && clear(parts.port.unwrap_or_default())).then(|| parts.classify_port());
        EndpointUrl { parts, fault, host, port }
    }

    /// The host's address, if it is one, canonical or not.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.host? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) | Host::Refused(HostFault::Ipv6NotCanonical(address)) => Some(address.into()),
            Host::Name(_) | Host::Refused(_) => None,
        }
    }

    /// The host without a trailing dot, if it is a name, even one of a single label.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        match self.host? {
            Host::Name(_) | Host::Refused(HostFault::Name(NameFault::SingleLabel)) => {
                Some(self.parts.host.strip_suffix('.').unwrap_or(self.parts.host))
            }
            _ => None,
        }
    }

    /// The part with the fault. `None` if it is the whole text.
    #[must_use]
    pub(crate) fn faulty_part(&self) -> Option<&'a str> {
        let text = self.parts.text;
        match self.fault.as_ref()? {
            UrlFault::Template(placeholder) => Some(placeholder),
            UrlFault::Characters(strange) => {
                let at = text.find(strange.as_slice())?;
                text[at..].chars().next().map(|character| &text[at..at + character.len_utf8()])
            }
            UrlFault::Scheme => self.parts.scheme,
            UrlFault::SchemeTwice => Some(self.parts.host),
            UrlFault::Brackets | UrlFault::BareIpv6(_) => self.parts.authority,
            UrlFault::Empty | UrlFault::NoScheme | UrlFault::NoAuthority => None,
        }
    }

    /// A part of this url for a message: in backticks, and `…` where it could be a secret.
    #[must_use]
    pub fn show(&self, part: &'a str) -> impl Display + use<'a> {
        self.parts.show(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_in_one_part_leaves_the_others_readable() {
        let url = EndpointUrl::read("http://h.example:99999/a b");
        assert_eq!(
            (url.fault, url.host, url.port),
            (Some(UrlFault::Characters(vec![' '])), Some(Host::Name("h.example")), Some(Port::TooLarge))
        );
        let url = EndpointUrl::read("http://h .example:99999/");
        assert_eq!((url.host, url.port), (None, Some(Port::TooLarge)));
        let url = EndpointUrl::read("http://[::1");
        assert_eq!((url.host, url.port), (None, None));
    }

    #[test]
    fn a_fault_has_its_place_where_it_is_not_everywhere() {
        for (text, part) in [
            ("http://${HOST}/v1", Some("${HOST}")),
            ("http://h.example/aéb c", Some("é")),
            ("1http://h.example", Some("1http")),
            ("http://https://h.example", Some("https")),
            ("http://[::1", Some("[::1")),
            ("http://2001:db8::10/v1", Some("2001:db8::10")),
            ("h.example", None),
            ("http:h.example", None),
            ("", None),
            ("http://h.example", None),
        ] {
            assert_eq!(EndpointUrl::read(text).faulty_part(), part, "{text}");
        }
    }

    #[test]
    fn a_part_that_may_be_a_secret_is_not_shown() {
        let url = EndpointUrl::read("http://user:pa/ss@h.example/");
        assert_eq!(url.show(url.parts.host).to_string(), "`…`");
        let url = EndpointUrl::read("http://user:pass@h.example/");
        assert_eq!(url.show(url.parts.host).to_string(), "`h.example`");
    }
}
