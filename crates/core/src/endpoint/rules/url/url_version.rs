use super::{url_operation, url_path_typo, url_provider};
use crate::endpoint::api_path;
use crate::endpoint::field::Field;
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "url-version",
    field: Field::Url,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The url's path has an API version that is not a final `/v1`.",
    reason: "Clients of the gateway ask for `/v1/chat/completions`. After `/v1beta/openai` that becomes \
             `/v1beta/openai/v1/chat/completions`, which few servers know.",
    instead: "If the server's API also has a path that ends in `/v1`, write that. If it has none, put a \
              proxy in front that removes the `/v1`. Leave the url as it is if the server really answers \
              `/v1/chat/completions` below this path. docs/providers.md says which of these a known provider \
              needs.",
    good: &[
        Example::url("https://api.groq.com/openai/v1"),
        Example::url("http://10.0.1.50/v2/my-model/v1"),
        Example::url("http://10.0.1.50/v100-pool"),
    ],
    bad: &[
        Example::url("https://api.example.com/v1beta/openai"),
        Example::url("https://api.example.com/v1/openai"),
        Example::url("https://api.example.com/api/v4"),
        Example::url("https://api.example.com/v1-chat"),
        Example::url("https://api.example.com/v1.0"),
        Example::url("https://api.example.com/V1"),
    ],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let path = url.parts.path.trim_end_matches('/');
    if path.ends_with("/v1") {
        return None;
    }
    let version = api_path::version(path)?;
    let says_more = [url_provider::RULE.check, url_operation::RULE.check, url_path_typo::RULE.check];
    if says_more.iter().any(|check| check(subject).is_some()) || url_provider::is_known_base(subject) {
        return None;
    }
    let problem = Problem::new(
        format!("has {} in its path: clients will ask for `/v1/...` after it", url.show(version)),
        "check that the server answers there",
    );
    Some(problem.at(version))
}
