use super::url_provider;
use crate::endpoint::api_path;
use crate::endpoint::field::Field;
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "url-operation",
    field: Field::Url,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The url ends in an operation of the API, such as `/chat/completions`.",
    reason: "`https://api.example.com/v1/chat/completions` was copied from a provider's example of a request. \
             Clients of the gateway send the operation themselves, so the provider was asked for \
             `/v1/chat/completions/v1/chat/completions` and answered 404.",
    instead: "Write the base of the API, without the operation: `https://api.example.com/v1`.",
    good: &[Example::url("https://api.example.com/v1"), Example::url("http://10.0.1.50/ml-team/embeddings")],
    bad: &[
        Example::url("https://api.example.com/v1/chat/completions"),
        Example::url("https://api.example.com/v1/responses"),
        Example::url("https://api.example.com/v1/messages"),
        Example::url("https://api.example.com/v1/models/m:generateContent"),
        Example::url("https://api.example.com/endpoints/m/invocations"),
    ],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let operation = api_path::operation(url.parts.path)?;
    if (url_provider::RULE.check)(subject).is_some() {
        return None;
    }
    let base = operation.base.filter(|base| base.is_empty() || base.ends_with("/v1"));
    let meant = base.and_then(|base| url_provider::with_path(url, base));
    let problem = Problem::new(
        format!("ends in {}, which clients send too", url.show(operation.text)),
        "write the API's base",
    );
    Some(problem.at(operation.text).meaning(meant))
}
