use crate::endpoint::field::{Field, Value};
use crate::endpoint::policy::Outside;
use crate::endpoint::rules::allow_lists::place;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "schema-not-allowed",
    field: Field::Schema,
    severity: Severity::Deny,
    cause: "FieldValueForbidden",
    summary: "The policy does not allow this schema in the namespace.",
    reason: "A platform team checks prompts in the bodies of OpenAI's requests. A tenant registered an endpoint with \
             `schema: Anthropic`, and nothing was checked. Without a policy both schemas are allowed.",
    instead: "Write a schema that the policy allows, or ask the owner of the policy to add yours.",
    good: &[Example::origin("https://llm.example.com")
        .under_policy("*.example.com")
        .with_allowed_schema("OpenAI")],
    bad: &[Example::origin("https://llm.example.com")
        .with_api("Anthropic", "/v1")
        .under_policy("*.example.com")
        .with_allowed_schema("OpenAI")],
    check,
    cel: Cel::IfLists(Case {
        when: "variables.listsAllowPlace && !variables.listsAllowSchema && variables.schemaIsKnown",
        says: "is one that the policy does not allow in this namespace; write one that it allows, or ask the owner of the policy",
    }),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let (destination, outside) = subject.outside()?;
    let name = match subject.spec.schema {
        Value::Text(name) => name,
        _ => "OpenAI",
    };
    // an unknown name has its own rule
    let is_known = destination.api.is_some_and(|api| api.schema.is_some());
    (outside == Outside::Schema && is_known).then(|| {
        Problem::new(
            format!("is `{name}`, which the policy does not allow {}", place(subject)),
            subject.here.allowed(&destination, outside),
        )
    })
}
