use crate::endpoint::field::Field;
use crate::endpoint::host::{Host, HostFault};
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "url-ip-canonical",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The host looks like an IP address but is not in canonical form.",
    reason: "`http://010.0.0.1` is 8.0.0.1 to one resolver, 10.0.0.1 to another, and a DNS name that nobody \
             can look up to Modelplane. `[2001:db8:0:0::10]` is an address to all of them, but EndpointSlice \
             refuses it, because it accepts only the canonical form.",
    instead: "IPv4: four decimal numbers from 0 to 255 without leading zeros. IPv6: the short form of RFC \
              5952, as `2001:db8::10`.",
    good: &[Example::url("http://10.0.0.1:8000/v1"), Example::url("http://[2001:DB8::10]/v1")],
    bad: &[
        Example::url("http://010.0.0.1/v1"),
        Example::url("http://256.1.1.1/v1"),
        Example::url("http://1.2.3/v1"),
        Example::url("http://0x7f.1/v1"),
        Example::url("http://10.0.0.1./v1"),
        Example::url("http://[2001:db8:0:0::10]/v1"),
        Example::url("http://[2001:0db8::10]/v1"),
    ],
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "variables.host == 'ipv4-lookalike'",
            says: "has a host that looks like an IPv4 address but is not one: programs read it differently; \
                   write four decimal numbers from 0 to 255 without leading zeros",
        },
        Case {
            when: "variables.host == 'ipv6-not-canonical'",
            says: "has an IPv6 address that is not in canonical form, which EndpointSlice refuses; write the \
                   short form of RFC 5952, as `[2001:db8::10]`",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let host = url.show(url.parts.host);
    let problem = match url.host? {
        Host::Refused(HostFault::Ipv4Lookalike) => Problem::new(
            format!(
                "has the host {host}, which looks like an IPv4 address but is not one: programs read it \
                 differently"
            ),
            "write four decimal numbers from 0 to 255 without leading zeros",
        ),
        Host::Refused(HostFault::Ipv6NotCanonical(address)) => Problem::new(
            format!(
                "has the host {host}, but EndpointSlice accepts only the canonical form of an IPv6 address"
            ),
            format!("write `[{address}]`"),
        ),
        _ => return None,
    };
    Some(problem.at(url.parts.host))
}
