use super::known_provider::{Known, known_provider};
use super::provider_api;
use crate::endpoint::field::Field;
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "provider-schema",
    field: Field::Schema,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "A known provider speaks another API than `api.schema` says.",
    reason: "With `schema: Anthropic`, the gateway sends `/v1/messages` and the key in `x-api-key`. OpenAI has no such \
             path, and answers 404 to everything.",
    instead: "Write the schema that the provider speaks under this prefix; docs/providers.md and `modelendpoint \
              providers` have a list.",
    good: &[
        Example::origin("https://api.openai.com")
            .with_api("OpenAI", "/v1")
            .with_secret("openai-key", "apiKey"),
        Example::origin("https://api.anthropic.com")
            .with_api("Anthropic", "/v1")
            .with_secret("anthropic-key", "apiKey"),
        Example::origin("https://api.anthropic.com").with_secret("anthropic-key", "apiKey"),
        Example::origin("https://api.deepseek.com")
            .with_api("Anthropic", "/anthropic/v1")
            .with_secret("deepseek-key", "apiKey"),
    ],
    bad: &[
        Example::origin("https://api.openai.com")
            .with_api("Anthropic", "/v1")
            .with_secret("openai-key", "apiKey"),
        Example::origin("https://api.deepseek.com")
            .with_api("OpenAI", "/anthropic/v1")
            .with_secret("deepseek-key", "apiKey"),
    ],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let known = known_provider(subject)?;
    let wanted = known.wanted_schema()?;
    if wanted == known.schema || provider_api::is_unusable(&known) {
        return None;
    }
    let Known { provider, schema, .. } = known;
    let where_ = if provider.bases_of(schema).is_empty() { "" } else { " under this prefix" };
    let problem = Problem::new(
        format!("is not what {} speaks{where_}", provider.name),
        format!("write `{}`", wanted.name()),
    );
    Some(problem.meaning(Some(wanted.name().to_owned())))
}
