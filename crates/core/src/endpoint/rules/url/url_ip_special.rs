use std::borrow::Cow;

use crate::endpoint::address::{Special, special};
use crate::endpoint::endpoint_url::EndpointUrl;
use crate::endpoint::field::Field;
use crate::endpoint::host::{Host, HostFault};
use crate::endpoint::metadata;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "url-ip-special",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The host is an address that no endpoint can have, or a cloud's metadata service.",
    reason: "`http://127.0.0.1:8000` is the gateway itself, and EndpointSlice refuses it; a multicast \
             address can't carry TCP. `http://169.254.169.254` and its like under other names hand out the \
             credentials of the node that the gateway runs on: an endpoint there would let anyone who may \
             call the gateway fetch them.",
    instead: "Write an address that other machines can reach. Private ranges (10/8, 172.16/12, 192.168/16, \
              fd00::/8) are fine.",
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
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "variables.nameIsOfMetadataService || variables.addressIsOfMetadataService",
            says: "points to a cloud's metadata service, which hands out the node's credentials; \
                   write an address or a name that other machines can reach",
        },
        Case {
            when: "variables.host == 'ipv6-zone'",
            says: "points to an address with a zone ID, which is valid on one machine only; \
                   write an address that other machines can reach",
        },
        Case {
            when: "variables.addressIsSpecial",
            says: "points to an address that no endpoint can have; write one that other machines can reach",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let what = what_is_special(url)?;
    let problem =
        Problem::new(format!("points to {what}"), "write an address or a name that other machines can reach");
    Some(problem.at(url.parts.host))
}

/// What the host is, if no endpoint may live there.
fn what_is_special(url: &EndpointUrl<'_>) -> Option<Cow<'static, str>> {
    if url.name().is_some_and(metadata::is_name) {
        return Some("a cloud's metadata service, which hands out the node's credentials".into());
    }
    if url.host? == Host::Refused(HostFault::Ipv6Zone) {
        return Some("an address with a zone ID, which is valid on one machine only".into());
    }
    Some(match special(url.address()?)? {
        Special::Unspecified => "the unspecified address, which no server has".into(),
        Special::Loopback => "a loopback address, which is the gateway itself".into(),
        Special::LinkLocal => "a link-local address, which is valid on one network link only".into(),
        Special::Multicast => "a multicast address, which cannot carry TCP".into(),
        Special::Broadcast => "the broadcast address, which cannot carry TCP".into(),
        Special::Ipv4Mapped => "an IPv4 address in IPv6 form, which EndpointSlice refuses".into(),
        Special::Metadata => "a cloud's metadata service, which hands out the node's credentials".into(),
        Special::Embedded(inner) => format!("an IPv6 form of the special address {inner}").into(),
    })
}
