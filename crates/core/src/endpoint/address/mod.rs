//! An IP address flows in; the reason why no endpoint can have it flows out.
//!
//! Sources: what EndpointSlice refuses (Kubernetes, `ValidateEndpointIP`), the IANA special-purpose address
//! registries, and the list of the clouds' [`metadata`] services. `embedded` finds the IPv6 addresses that lead to
//! IPv4 addresses.

mod embedded;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::metadata;

/// Why an endpoint can't or must not have an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    Unspecified,
    Loopback,
    LinkLocal,
    Multicast,
    Broadcast,
    /// `::ffff:0:0/96` (RFC 4291, section 2.5.5.2).
    Ipv4Mapped,
    /// A cloud's metadata service: it hands out the node's credentials.
    Metadata,
    /// An IPv6 address that leads to this special IPv4 address.
    Embedded(Ipv4Addr),
}

/// Says why no endpoint can have this address. `None` if one can.
#[must_use]
pub(super) fn special(address: IpAddr) -> Option<Special> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

/// Whether an `EndpointSlice` accepts the address, in its canonical text (Kubernetes, `ValidateEndpointIP` and
/// `IsValidIP`).
#[must_use]
pub(super) fn is_taken_by_endpoint_slice(address: IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.octets()[..3] == [224, 0, 0],
        IpAddr::V6(address) => address.is_unicast_link_local() || address.segments()[0] & 0xff0f == 0xff02,
    };
    let mapped = matches!(address, IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
    !(address.is_unspecified() || address.is_loopback() || link_local || mapped)
}

fn special_v4(address: Ipv4Addr) -> Option<Special> {
    if address.is_unspecified() {
        Some(Special::Unspecified)
    } else if address.is_loopback() {
        Some(Special::Loopback)
    } else if metadata::is_address(address.into()) {
        Some(Special::Metadata)
    } else if address.is_link_local() {
        Some(Special::LinkLocal)
    } else if address.is_multicast() {
        Some(Special::Multicast)
    } else if address.is_broadcast() {
        Some(Special::Broadcast)
    } else {
        None
    }
}

fn special_v6(address: Ipv6Addr) -> Option<Special> {
    if address.is_unspecified() {
        Some(Special::Unspecified)
    } else if address.is_loopback() {
        Some(Special::Loopback)
    } else if address.to_ipv4_mapped().is_some() {
        Some(Special::Ipv4Mapped)
    } else if metadata::is_address(address.into()) {
        Some(Special::Metadata)
    } else if address.is_unicast_link_local() {
        Some(Special::LinkLocal)
    } else if address.is_multicast() {
        Some(Special::Multicast)
    } else {
        embedded::special(address).map(Special::Embedded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_slice_refuses_what_means_something_else_everywhere() {
        let taken = |text: &str| is_taken_by_endpoint_slice(text.parse().expect("an address"));
        for text in [
            "10.0.1.50",
            "0.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "224.0.1.1",
            "223.0.0.1",
            "255.255.255.255",
            "2001:db8::10",
            "fd00:ec2::254",
            "::2",
            "::a00:5",
            "fec0::1",
            "ff01::1",
            "ff05::2",
            "ff0e::1",
        ] {
            assert!(taken(text), "{text}");
        }
        for text in [
            "0.0.0.0",
            "127.0.0.1",
            "127.1.2.3",
            "169.254.0.1",
            "169.254.169.254",
            "224.0.0.1",
            "::",
            "::1",
            "::ffff:10.0.0.5",
            "fe80::1",
            "febf::1",
            "ff02::1",
            "ff12::1",
            "ff32::1",
        ] {
            assert!(!taken(text), "{text}");
        }
    }

    #[test]
    fn each_special_address_has_its_reason_and_its_neighbours_are_fine() {
        let cases = [
            ("0.0.0.0", Some(Special::Unspecified)),
            ("0.0.0.1", None),
            ("126.255.255.255", None),
            ("127.0.0.1", Some(Special::Loopback)),
            ("127.255.255.254", Some(Special::Loopback)),
            ("128.0.0.0", None),
            ("169.253.255.255", None),
            ("169.254.0.1", Some(Special::LinkLocal)),
            ("169.254.169.254", Some(Special::Metadata)),
            ("169.255.0.0", None),
            ("100.100.100.200", Some(Special::Metadata)),
            ("100.100.100.201", None),
            ("168.63.129.16", Some(Special::Metadata)),
            ("192.0.0.192", Some(Special::Metadata)),
            ("192.0.0.1", None),
            ("223.255.255.255", None),
            ("224.0.0.1", Some(Special::Multicast)),
            ("239.255.255.255", Some(Special::Multicast)),
            ("240.0.0.1", None),
            ("255.255.255.254", None),
            ("255.255.255.255", Some(Special::Broadcast)),
            ("10.0.1.50", None),
            ("192.168.0.1", None),
            ("::", Some(Special::Unspecified)),
            ("::1", Some(Special::Loopback)),
            ("::ffff:10.0.0.5", Some(Special::Ipv4Mapped)),
            ("fd00:ec2::254", Some(Special::Metadata)),
            ("fd00:ec2::23", Some(Special::Metadata)),
            ("fd20:ce::254", Some(Special::Metadata)),
            ("fd00:c1::a9fe:a9fe", Some(Special::Metadata)),
            ("fd00:100::100:200", Some(Special::Metadata)),
            ("fd00:a9fe:a9fe::1", Some(Special::Metadata)),
            ("fd00:42::42", Some(Special::Metadata)),
            ("fd00:ec2::255", None),
            ("fe7f::1", None),
            ("fe80::1", Some(Special::LinkLocal)),
            ("febf::1", Some(Special::LinkLocal)),
            ("fec0::1", None),
            ("ff02::1", Some(Special::Multicast)),
            ("ff0e::1", Some(Special::Multicast)),
            ("64:ff9b::a9fe:a9fe", Some(Special::Embedded(Ipv4Addr::new(169, 254, 169, 254)))),
            ("2001:db8::10", None),
        ];
        for (text, reason) in cases {
            let address: IpAddr = text.parse().expect("an address");
            assert_eq!(special(address), reason, "{text}");
        }
    }
}
