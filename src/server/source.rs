//! Where a connection comes from, as far as the server tells clients apart.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// An IPv4 address, or the first half of an IPv6 address: a client that has one address of a /64 has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ClientSource(IpAddr);

impl ClientSource {
    #[must_use]
    pub(super) fn of(client: SocketAddr) -> Self {
        Self(match client.ip().to_canonical() {
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
            ip @ IpAddr::V4(_) => ip,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(client: &str) -> ClientSource {
        ClientSource::of(client.parse().expect("an address"))
    }

    #[test]
    fn the_port_does_not_count_and_neither_does_how_an_ipv4_address_is_written() {
        assert_eq!(source("10.0.0.1:1"), source("10.0.0.1:2"));
        assert_eq!(source("10.0.0.1:1"), source("[::ffff:10.0.0.1]:1"));
        assert_ne!(source("10.0.0.1:1"), source("10.0.0.2:1"));
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        assert_eq!(source("[2001:db8:0:1::1]:1"), source("[2001:db8:0:1:ffff::2]:1"));
        assert_ne!(source("[2001:db8:0:1::1]:1"), source("[2001:db8:0:2::1]:1"));
    }
}
