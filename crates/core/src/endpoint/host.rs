//! A host as it is written flows in; its kind flows out: an address, a name, or the reason why it is neither.
//!
//! The rules are those of what Modelplane composes: an `EndpointSlice` whose address is canonical IPv4,
//! canonical IPv6, or a fully qualified domain name (Kubernetes, `ValidateEndpointSliceCreate`,
//! `IsFullyQualifiedDomainName`).

use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::address::is_taken_by_endpoint_slice;
use super::dns::{self, NameFault};

/// What a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host<'a> {
    /// Canonical dotted decimal.
    Ipv4(Ipv4Addr),
    /// In brackets, in the canonical text of RFC 5952. Upper case is allowed, because it is lowered later.
    Ipv6(Ipv6Addr),
    /// A DNS name of at least two labels, possibly with upper case and one trailing dot.
    Name(&'a str),
    Refused(HostFault<'a>),
}

/// Why a host is neither an address nor a DNS name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostFault<'a> {
    Name(NameFault<'a>),
    /// Numbers and dots that are not canonical dotted decimal: `010.0.0.1`, `0x7f.1`, `1.2.3`.
    Ipv4Lookalike,
    /// IPv6 in another form than this canonical one.
    Ipv6NotCanonical(Ipv6Addr),
    Ipv6Zone,
    /// Brackets around something that is not an IPv6 address.
    NotIpv6,
}

/// The EndpointSlice address type that a host is composed into; it can't change in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Ipv4,
    Ipv6,
    Name,
}

impl<'a> Host<'a> {
    /// Classifies the host of a url, brackets included.
    #[must_use]
    pub fn classify(text: &'a str) -> Self {
        if let Some(inner) = text.strip_prefix('[') {
            return classify_ipv6(inner.strip_suffix(']').unwrap_or(inner));
        }
        if let Ok(address) = text.parse() {
            return Host::Ipv4(address);
        }
        match dns::fault(text) {
            None => Host::Name(text),
            Some(NameFault::OnlyNumbers) => Host::Refused(HostFault::Ipv4Lookalike),
            Some(fault) => Host::Refused(HostFault::Name(fault)),
        }
    }

    /// The address type that Modelplane composes. `None` if it composes nothing.
    #[must_use]
    pub fn family(&self) -> Option<Family> {
        match self {
            Host::Ipv4(_) => Some(Family::Ipv4),
            Host::Ipv6(_) | Host::Refused(HostFault::Ipv6NotCanonical(_) | HostFault::Ipv6Zone) => {
                Some(Family::Ipv6)
            }
            Host::Refused(HostFault::Name(NameFault::Empty) | HostFault::NotIpv6) => None,
            // Modelplane treats everything that is not an address as a name.
            Host::Name(_) | Host::Refused(_) => Some(Family::Name),
        }
    }

    /// Whether the API server accepts the `EndpointSlice` that Modelplane composes.
    #[must_use]
    pub fn is_taken_by_endpoint_slice(&self, text: &str) -> bool {
        match *self {
            Host::Ipv4(address) => is_taken_by_endpoint_slice(address.into()),
            Host::Ipv6(address) => is_taken_by_endpoint_slice(address.into()),
            // The API server reads it as a name if it has two labels.
            Host::Refused(HostFault::Ipv4Lookalike) => text.trim_end_matches('.').contains('.'),
            Host::Name(_) | Host::Refused(HostFault::Name(NameFault::NumericLastLabel(_))) => true,
            Host::Refused(_) => false,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Ipv4 => "an IPv4 address",
            Family::Ipv6 => "an IPv6 address",
            Family::Name => "a DNS name",
        })
    }
}

fn classify_ipv6(text: &str) -> Host<'_> {
    if text.contains('%') {
        return Host::Refused(HostFault::Ipv6Zone);
    }
    match text.parse::<Ipv6Addr>() {
        Ok(address) if is_canonical(address, text) => Host::Ipv6(address),
        Ok(address) => Host::Refused(HostFault::Ipv6NotCanonical(address)),
        Err(_) => Host::Refused(HostFault::NotIpv6),
    }
}

