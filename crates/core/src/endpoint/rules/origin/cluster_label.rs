use crate::endpoint::field::{Field, Value};
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "cluster-label",
    field: Field::Cluster,
    severity: Severity::Warn,
    cause: "FieldValueForbidden",
    summary: "Somebody other than Modelplane sets, changes or removes the label that marks an endpoint as \
              Modelplane's own.",
    reason: "With the label `modelplane.ai/cluster`, the gateway sends the caller's name, presents a client \
             certificate, and trusts the CA of that cluster only. An endpoint at a public provider fails TLS \
             with it, or is dropped from routes, and somebody else's endpoint receives what only \
             Modelplane's own endpoints should.",
    instead: "Leave the label out. A policy can name others who may set it.",
    good: &[
        Example::origin("https://gw-eu.example.internal")
            .labelled_by("gw-eu", "system:serviceaccount:crossplane-system:crossplane"),
        Example::origin("https://api.example.com"),
    ],
    bad: &[Example::origin("https://gw-eu.example.internal").labelled_by("gw-eu", "ada")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.clusterLabelChanges && !variables.userMaySetClusterLabel",
        says: "may be set only by Modelplane; leave it as it was",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let before = subject.old.map_or(Value::Absent, |old| old.cluster);
    let after = subject.spec.cluster;
    if before == after || subject.here.may_set_cluster(subject.user?) {
        return None;
    }
    Some(Problem::new("may be set only by Modelplane", "leave it as it was"))
}
