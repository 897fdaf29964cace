use super::known_provider::{Known, known_provider};
use crate::endpoint::field::Field;
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "provider-api",
    field: Field::Origin,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The origin is a known provider's that speaks neither OpenAI's API nor Anthropic's, or asks for a query.",
    reason: "SageMaker serves `/endpoints/<name>/invocations` and signs its requests. The gateway sends \
             `/chat/completions` or `/messages`, without a query, and every request fails.",
    instead: "Put a proxy in front of it that translates, such as LiteLLM, and write the proxy's origin. \
              docs/providers.md and `modelendpoint providers` say what each provider speaks.",
    good: &[Example::origin("https://api.openai.com").with_secret("openai-key", "apiKey")],
    bad: &[
        Example::origin("https://runtime.sagemaker.eu-west-1.amazonaws.com"),
        Example::origin("https://api.ai.prod.eu-central-1.aws.ml.hana.ondemand.com")
            .with_api("OpenAI", "/v2/inference/deployments/d1")
            .with_secret("sap-key", "apiKey"),
    ],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

/// Whether nothing that is written here would make the provider answer.
pub(super) fn is_unusable(known: &Known<'_>) -> bool {
    known.wanted_schema().is_none() || known.provider.query.is_some()
}

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let known = known_provider(subject)?;
    let name = known.provider.name;
    let problem = match (known.wanted_schema(), known.provider.query) {
        (None, _) => Problem::new(
            format!("leads to {name}, whose API is its own"),
            "put a proxy in front that translates",
        ),
        (Some(_), Some(query)) => Problem::new(
            format!("leads to {name}, which asks for `?{query}=`"),
            "put a proxy in front that adds it",
        ),
        (Some(_), None) => return None,
    };
    Some(problem.at(subject.origin.text()?.parts.host))
}
