use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::special_name::is_special;

pub(crate) static RULE: Rule = Rule {
    id: "url-special-name",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The host is a name that means the gateway itself, or that never resolves.",
    reason: "`http://localhost:11434/v1` worked on a laptop. In the cluster, localhost is the gateway's own \
             pod. Names under `.invalid` and `.onion` never resolve (RFC 6761, RFC 7686).",
    instead: "Write the name at which the gateway reaches the server. A Service of this cluster is \
              `<service>.<namespace>.svc.cluster.local`.",
    good: &[
        Example::url("http://ollama.ollama.svc.cluster.local:11434/v1"),
        Example::url("https://llm.local/v1"),
    ],
    bad: &[
        Example::url("http://localhost:11434/v1"),
        Example::url("http://LOCALHOST./v1"),
        Example::url("http://app.localhost/v1"),
        Example::url("http://localhost.localdomain/v1"),
        Example::url("http://localhost4.localdomain4/v1"),
        Example::url("http://localhost6.localdomain6/v1"),
        Example::url("http://llm.invalid/v1"),
        Example::url("http://abcdefghijklmnop.onion/v1"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.nameIsSpecial",
        says: "has a host which means the gateway itself, or never resolves; write the server's own name, \
               for a Service `<service>.<namespace>.svc.cluster.local`",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    if !is_special(url.name()?) {
        return None;
    }
    let problem = Problem::new(
        format!(
            "has the host {}, which means the gateway itself, or never resolves",
            url.show(url.parts.host)
        ),
        "write the server's own name, for a Service `<service>.<namespace>.svc.cluster.local`",
    );
    Some(problem.at(url.parts.host))
}
