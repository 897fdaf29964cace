use crate::endpoint::field::Field;
use crate::endpoint::rules::{Cel, Example, NOT_YET, Problem, Rule, Severity, Subject};
use crate::endpoint::special_name;

pub(crate) static RULE: Rule = Rule {
    id: "origin-special-name",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The host is a name that means the gateway itself, or nothing.",
    reason: "`http://localhost.` and `http://app.localhost` pass the resource's schema, the Backend's and Envoy \
             Gateway's: they are the gateway's own pod. Names under `.invalid` and `.onion` never resolve (RFC \
             6761, RFC 7686).",
    instead: "Write the name under which the gateway reaches the server. A Service of its cluster is \
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
    cel: Cel::Webhook(NOT_YET),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let origin = subject.origin.text()?;
    if !special_name::is_special(origin.name()?) {
        return None;
    }
    let problem = Problem::new(
        format!(
            "has the host {}, which to the gateway means itself or nothing",
            origin.show(origin.parts.host)
        ),
        "write a name under which it reaches the server, for a Service `<service>.<namespace>.svc.cluster.local`",
    );
    Some(problem.at(origin.parts.host))
}
