use crate::endpoint::dns::NameFault;
use crate::endpoint::field::Field;
use crate::endpoint::host::{Host, HostFault};
use crate::endpoint::rules::host_faults::of_name;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::special_name;

pub(crate) static RULE: Rule = Rule {
    id: "url-host",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The host is neither an IP address nor a DNS name of at least two labels.",
    reason: "`http://vllm:8000` works from a pod in the same namespace. Modelplane composes an EndpointSlice \
             from the host, but the API server refuses a single-label name, so the endpoint never becomes \
             ready. After an update it is worse: the old address silently keeps serving.",
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
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "variables.host == 'empty'",
            says: "has no host, so Modelplane composes nothing for it; write one after `//`, as in \
                   `https://api.example.com/v1`",
        },
        Case {
            when: "variables.host == 'single-label' && !variables.nameIsSpecial",
            says: "has a single-label host, which EndpointSlice refuses; write the full name, for a Service \
                   `<service>.<namespace>.svc.cluster.local`",
        },
        Case {
            when: "variables.host == 'numeric-last-label'",
            says: "has a host whose last label is a number, so some parsers read it as an IPv4 address; \
                   write a DNS name or four decimal numbers",
        },
        Case {
            when: "variables.host == 'not-ipv6'",
            says: "has brackets around something that is not an IPv6 address; write `[2001:db8::10]`, or a \
                   name without brackets",
        },
        Case {
            when: "variables.host == 'malformed-name'",
            says: "has a host that is not a DNS name; write letters, digits and inner hyphens, at most 63 in \
                   a label and 253 in all",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let Host::Refused(fault) = url.host? else { return None };
    let host = url.show(url.parts.host);
    let problem = match fault {
        HostFault::Name(NameFault::Empty) => Problem::new(
            "has no host, so Modelplane composes nothing for it",
            "write one after `//`, as in `https://api.example.com/v1`",
        ),
        HostFault::Name(NameFault::SingleLabel) if special_name::is_special(url.parts.host) => {
            return None;
        }
        HostFault::Name(NameFault::SingleLabel) => Problem::new(
            format!("has the host {host}, a single-label name, which EndpointSlice refuses"),
            "write the full name, for a Service `<service>.<namespace>.svc.cluster.local`",
        ),
        HostFault::Name(NameFault::NumericLastLabel(label)) => Problem::new(
            format!(
                "has the host {host} whose last label {} is a number, so some parsers read it as an IPv4 \
                 address",
                url.show(label)
            ),
            "write a DNS name or four decimal numbers",
        ),
        HostFault::NotIpv6 => Problem::new(
            "has brackets around something that is not an IPv6 address",
            "write `[2001:db8::10]`, or a name without brackets",
        ),
        HostFault::Name(fault) => of_name(url, fault)?,
        // other rules report these
        HostFault::Ipv4Lookalike | HostFault::Ipv6NotCanonical(_) | HostFault::Ipv6Zone => return None,
    };
    Some(problem.at(url.parts.host))
}
