use crate::endpoint::field::Field;
use crate::endpoint::metadata;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "origin-metadata",
    field: Field::Origin,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The host is a cloud's metadata service.",
    reason: "`http://metadata.google.internal` hands out the credentials of the node that the gateway runs \
             on: an endpoint there would let anyone who may call the gateway fetch them.",
    instead: "Write the name of a model server.",
    good: &[Example::origin("http://llm.internal")],
    bad: &[
        Example::origin("http://metadata.google.internal"),
        Example::origin("http://instance-data.us-west-2.compute.internal"),
        Example::origin("http://metadata.goog:8080"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.nameIsOfMetadataService",
        says: "points to a cloud's metadata service, which hands out the node's credentials; write the name of a model server",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let origin = subject.origin.text()?;
    if !metadata::is_name(origin.name()?) {
        return None;
    }
    let problem = Problem::new(
        "points to a cloud's metadata service, which hands out the node's credentials",
        "write the name of a model server",
    );
    Some(problem.at(origin.parts.host))
}
