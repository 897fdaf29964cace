use super::{Example, Problem, Rule, Severity, Subject};
use crate::endpoint::field::Field;
use crate::endpoint::policy::Outside;

pub(super) static RULE: Rule = Rule {
    id: "url-not-allowed",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The url points to a place that the policy does not allow in this namespace.",
    reason: "A tenant registered `http://vault.security.svc.cluster.local:8200/` as an endpoint. The gateway \
             reached what the tenant's own pods could not, since network policies let the gateway through, and the \
             tenant read the answers as those of a model. Without a policy everything well-formed is allowed.",
    instead: "Point the endpoint to a place that the policy names, or ask who keeps the policy to add yours.",
    good: &[Example::url("https://api.example.com/v1").under_policy("*.example.com")],
    bad: &[
        Example::url("http://vault.security.svc.cluster.local:8200/").under_policy("*.example.com"),
        Example::url("http://10.0.1.50/v1").under_policy("*.example.com"),
    ],
    check,
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let outside = subject.policy.outside(subject.namespace, url)?;
    let (what, part) = match outside {
        Outside::Host if url.parts.host.is_empty() => {
            ("no host that can be read".to_owned(), Some(url.parts.host))
        }
        Outside::Host => (format!("the host {}", url.show(url.parts.host)), Some(url.parts.host)),
        Outside::Scheme => {
            (format!("the scheme {}", url.show(url.parts.scheme.unwrap_or_default())), url.parts.scheme)
        }
        Outside::Port => match url.parts.effective_port() {
            Some(port) => (format!("the port {port}"), url.parts.port),
            None => ("no port that can be read".to_owned(), url.parts.port),
        },
    };
    let problem = Problem::new(
        format!("has {what}, and the policy does not allow that here"),
        "write what it allows in this namespace, or ask who keeps the policy",
    );
    Some(Problem { part, ..problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::field::Value;
    use crate::endpoint::policy::{AllowList, HostPattern, NamespacePattern, Policy};
    use crate::endpoint::url::Scheme;

    /// What is said to be outside of a list with one host, one scheme and one port.
    fn outside(url: &str) -> Option<String> {
        let mut policy = Policy::NONE;
        policy.allow.extend([AllowList {
            namespaces: vec![NamespacePattern::any()],
            hosts: HostPattern::parse("llm.example").into_iter().collect(),
            schemes: vec![Scheme::Https],
            ports: [443..=443].into_iter().collect(),
            ..AllowList::default()
        }]);
        let subject = Subject { policy: &policy, ..Subject::new(Value::Text(url), Value::Absent, None) };
        let problem = check(&subject)?.problem;
        problem.strip_prefix("has ")?.split_once(", and the policy").map(|(what, _)| what.to_owned())
    }

    #[test]
    fn it_says_which_part_is_outside() {
        for (url, what) in [
            ("https://llm.example/v1", None),
            ("https://other.example/v1", Some("the host `other.example`")),
            ("https:///v1", Some("no host that can be read")),
            ("http://llm.example/v1", Some("the scheme `http`")),
            ("https://llm.example:8443/v1", Some("the port 8443")),
            ("https://llm.example:x/v1", Some("no port that can be read")),
        ] {
            assert_eq!(outside(url).as_deref(), what, "{url}");
        }
    }
}
