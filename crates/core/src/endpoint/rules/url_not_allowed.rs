use super::{Example, Rule, Severity, Subject};
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
    part: |subject| {
        let url = subject.url.text()?;
        match subject.policy.outside(subject.namespace, url)? {
            Outside::Host => Some(url.parts.host),
            Outside::Scheme => url.parts.scheme,
            Outside::Port => url.parts.port,
        }
    },
    check,
};

fn check(subject: &Subject<'_>) -> Option<String> {
    let url = subject.url.text()?;
    let outside = subject.policy.outside(subject.namespace, url)?;
    let scheme = url.parts.scheme.unwrap_or_default();
    let what = match outside {
        Outside::Host if url.parts.host.is_empty() => "no host that can be read".to_owned(),
        Outside::Host => format!("the host {}", url.show(url.parts.host)),
        Outside::Scheme => format!("the scheme {}", url.show(scheme)),
        Outside::Port => match url.parts.effective_port() {
            Some(port) => format!("the port {port}"),
            None => "no port that can be read".to_owned(),
        },
    };
    Some(format!(
        "has {what}, and the policy does not allow that here; write what it allows in this namespace, or ask who keeps \
         the policy"
    ))
}
