use super::{Example, Rule, Severity, Subject};
use crate::endpoint::address::{Special, special};
use crate::endpoint::field::Field;
use crate::endpoint::host::{Host, HostFault};

pub(super) static RULE: Rule = Rule {
    id: "url-ip-special",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The host is an address where no endpoint can live, or a cloud's metadata service.",
    reason: "`http://127.0.0.1:8000` is the gateway itself, and EndpointSlice refuses it; a multicast address \
             can't carry TCP. `http://169.254.169.254` and its like under other names hand out the credentials \
             of the node that the gateway runs on: an endpoint there would let anyone who may call the gateway \
             fetch them.",
    instead: "Write an address that other machines reach. Private ranges (10/8, 172.16/12, 192.168/16, fd00::/8) \
              are fine.",
    good: &[
        Example::url("http://10.0.1.50:8000/v1"),
        Example::url("http://192.168.0.1/v1"),
        Example::url("http://[fd00::5]/v1"),
    ],
    bad: &[
        Example::url("http://127.0.0.1:8000/v1"),
        Example::url("http://0.0.0.0/v1"),
        Example::url("http://169.254.0.1/v1"),
        Example::url("http://169.254.169.254/v1"),
        Example::url("http://100.100.100.200/v1"),
        Example::url("http://metadata.google.internal/v1"),
        Example::url("http://instance-data.us-west-2.compute.internal/v1"),
        Example::url("http://224.0.1.1/v1"),
        Example::url("http://255.255.255.255/v1"),
        Example::url("http://[::1]/v1"),
        Example::url("http://[fe80::1]/v1"),
        Example::url("http://[fe80::1%25eth0]/v1"),
        Example::url("http://[ff0e::1]/v1"),
        Example::url("http://[::ffff:10.0.0.5]/v1"),
        Example::url("http://[fd00:ec2::254]/v1"),
        Example::url("http://[64:ff9b::a9fe:a9fe]/v1"),
        Example::url("http://[2002:a9fe:a9fe::1]/v1"),
    ],
    part: |subject| Some(subject.url.text()?.parts.host),
    check,
};

/// Names of the clouds' metadata services: Google Cloud, AWS, Azure, IBM Cloud, Tencent Cloud, Exoscale,
/// Equinix Metal.
const METADATA_NAMES: [&str; 9] = [
    "metadata.google.internal",
    "metadata.goog",
    "instance-data.ec2.internal",
    "metadata.azure.internal",
    "api.metadata.cloud.ibm.com",
    "metadata.tencentyun.com",
    "metadata.exoscale.com",
    "metadata.platformequinix.com",
    "metadata.packet.net",
];

fn check(subject: &Subject<'_>) -> Option<String> {
    let url = subject.url.text()?;
    if url.name().is_some_and(is_metadata_service) {
        return Some(refusal("a cloud's metadata service, which hands out the node's credentials"));
    }
    if url.host? == Host::Refused(HostFault::Ipv6Zone) {
        return Some(refusal("an address with a zone id, which means something on one machine only"));
    }
    let why = match special(url.address()?)? {
        Special::Unspecified => "the unspecified address, which is nobody's",
        Special::Loopback => "a loopback address, which is the gateway itself",
        Special::LinkLocal => "a link-local address, which means something on one network link only",
        Special::Multicast => "a multicast address, which cannot carry TCP",
        Special::Broadcast => "the broadcast address, which cannot carry TCP",
        Special::Ipv4Mapped => "an IPv4 address in IPv6 form, which EndpointSlice refuses",
        Special::Metadata => "a cloud's metadata service, which hands out the node's credentials",
        Special::Embedded(inner) => {
            return Some(refusal(&format!("an IPv6 form of the special address {inner}")));
        }
    };
    Some(refusal(why))
}

fn is_metadata_service(name: &str) -> bool {
    METADATA_NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)) || is_in_a_region_of_aws(name)
}

/// `instance-data.<region>.compute.internal`: what AWS resolves to 169.254.169.254 in every region but
/// us-east-1, which has `instance-data.ec2.internal`.
fn is_in_a_region_of_aws(name: &str) -> bool {
    let mut labels = name.splitn(3, '.');
    let (first, _region, rest) = (labels.next(), labels.next(), labels.next());
    let is = |label: Option<&str>, known| label.is_some_and(|label| label.eq_ignore_ascii_case(known));
    is(first, "instance-data") && is(rest, "compute.internal")
}

fn refusal(why: &str) -> String {
    format!("has as its host {why}; write an address or a name that other machines reach")
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
            assert!(is_metadata_service(name), "{name}");
        }
        for name in [
            "instance-data.compute.internal",
            "ip-10-0-0-5.us-west-2.compute.internal",
            "instance-data.us-west-2.example.internal",
            "instance-data.us-west-2.compute.example",
            "instance-data.us-west-2.compute.internal.example",
            "x.instance-data.us-west-2.compute.internal",
        ] {
            assert!(!is_metadata_service(name), "{name}");
        }
    }
}
