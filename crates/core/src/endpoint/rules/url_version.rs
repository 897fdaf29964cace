use super::{Example, Problem, Rule, Severity, Subject};
use crate::endpoint::field::Field;
use crate::endpoint::url::is_version;

pub(super) static RULE: Rule = Rule {
    id: "url-version",
    field: Field::Url,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The url's path has an API version that is not a final `/v1`.",
    reason: "Clients of the gateway ask for `/v1/chat/completions`. Behind `/v1beta/openai` that becomes \
             `/v1beta/openai/v1/chat/completions`, which the provider does not know.",
    instead: "Use the provider's OpenAI-compatible path that ends in `/v1`, if it has one. Leave the url as it \
              is if the provider really serves `/v1/...` below it.",
    good: &[Example::url("https://api.groq.com/openai/v1"), Example::url("http://10.0.1.50/v2/my-model/v1")],
    bad: &[
        Example::url("https://generativelanguage.googleapis.com/v1beta/openai"),
        Example::url("https://api.example.com/v1/openai"),
        Example::url("https://api.example.com/api/v4"),
    ],
    check,
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let path = url.parts.path.trim_end_matches('/');
    if path.ends_with("/v1") {
        return None;
    }
    let version = path.split('/').find(|segment| is_version(segment))?;
    let problem = Problem::new(
        format!("has {} in its path: `/v1/...` behind it may give 404", url.show(version)),
        "use a path that ends in `/v1`",
    );
    Some(problem.at(version))
}
