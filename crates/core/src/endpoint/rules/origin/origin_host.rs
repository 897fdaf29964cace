use crate::endpoint::EndpointUrl;
use crate::endpoint::dns::NameFault;
use crate::endpoint::field::Field;
use crate::endpoint::host::{Host, HostFault};
use crate::endpoint::rules::host_faults::of_name;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::special_name;
use crate::endpoint::url::UrlFault;

pub(crate) static RULE: Rule = Rule {
    id: "origin-host",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The host is not a DNS name of at least two labels.",
    reason: "`http://vllm:8000` works from a pod in the same namespace. Modelplane composes a Backend from \
             it, but Envoy Gateway does not accept a single-label name: requests are answered with 500, \
             while the endpoint says that it is ready. The API server refuses a name with an underscore or \
             an empty label, and after an update the old Backend keeps serving.",
    instead: "Write the full name. A Service of the gateway's cluster is \
              `<service>.<namespace>.svc.cluster.local`. A label has letters, digits and inner hyphens, at \
              most 63; a name has at most 253 characters and does not end in a number.",
    good: &[
        Example::origin("http://vllm.ml-team.svc.cluster.local:8000"),
        Example::origin("https://1e100.net"),
    ],
    bad: &[
        Example::origin("https://:443"),
        Example::origin("http://vllm:8000"),
        Example::origin("http://my_model.example.com"),
        Example::origin("http://-api.example.com"),
        Example::origin("http://api..example.com"),
        Example::origin("http://example.com.1"),
        Example::origin("http://api,b.example.com"),
        Example::origin("http://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example"),
    ],
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "variables.host == 'empty'",
            says: "has no host; write one after `//`, as in `https://api.example.com`",
        },
        Case {
            when: "variables.host == 'single-label' && !variables.nameIsSpecial",
            says: "has a single-label host, which the gateway does not accept; write the full name, for a Service `<service>.<namespace>.svc.cluster.local`",
        },
        Case {
            when: "variables.host == 'numeric-last-label'",
            says: "has a host whose last label is a number, so some parsers read it as an IPv4 address; write a DNS name",
        },
        Case {
            when: "variables.host == 'malformed-name'",
            says: "has a host that is not a DNS name; write letters, digits and inner hyphens, at most 63 in a label and 253 in all",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let origin = subject.origin.text()?;
    let Host::Refused(HostFault::Name(fault)) = origin.host? else { return None };
    if has_scheme_in_its_place(origin) {
        return None;
    }
    let host = origin.show(origin.parts.host);
    let problem = match fault {
        NameFault::Empty => {
            Problem::new("has no host", "write one after `//`, as in `https://api.example.com`")
        }
        NameFault::SingleLabel if special_name::is_special(origin.parts.host) => return None,
        NameFault::SingleLabel => Problem::new(
            format!("has the host {host}, a single-label name, which the gateway does not accept"),
            "write the full name, for a Service `<service>.<namespace>.svc.cluster.local`",
        ),
        NameFault::NumericLastLabel(label) => Problem::new(
            format!(
                "has the host {host} whose last label {} is a number, so some parsers read it as an IPv4 \
                 address",
                origin.show(label)
            ),
            "write a DNS name",
        ),
        // the rule about addresses reports numbers
        fault => of_name(origin, fault)?,
    };
    Some(problem.at(origin.parts.host))
}

/// `https://https://api.example.com`, which has its own rule.
fn has_scheme_in_its_place(origin: &EndpointUrl<'_>) -> bool {
    matches!(origin.fault, Some(UrlFault::SchemeTwice))
}