/// Whether `text`, ignoring case, is the form of the address in RFC 5952.
fn is_canonical(address: Ipv6Addr, text: &str) -> bool {
    /// Removes the canonical text piece by piece from what was written.
    struct Expected<'a>(&'a str);
    impl Write for Expected<'_> {
        fn write_str(&mut self, piece: &str) -> fmt::Result {
            let (head, rest) = self.0.split_at_checked(piece.len()).ok_or(fmt::Error)?;
            self.0 = rest;
            if head.eq_ignore_ascii_case(piece) { Ok(()) } else { Err(fmt::Error) }
        }
    }
    let mut written = Expected(text);
    write!(written, "{address}").is_ok() && written.0.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_is_what_the_api_server_takes_it_for() {
        use HostFault as Fault;
        let v6 = |text: &str| text.parse::<Ipv6Addr>().expect("an address");
        let label = "a".repeat(63);
        let long_label = "a".repeat(64);
        let long_label_name = format!("{long_label}.example");
        let label_name = format!("{label}.example");
        let name_253 = format!("{label}.{label}.{label}.{}", "b".repeat(61));
        let name_253_dot = format!("{name_253}.");
        let name_254 = format!("{label}.{label}.{label}.{}", "b".repeat(62));
        let cases = [
            ("10.0.1.50", Host::Ipv4(Ipv4Addr::new(10, 0, 1, 50))),
            ("[2001:db8::10]", Host::Ipv6(v6("2001:db8::10"))),
            ("[2001:DB8::A]", Host::Ipv6(v6("2001:db8::a"))),
            ("[2001:db8::0]", Host::Refused(Fault::Ipv6NotCanonical(v6("2001:db8::")))),
            ("[2001:db8:0:0::10]", Host::Refused(Fault::Ipv6NotCanonical(v6("2001:db8::10")))),
            ("[::10.0.0.5]", Host::Refused(Fault::Ipv6NotCanonical(v6("::a00:5")))),
            ("[1:2:3::5:6:7:8]", Host::Refused(Fault::Ipv6NotCanonical(v6("1:2:3:0:5:6:7:8")))),
            ("[::ffff:10.0.0.5]", Host::Ipv6(v6("::ffff:10.0.0.5"))),
            ("[fe80::1%25eth0]", Host::Refused(Fault::Ipv6Zone)),
            ("[v1.abc]", Host::Refused(Fault::NotIpv6)),
            ("[]", Host::Refused(Fault::NotIpv6)),
            ("h.example", Host::Name("h.example")),
            ("H.Example.", Host::Name("H.Example.")),
            ("0xdead.example", Host::Name("0xdead.example")),
            ("us.0xi", Host::Name("us.0xi")),
            (&label_name, Host::Name(&label_name)),
            (&name_253, Host::Name(&name_253)),
            (&name_253_dot, Host::Name(&name_253_dot)),
            ("", Host::Refused(Fault::Name(NameFault::Empty))),
            ("vllm", Host::Refused(Fault::Name(NameFault::SingleLabel))),
            ("vllm.", Host::Refused(Fault::Name(NameFault::SingleLabel))),
            ("a..b", Host::Refused(Fault::Name(NameFault::EmptyLabel))),
            (".a.b", Host::Refused(Fault::Name(NameFault::EmptyLabel))),
            ("a.b..", Host::Refused(Fault::Name(NameFault::EmptyLabel))),
            (".", Host::Refused(Fault::Name(NameFault::EmptyLabel))),
            (&long_label_name, Host::Refused(Fault::Name(NameFault::LongLabel(&long_label)))),
            (&name_254, Host::Refused(Fault::Name(NameFault::LongName(254)))),
            ("-a.example", Host::Refused(Fault::Name(NameFault::Hyphen("-a")))),
            ("a-.example", Host::Refused(Fault::Name(NameFault::Hyphen("a-")))),
            ("a_b.example", Host::Refused(Fault::Name(NameFault::Character('_')))),
            ("a.b.42", Host::Refused(Fault::Name(NameFault::NumericLastLabel("42")))),
            ("a.b.0x10", Host::Refused(Fault::Name(NameFault::NumericLastLabel("0x10")))),
            ("010.0.0.1", Host::Refused(Fault::Ipv4Lookalike)),
            ("0x7f.1", Host::Refused(Fault::Ipv4Lookalike)),
            ("256.1.1.1", Host::Refused(Fault::Ipv4Lookalike)),
            ("1.2.3", Host::Refused(Fault::Ipv4Lookalike)),
            ("10.0.0.1.", Host::Refused(Fault::Ipv4Lookalike)),
            ("2130706433", Host::Refused(Fault::Ipv4Lookalike)),
        ];
        for (text, host) in cases {
            assert_eq!(Host::classify(text), host, "{text}");
        }
    }

    #[test]
    fn a_family_reads_as_part_of_a_sentence() {
        let read = [Family::Ipv4, Family::Ipv6, Family::Name].map(|family| family.to_string());
        assert_eq!(read, ["an IPv4 address", "an IPv6 address", "a DNS name"]);
    }

    #[test]
    fn the_family_is_the_address_type_that_is_composed() {
        let families = [
            ("10.0.1.50", Some(Family::Ipv4)),
            ("[2001:db8::10]", Some(Family::Ipv6)),
            ("[2001:db8:0:0::10]", Some(Family::Ipv6)),
            ("[fe80::1%25eth0]", Some(Family::Ipv6)),
            ("h.example", Some(Family::Name)),
            ("1.2.3", Some(Family::Name)),
            ("h.42", Some(Family::Name)),
            ("vllm", Some(Family::Name)),
            ("a_b.example", Some(Family::Name)),
            ("[v1.abc]", None),
            ("", None),
        ];
        for (text, family) in families {
            assert_eq!(Host::classify(text).family(), family, "{text}");
        }
    }

    #[test]
    fn an_endpoint_slice_takes_canonical_addresses_and_names_of_two_labels() {
        let taken = |text: &str| Host::classify(text).is_taken_by_endpoint_slice(text);
        for text in ["10.0.1.50", "[2001:db8::10]", "h.example", "H.Example.", "1.2.3", "10.0.0.1.", "h.42"] {
            assert!(taken(text), "{text}");
        }
        for text in [
            "127.0.0.1",
            "[::1]",
            "[2001:db8:0:0::10]",
            "vllm",
            "2130706433",
            "1.",
            "a_b.example",
            "[v1.abc]",
            "",
        ] {
            assert!(!taken(text), "{text}");
        }
    }
}
