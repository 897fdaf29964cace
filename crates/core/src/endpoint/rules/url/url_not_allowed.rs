use crate::endpoint::field::Field;
use crate::endpoint::rules::allow_lists::outside;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "url-not-allowed",
    field: Field::Url,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The url points to a place that the policy does not allow in this namespace.",
    reason: "A tenant registered `http://vault.security.svc.cluster.local:8200/` as an endpoint. The gateway \
             reached a server that the tenant's own pods could not, because network policies let the gateway \
             through, and the tenant read its answers as those of a model. Without a policy, everything \
             well-formed is allowed.",
    instead: "Point the endpoint to a server that the policy allows, or ask the owner of the policy to add \
              yours.",
    good: &[Example::url("https://api.example.com/v1").under_policy("*.example.com")],
    bad: &[
        Example::url("http://vault.security.svc.cluster.local:8200/").under_policy("*.example.com"),
        Example::url("http://10.0.1.50/v1").under_policy("*.example.com"),
    ],
    check,
    cel: Cel::IfLists(Case {
        when: "variables.listsNameNamespace && !variables.listsAllowPlace",
        says: "points to a server that the policy does not allow in this namespace; write one that it allows, or ask the owner of the policy",
    }),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    outside(subject, url)
}
