//! The clouds' metadata services: they hand out the credentials of the node that asks.
//!
//! Sources: the documentation of each provider.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses and names of one provider's service.
#[derive(Debug)]
pub struct Service {
    pub provider: &'static str,
    pub addresses: &'static [IpAddr],
    /// In lower case.
    pub names: &'static [&'static str],
}

const fn v4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

const fn v6(segments: [u16; 8]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from_segments(segments))
}

/// The address that most clouds use.
const LINK_LOCAL: IpAddr = v4(169, 254, 169, 254);

/// Every known service.
pub(crate) static SERVICES: [Service; 11] = [
    Service {
        // instance metadata, and pod identity in EKS
        provider: "AWS",
        addresses: &[
            LINK_LOCAL,
            v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]),
            v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23]),
        ],
        names: &["instance-data.ec2.internal"],
    },
    Service {
        provider: "Google Cloud",
        addresses: &[LINK_LOCAL, v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254])],
        names: &["metadata.google.internal", "metadata.goog"],
    },
    Service {
        // the second one is the wire server
        provider: "Azure",
        addresses: &[LINK_LOCAL, v4(168, 63, 129, 16)],
        names: &["metadata.azure.internal"],
    },
    Service {
        provider: "Oracle Cloud",
        addresses: &[LINK_LOCAL, v4(192, 0, 0, 192), v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe])],
        names: &[],
    },
    Service {
        provider: "Alibaba Cloud",
        addresses: &[v4(100, 100, 100, 200), v6([0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200])],
        names: &[],
    },
    Service {
        provider: "Akamai",
        addresses: &[LINK_LOCAL, v6([0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1])],
        names: &[],
    },
    Service { provider: "Scaleway", addresses: &[v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42])], names: &[] },
    Service { provider: "IBM Cloud", addresses: &[LINK_LOCAL], names: &["api.metadata.cloud.ibm.com"] },
    Service { provider: "Tencent Cloud", addresses: &[], names: &["metadata.tencentyun.com"] },
    Service { provider: "Exoscale", addresses: &[LINK_LOCAL], names: &["metadata.exoscale.com"] },
    Service {
        provider: "Equinix Metal",
        addresses: &[],
        names: &["metadata.platformequinix.com", "metadata.packet.net"],
    },
];

/// Whether a metadata service has this address.
#[must_use]
pub(crate) fn is_address(address: IpAddr) -> bool {
    SERVICES.iter().any(|service| service.addresses.contains(&address))
}

/// Whether a metadata service has this name. The name has no trailing dot.
#[must_use]
pub(crate) fn is_name(name: &str) -> bool {
    let known = |service: &Service| service.names.iter().any(|known| name.eq_ignore_ascii_case(known));
    SERVICES.iter().any(known) || is_in_a_region_of_aws(name)
}

/// `instance-data.<region>.compute.internal`: what AWS resolves to 169.254.169.254 in every region but
/// us-east-1, which has `instance-data.ec2.internal`.
fn is_in_a_region_of_aws(name: &str) -> bool {
    let mut labels = name.splitn(3, '.');
    let (first, _region, rest) = (labels.next(), labels.next(), labels.next());
    let is = |label: Option<&str>, known| label.is_some_and(|label| label.eq_ignore_ascii_case(known));
    is(first, "instance-data") && is(rest, "compute.internal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_has_a_name_for_its_metadata_service_in_each_region() {
        for name in [
            "instance-data.ec2.internal",
            "instance-data.us-west-2.compute.internal",
            "Instance-Data.cn-north-1.Compute.Internal",
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "instance-data.compute.internal",
            "ip-10-0-0-5.us-west-2.compute.internal",
            "instance-data.us-west-2.example.internal",
            "instance-data.us-west-2.compute.example",
            "instance-data.us-west-2.compute.internal.example",
            "x.instance-data.us-west-2.compute.internal",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn every_service_is_known_by_its_addresses_and_names() {
        for service in &SERVICES {
            assert!(!service.addresses.is_empty() || !service.names.is_empty(), "{}", service.provider);
            for address in service.addresses {
                assert!(is_address(*address), "{address}");
            }
            for name in service.names {
                assert!(is_name(name) && is_name(&name.to_ascii_uppercase()), "{name}");
            }
        }
        assert!(!is_address(v4(169, 254, 169, 253)) && !is_name("metadata.example"));
    }
}
