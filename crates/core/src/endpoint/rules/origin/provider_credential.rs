use super::known_provider::known_provider;
use super::provider_api;
use crate::endpoint::field::{Field, Value};
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "provider-credential",
    field: Field::Credential,
    severity: Severity::Warn,
    cause: "FieldValueRequired",
    summary: "A known provider asks for a key, and the endpoint has no credential.",
    reason: "The gateway takes the caller's key out of each request. Without `credential`, it sends none, and OpenAI \
             answers 401 to everything, while the endpoint says that it is ready.",
    instead: "Put the provider's key into a Secret, and name that in `credential.apiKey.secretRef`.",
    good: &[
        Example::origin("https://api.openai.com").with_secret("openai-key", "apiKey"),
        Example::origin("http://vllm.ml.svc.cluster.local:8000"),
    ],
    bad: &[Example::origin("https://api.openai.com")],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let known = known_provider(subject)?;
    let provider = known.provider;
    let is_asked_for = provider.credential.is_some() && !provider.is_key_optional;
    if subject.spec.credential != Value::Absent || !is_asked_for || provider_api::is_unusable(&known) {
        return None;
    }
    Some(Problem::new(format!("is missing, and {} asks for a key", provider.name), "name its Secret"))
}
