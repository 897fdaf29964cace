use crate::endpoint::field::{Field, Value};
use crate::endpoint::providers::Schema;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "schema-name",
    field: Field::Schema,
    severity: Severity::Deny,
    cause: "FieldValueNotSupported",
    summary: "The schema is neither `OpenAI` nor `Anthropic`.",
    reason: "The resource's schema refuses `openai`. `modelendpoint check` says so before the manifest reaches a cluster.",
    instead: "Write `OpenAI` or `Anthropic`, with these capital letters.",
    good: &[
        Example::origin("https://llm.example.com").with_api("OpenAI", "/v1"),
        Example::origin("https://llm.example.com").with_api("Anthropic", "/v1"),
    ],
    bad: &[
        Example::origin("https://llm.example.com").with_api("openai", "/v1"),
        Example::origin("https://llm.example.com").with_api("Gemini", "/v1"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "!variables.schemaIsKnown",
        says: "is no API that the gateway knows; write `OpenAI` or `Anthropic`",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    const REMEDY: &str = "write `OpenAI` or `Anthropic`";
    match subject.spec.schema {
        Value::Absent => None,
        Value::NotText => Some(Problem::new("is not a string", REMEDY)),
        Value::Text(name) if Schema::of(name).is_some() => None,
        Value::Text(_) => Some(Problem::new("is no API that the gateway knows", REMEDY)),
    }
}
