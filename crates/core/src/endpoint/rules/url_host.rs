use super::{Example, Rule, Severity, Subject, url_special_name};
use crate::endpoint::field::Field;
use crate::endpoint::host::{Host, HostFault};
use crate::endpoint::quote::Named;

pub(super) static RULE: Rule = Rule {
    id: "url-host",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The host is neither an IP address nor a DNS name of at least two labels.",
    reason: "`http://vllm:8000` works from a pod beside it. Modelplane composes an EndpointSlice of the host, \
             the API server refuses one whose name has a single label, and the endpoint never becomes ready. \
             After an update it is worse: the old address silently goes on serving.",
    instead: "Write the full name. A Service of this cluster is `<service>.<namespace>.svc.cluster.local`. A \
              label has letters, digits and inner hyphens, at most 63; a name has at most 253 characters and \
              does not end in a number.",
    good: &[
        Example::url("http://vllm.ml-team.svc.cluster.local:8000/v1"),
        Example::url("https://api.example.com./v1"),
        Example::url("https://1e100.net/v1"),
    ],
    bad: &[
        Example::url("http:///v1"),
        Example::url("http://vllm:8000/v1"),
        Example::url("http://my_model.example.com/v1"),
        Example::url("http://-api.example.com/v1"),
        Example::url("http://api..example.com/v1"),
        Example::url("http://example.com.1/v1"),
        Example::url("http://[v1.abc]/v1"),
        Example::url("http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example/v1"),
    ],
    part: |subject| Some(subject.url.text()?.parts.host),
    check,
};

fn check(subject: &Subject<'_>) -> Option<String> {
    let url = subject.url.text()?;
    let Host::Refused(fault) = url.host? else { return None };
    let host = url.show(url.parts.host);
    Some(match fault {
        HostFault::Empty => {
            "has no host, so Modelplane composes nothing for it; write one behind `//`, as `https://api.example.com/v1`"
                .to_owned()
        }
        HostFault::SingleLabel if url_special_name::is_special(url.parts.host) => return None,
        HostFault::SingleLabel => format!(
            "has the host {host}, a name of one label, which EndpointSlice refuses; write the full name, for a \
             Service `<service>.<namespace>.svc.cluster.local`"
        ),
        HostFault::EmptyLabel => {
            format!("has the host {host} with an empty label, which is no DNS name; take out the extra dot")
        }
        HostFault::LongLabel(label) => format!(
            "has a host with a label of {} characters, and DNS takes 63; write a name that exists",
            label.len()
        ),
        HostFault::LongName(length) => {
            format!("has a host of {length} characters, and DNS takes 253; write a name that exists")
        }
        HostFault::Hyphen(label) => format!(
            "has the label {} in its host, and a DNS label neither begins nor ends with `-`; correct the name",
            url.show(label)
        ),
        HostFault::Character(character) if url.parts.may_show(url.parts.host) => format!(
            "has {} in its host {host}, and a DNS name has only letters, digits, `-` and `.`; correct the name",
            Named(character)
        ),
        HostFault::Character(_) => {
            "has a host with a character other than letters, digits, `-` and `.`; correct the name".to_owned()
        }
        HostFault::NumericLastLabel(label) => format!(
            "has the host {host} whose last label {} is a number: some parsers take it for an IPv4 address; write a \
             DNS name or four decimal numbers",
            url.show(label)
        ),
        HostFault::NotIpv6 => {
            "has brackets around something that is no IPv6 address; write `[2001:db8::10]`, or a name without brackets"
                .to_owned()
        }
        // other rules tell of these
        HostFault::Ipv4Lookalike | HostFault::Ipv6NotCanonical(_) | HostFault::Ipv6Zone => return None,
    })
}
