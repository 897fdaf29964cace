use super::known_provider::known_provider;
use super::provider_api;
use crate::endpoint::field::{Field, Value};
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "provider-prefix",
    field: Field::Prefix,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "A known provider serves its API under another prefix.",
    reason: "`https://api.groq.com` with the default prefix `/v1` looks right and is not: Groq serves \
             `/openai/v1/chat/completions`, and answers 404 to everything else.",
    instead: "Write the prefix that the provider's page names; docs/providers.md and `modelendpoint providers` have a \
              list.",
    good: &[
        Example::origin("https://api.groq.com")
            .with_api("OpenAI", "/openai/v1")
            .with_secret("groq-key", "apiKey"),
        Example::origin("https://generativelanguage.googleapis.com")
            .with_api("OpenAI", "/v1beta/openai/")
            .with_secret("gemini-key", "apiKey"),
        Example::origin("https://api.perplexity.ai")
            .with_api("OpenAI", "/")
            .with_secret("perplexity-key", "apiKey"),
    ],
    bad: &[
        Example::origin("https://api.groq.com").with_secret("groq-key", "apiKey"),
        Example::origin("https://generativelanguage.googleapis.com")
            .with_api("OpenAI", "/v1")
            .with_secret("gemini-key", "apiKey"),
        Example::origin("http://ollama.ml.svc.cluster.local:11434").with_api("OpenAI", "/api"),
    ],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let known = known_provider(subject)?;
    let schema = known.wanted_schema()?;
    let provider = known.provider;
    if provider.understands(schema, known.prefix) || provider_api::is_unusable(&known) {
        return None;
    }
    let base = match *provider.bases_of(schema).first()? {
        "" => "/",
        base => base,
    };
    let name = provider.name;
    let what = match subject.spec.prefix {
        Value::Absent => format!("is `/v1` by default, which is not {name}'s path"),
        _ => format!("is not {name}'s path"),
    };
    let is_exact = !base.contains('*');
    Some(Problem::new(what, format!("write `{base}`")).meaning(is_exact.then(|| base.to_owned())))
}
