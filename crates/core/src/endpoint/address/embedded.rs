//! An IPv6 address flows in; the special IPv4 address that it leads to flows out, if any.
//!
//! Translators (NAT64) and tunnels (6to4) carry a connection to an IPv4 address that is written in the IPv6 address.
//! docs/decisions/11-ipv4-in-ipv6.md says which forms are decoded, and why.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Special, special_v4};

/// The special IPv4 address that an IPv6 address leads to.
pub(super) fn special(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0x64, 0xff9b, 1, ..] => special_of_local_nat64(address.octets()),
        _ => only_reading(address).filter(|inner| special_v4(*inner).is_some()),
    }
}

/// The IPv4 address in a form that has one place for it.
fn only_reading(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets = address.octets();
    match address.segments() {
        // NAT64's well-known prefix 64:ff9b::/96 (RFC 6052), IPv4-translated ::ffff:0:0:0/96 (RFC 2765),
        // IPv4-compatible ::/96 (RFC 4291, section 2.5.5.1)
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0 | 0xffff, 0, ..] => {
            Some(read(octets, [12, 13, 14, 15]))
        }
        // 6to4: 2002::/16 (RFC 3056)
        [0x2002, ..] => Some(read(octets, [2, 3, 4, 5])),
        _ => None,
    }
}

/// Where an IPv4 address is in an address behind a NAT64 prefix (RFC 6052, section 2.2).
struct Layout {
    /// The octets of the IPv4 address.
    v4: [usize; 4],
    /// The octets that should be zero: octet 8 in the middle of the IPv4 address, and those after the address.
    zeros: &'static [usize],
}

/// The layouts of the networks that fit into `64:ff9b:1::/48` (RFC 8215), shortest prefix first: /48, /56, /64
/// and /96.
const LAYOUTS: [Layout; 4] = [
    Layout { v4: [6, 7, 9, 10], zeros: &[8, 11, 12, 13, 14, 15] },
    Layout { v4: [7, 9, 10, 11], zeros: &[8, 12, 13, 14, 15] },
    Layout { v4: [9, 10, 11, 12], zeros: &[8, 13, 14, 15] },
    Layout { v4: [12, 13, 14, 15], zeros: &[] },
];

/// The address does not show how long the translator's prefix is, so it has up to four readings.
///
/// A reading that is a metadata service counts in any layout, whatever the octets that should be zero contain,
/// because translators ignore them. Otherwise, the shortest layout that fits counts, because the readings of longer
/// ones end in zero, as hardly any host does. So a suffix that is not zero hides a loopback address, which no
/// translator can reach. To find it, every host behind `64:ff9b:1:7f00::/64` would have to be refused.
fn special_of_local_nat64(octets: [u8; 16]) -> Option<Ipv4Addr> {
    let readings = || LAYOUTS.iter().map(|layout| read(octets, layout.v4));
    let hands_out_credentials =
        |inner: &Ipv4Addr| matches!(special_v4(*inner), Some(Special::Metadata | Special::LinkLocal));
    if let Some(inner) = readings().find(hands_out_credentials) {
        return Some(inner);
    }
    let fits = |layout: &&Layout| layout.zeros.iter().all(|octet| octets[*octet] == 0);
    // 0.0.0.0/8 is not a destination (RFC 1122, section 3.2.1.3): such a reading comes from zeros in a longer prefix.
    let is_meant = |inner: &Ipv4Addr| inner.octets()[0] != 0;
    let meant = LAYOUTS.iter().filter(fits).map(|layout| read(octets, layout.v4)).find(is_meant);
    let inner = meant.unwrap_or_else(|| read(octets, LAYOUTS[3].v4));
    special_v4(inner).is_some().then_some(inner)
}

