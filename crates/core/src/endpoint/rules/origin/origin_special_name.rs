use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::special_name;

pub(crate) static RULE: Rule = Rule {
    id: "origin-special-name",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The host is a name that means the gateway itself, or that never resolves.",
    reason: "`http://localhost.` and `http://app.localhost` pass the schemas of the resource and of the \
             Backend, and Envoy Gateway's checks: they mean the gateway's own pod. Names under `.invalid` \
             and `.onion` never resolve (RFC 6761, RFC 7686).",
    instead: "Write the name at which the gateway reaches the server. A Service of its cluster is \
             `<service>.<namespace>.svc.cluster.local`.",
    good: &[
        Example::origin("http://ollama.ollama.svc.cluster.local:11434"),
        Example::origin("https://llm.local"),
    ],
    bad: &[
        Example::origin("http://localhost:11434"),
        Example::origin("http://localhost."),
        Example::origin("http://app.localhost"),
        Example::origin("http://localhost.localdomain"),
        Example::origin("http://llm.invalid"),
        Example::origin("http://abcdefghijklmnop.onion"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.nameIsSpecial",
        says: "has a host which means the gateway itself, or never resolves; write the server's own name, for a Service `<service>.<namespace>.svc.cluster.local`",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let origin = subject.origin.text()?;
    if !special_name::is_special(origin.name()?) {
        return None;
    }
    let problem = Problem::new(
        format!(
            "has the host {}, which means the gateway itself, or never resolves",
            origin.show(origin.parts.host)
        ),
        "write the server's own name, for a Service `<service>.<namespace>.svc.cluster.local`",
    );
    Some(problem.at(origin.parts.host))
}
