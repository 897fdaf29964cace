use crate::endpoint::field::Field;
use crate::endpoint::host::{Host, HostFault};
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::url::UrlFault;

pub(crate) static RULE: Rule = Rule {
    id: "origin-address",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The host is an IP address, or something that some programs read as one.",
    reason: "Modelplane accepts only DNS names, and the resource's schema refuses `http://10.0.1.50`. The \
             schema admits `http://10.0.0.1.`, `http://127.1` and `http://0x7f.1`, which other parsers read \
             as addresses: of the gateway's own machine, or of somebody else's.",
    instead: "Give the server a DNS name. A Service of the gateway's cluster has one, \
              `<service>.<namespace>.svc.cluster.local`; a Service without selector and an EndpointSlice \
              give one to an address elsewhere.",
    good: &[Example::origin("http://llm.example.com:8000"), Example::origin("http://1.2.3.4.example.com")],
    bad: &[
        Example::origin("http://10.0.1.50"),
        Example::origin("http://[2001:db8::10]:8000"),
        Example::origin("http://2001:db8::10"),
        Example::origin("http://10.0.0.1.:80"),
        Example::origin("http://1.2.3"),
        Example::origin("http://127.1"),
        Example::origin("http://0x7f.1"),
        Example::origin("http://2130706433"),
        Example::origin("https://[host]"),
        Example::origin("http://[::1"),
    ],
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "variables.urlFault == 'brackets'",
            says: "has a misplaced `[` or `]`; write a DNS name, without brackets",
        },
        Case {
            when: "variables.host == 'not-ipv6'",
            says: "has brackets around its host; write a DNS name, without brackets",
        },
        Case {
            when: "variables.host == 'ipv4-lookalike'",
            says: "has a host which some programs read as an IPv4 address and others as a name; give the server a DNS name, for a Service `<service>.<namespace>.svc.cluster.local`",
        },
        Case {
            when: "variables.urlFault == 'bare-ipv6' ||
variables.host in ['ipv4', 'ipv6', 'ipv6-not-canonical', 'ipv6-zone']",
            says: "has an IP address as its host, but the gateway accepts only DNS names; give the server a DNS name, for a Service `<service>.<namespace>.svc.cluster.local`",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let origin = subject.origin.text()?;
    let name = "give the server a DNS name, for a Service `<service>.<namespace>.svc.cluster.local`";
    let problem = match (&origin.fault, origin.host) {
        (Some(UrlFault::Brackets), _) => {
            Problem::new("has a misplaced `[` or `]`", "write a DNS name, without brackets")
        }
        (Some(UrlFault::BareIpv6(_)), _) => {
            return Some(Problem { part: origin.parts.authority, ..Problem::new(ADDRESS, name) });
        }
        (_, Some(Host::Refused(HostFault::NotIpv6))) => {
            Problem::new("has brackets around its host", "write a DNS name, without brackets")
        }
        (_, Some(Host::Refused(HostFault::Ipv4Lookalike))) => Problem::new(
            format!(
                "has the host {}, which some programs read as an IPv4 address and others as a name",
                origin.show(origin.parts.host)
            ),
            name,
        ),
        (
            _,
            Some(
                Host::Ipv4(_)
                | Host::Ipv6(_)
                | Host::Refused(HostFault::Ipv6NotCanonical(_) | HostFault::Ipv6Zone),
            ),
        ) => Problem::new(ADDRESS, name),
        _ => return None,
    };
    Some(problem.at(origin.parts.host))
}

const ADDRESS: &str = "has an IP address as its host, but the gateway accepts only DNS names";