fn read(octets: [u8; 16], [a, b, c, d]: [usize; 4]) -> Ipv4Addr {
    Ipv4Addr::new(octets[a], octets[b], octets[c], octets[d])
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;
    use crate::endpoint::metadata;

    fn judged(text: &str) -> Option<String> {
        special(text.parse().expect("an address")).map(|inner| inner.to_string())
    }

    #[test]
    fn a_form_with_one_place_for_the_address_is_read_there() {
        for (text, inner) in [
            ("64:ff9b::a9fe:a9fe", Some("169.254.169.254")),
            ("64:ff9b::7f00:1", Some("127.0.0.1")),
            ("64:ff9b::", Some("0.0.0.0")),
            ("64:ff9b::1", None),
            ("64:ff9b::808:808", None),
            ("64:ff9b:2::7f00:1", None),
            ("64:ff9b:0:1::7f00:1", None),
            ("64:ff9b:0:0:1::7f00:1", None),
            ("64:ff9b::1:7f00:1", None),
            ("64:ff9c::7f00:1", None),
            ("2002:a9fe:a9fe::1", Some("169.254.169.254")),
            ("2002:6464:64c8::1", Some("100.100.100.200")),
            ("2002:a00:5::1", None),
            ("2002::1", Some("0.0.0.0")),
            ("2002:0:1::1", None),
            ("::ffff:0:a9fe:a9fe", Some("169.254.169.254")),
            ("::ffff:0:a00:5", None),
            ("::ffff:1:a9fe:a9fe", None),
            ("::a9fe:a9fe", Some("169.254.169.254")),
            ("::7f00:1", Some("127.0.0.1")),
            ("::a00:5", None),
            ("::1:a9fe:a9fe", None),
            // tunnels whose other end is not a server: Teredo and ISATAP
            ("2001:0:4136:e378:8000:63bf:5601:5601", None),
            ("2001:db8::5efe:a9fe:a9fe", None),
        ] {
            assert_eq!(judged(text).as_deref(), inner, "{text}");
        }
    }

    #[test]
    fn a_network_for_local_use_is_read_by_every_layout() {
        for (text, inner) in [
            // 169.254.169.254 behind /48, /56, /64 and /96
            ("64:ff9b:1:a9fe:a9:fe00::", Some("169.254.169.254")),
            ("64:ff9b:1:a9:fe:a9fe::", Some("169.254.169.254")),
            ("64:ff9b:1:12a9:fe:a9fe::", Some("169.254.169.254")),
            ("64:ff9b:1:0:a9:fea9:fe00:0", Some("169.254.169.254")),
            ("64:ff9b:1:1234:a9:fea9:fe00:0", Some("169.254.169.254")),
            ("64:ff9b:1::a9fe:a9fe", Some("169.254.169.254")),
            ("64:ff9b:1:1:2:3:a9fe:a9fe", Some("169.254.169.254")),
            // the metadata services that are not link-local, and all of 169.254/16
            ("64:ff9b:1:6464:64:c800::", Some("100.100.100.200")),
            ("64:ff9b:1:0:a8:3f81:1000:0", Some("168.63.129.16")),
            ("64:ff9b:1:0:a9:feaa:200:0", Some("169.254.170.2")),
            // Translators ignore octet 8 and the octets after the address.
            ("64:ff9b:1:0:a9:fea9:fe00:1", Some("169.254.169.254")),
            ("64:ff9b:1:0:1a9:fea9:fe00:0", Some("169.254.169.254")),
            ("64:ff9b:1:a9fe:ffa9:feff:ffff:ffff", Some("169.254.169.254")),
            // loopback, multicast, broadcast
            ("64:ff9b:1:7f00:0:100::", Some("127.0.0.1")),
            ("64:ff9b:1:7f:0:1::", Some("127.0.0.1")),
            ("64:ff9b:1:0:7f:0:100:0", Some("127.0.0.1")),
            ("64:ff9b:1::7f00:1", Some("127.0.0.1")),
            ("64:ff9b:1:0:0:7:7f00:1", Some("127.0.0.1")),
            ("64:ff9b:1:e000:0:100::", Some("224.0.0.1")),
            ("64:ff9b:1:0:ff:ffff:ff00:0", Some("255.255.255.255")),
            // 8.8.8.8 behind each; its other readings end in zero
            ("64:ff9b:1:808:8:800::", None),
            ("64:ff9b:1:8:8:808::", None),
            ("64:ff9b:1:0:8:808:800:0", None),
            ("64:ff9b:1::808:808", None),
            // 10.127.0.5 and 10.230.1.2 behind /48 read as 127.0.5.0 and 230.1.2.0 behind /56, which nobody means.
            ("64:ff9b:1:a7f:0:500::", None),
            ("64:ff9b:1:ae6:1:200::", None),
            // 127.0.1.0 behind /56 is 0.127.0.1 behind /48
            ("64:ff9b:1:7f:0:100::", Some("127.0.1.0")),
            // 127.0.0.1 behind /48, with a suffix that should be zero
            ("64:ff9b:1:7f00:0:101:200:0", None),
            // 8.8.8.8 behind /64 and /96 networks whose own numbers look like 127/8
            ("64:ff9b:1:7f00:8:808:800:0", None),
            ("64:ff9b:1:7f:8:808:800:0", None),
            ("64:ff9b:1:7f00:0:100:808:808", None),
            // nobody, in every layout
            ("64:ff9b:1::", Some("0.0.0.0")),
            ("64:ff9b:1::1", None),
        ] {
            assert_eq!(judged(text).as_deref(), inner, "{text}");
        }
    }

    /// An independent implementation of RFC 6052, section 2.2: the address as one number, without octet 8.
    fn translated(prefix: u128, length: u32, inner: Ipv4Addr) -> Ipv6Addr {
        let network = prefix & !(u128::MAX >> length);
        let v4 = u128::from(inner.to_bits());
        if length == 96 {
            return Ipv6Addr::from_bits(network | v4);
        }
        let placed = v4 << (96 - length);
        let before = placed >> 64 << 64;
        Ipv6Addr::from_bits(network | before | ((placed - before) >> 8))
    }

    #[test]
    fn the_examples_of_rfc_6052_are_encoded_as_they_stand_there() {
        let v4 = Ipv4Addr::new(192, 0, 2, 33);
        for (prefix, length, expected) in [
            ("2001:db8:122::", 48, "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::", 96, "2001:db8:122:344::192.0.2.33"),
        ] {
            let (prefix, expected): (Ipv6Addr, Ipv6Addr) =
                (prefix.parse().expect("a prefix"), expected.parse().expect("an address"));
            assert_eq!(translated(prefix.to_bits(), length, v4), expected);
        }
    }

    /// `64:ff9b:1::/48`, followed by anything.
    fn local_prefix() -> impl Strategy<Value = u128> {
        any::<u128>().prop_map(|below| (0x0064_ff9b_0001 << 80) | (below >> 48))
    }

    /// The IPv4 addresses among the metadata services'.
    fn metadata_services() -> Vec<Ipv4Addr> {
        let all = metadata::SERVICES.iter().flat_map(|service| service.addresses);
        all.filter_map(|address| if let IpAddr::V4(address) = address { Some(*address) } else { None })
            .collect()
    }

    fn length() -> impl Strategy<Value = u32> {
        prop::sample::select(vec![48, 56, 64, 96])
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_hands_out_credentials_is_found_behind_every_prefix(
            prefix in local_prefix(),
            length in length(),
            inner in prop_oneof![
                prop::sample::select(metadata_services()),
                (any::<u8>(), any::<u8>()).prop_map(|(c, d)| Ipv4Addr::new(169, 254, c, d)),
            ],
            suffix in any::<u128>(),
        ) {
            let address = translated(prefix, length, inner);
            prop_assert!(special(address).is_some(), "{}", address);
            // whatever is in octet 8 and after the IPv4 address
            let free = match length { 48 => 40, 56 => 32, 64 => 24, _ => 0 };
            let dirty = (suffix & ((1 << free) - 1)) | if length == 96 { 0 } else { suffix & (0xff << 56) };
            let address = Ipv6Addr::from_bits(address.to_bits() | dirty);
            prop_assert!(special(address).is_some(), "{}", address);
        }

        #[test]
        fn what_cannot_be_reached_is_found_behind_every_prefix(
            prefix in local_prefix(),
            length in length(),
            first in prop_oneof![Just(127_u8), 224_u8..240],
            rest in any::<[u8; 2]>(),
            last in 1_u8..,
        ) {
            let inner = Ipv4Addr::new(first, rest[0], rest[1], last);
            let address = translated(prefix, length, inner);
            prop_assert!(special(address).is_some(), "{}", address);
        }

        #[test]
        fn an_ordinary_host_is_admitted_behind_every_prefix(
            prefix in local_prefix(),
            length in length(),
            inner in any::<[u8; 4]>(),
        ) {
            let v4 = Ipv4Addr::from(inner);
            prop_assume!(inner[0] != 0 && inner[3] != 0 && special_v4(v4).is_none());
            let address = translated(prefix, length, v4);
            // By chance, another reading is in 169.254/16, or is a metadata service.
            let octets = [&address.octets()[6..8], &address.octets()[9..]].concat();
            prop_assume!(!octets.windows(2).any(|pair| pair == [169, 254]));
            prop_assert_eq!(special(address), None, "{}", address);
        }

        // The reason why loopback addresses are not searched for in every layout: these networks look like one in the
        // layouts of shorter prefixes.
        #[test]
        fn an_ordinary_host_is_admitted_behind_a_prefix_that_looks_like_loopback(
            subnet in prop::sample::select(vec![0x7f00_u16, 0x7f01, 0x7f08, 0x007f, 0x087f, 0x7f7f]),
            length in prop::sample::select(vec![56, 64, 96]),
            inner in (1..127_u8, 1..168_u8, any::<u8>(), 1_u8..),
        ) {
            let v4 = Ipv4Addr::from(<[u8; 4]>::from(inner));
            prop_assume!(special_v4(v4).is_none());
            let address = translated((0x0064_ff9b_0001 << 80) | (u128::from(subnet) << 64), length, v4);
            prop_assert_eq!(special(address), None, "{}", address);
        }
    }
}
