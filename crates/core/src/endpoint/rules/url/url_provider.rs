use std::borrow::Cow;

use crate::endpoint::api_path;
use crate::endpoint::endpoint_url::EndpointUrl;
use crate::endpoint::field::Field;
use crate::endpoint::providers::{self, Provider};
use crate::endpoint::rewrite_path::RewritePath;
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "url-provider",
    field: Field::Url,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "A known provider serves its API at another path, or at one that a client's `/v1/...` cannot \
              reach.",
    reason: "`https://api.groq.com/v1` looks right and is not: Groq serves `/openai/v1/chat/completions`. \
             Perplexity serves `/chat/completions` without a `/v1`, so that clients of the gateway, which \
             send `/v1/...`, get 404 whatever the url is.",
    instead: "Write the base that the provider's page names; docs/providers.md and `modelendpoint providers` \
              have a list. Where the provider has none that ends in `/v1`, put a proxy in front of it, such \
              as LiteLLM.",
    good: &[
        Example::url("https://api.groq.com/openai/v1"),
        Example::rewrite_path("https://api.groq.com", "/openai/"),
        Example::url("https://api.openai.com"),
    ],
    bad: &[
        Example::url("https://api.groq.com/v1"),
        Example::url("https://api.perplexity.ai"),
        Example::url("https://generativelanguage.googleapis.com/v1beta/openai"),
        Example::url("https://my-resource.openai.azure.com/openai/deployments/gpt-4o"),
        Example::url("http://gpustack.ml.svc.cluster.local/v1-openai"),
    ],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let provider = provider_of(url)?;
    if is_reached(subject, provider) {
        return None;
    }
    let name = provider.name;
    let problem = match (provider.reachable().next(), provider.bases.first()) {
        (Some(base), _) => {
            Problem::new(format!("is not where {name} serves its API, `{base}`"), "write that path")
                .meaning(provider.base_to_write().and_then(|base| with_path(url, base)))
        }
        (None, Some(&"")) => {
            Problem::new(format!("is {name}'s, which has no `/v1`: clients get 404"), "put a proxy in front")
        }
        (None, Some(base)) => {
            Problem::new(format!("is {name}'s, which has `{base}` and no `/v1`"), "put a proxy in front")
        }
        (None, None) => {
            Problem::new(format!("is {name}'s, which is not OpenAI's API"), "put a proxy in front")
        }
    };
    Some(problem.at(if url.parts.path.is_empty() { url.parts.host } else { url.parts.path }))
}

/// Whether the url is a known provider's, and clients reach its API there.
pub(super) fn is_known_base(subject: &Subject<'_>) -> bool {
    let provider = subject.url.text().and_then(provider_of);
    provider.is_some_and(|provider| is_reached(subject, provider))
}

fn provider_of(url: &EndpointUrl<'_>) -> Option<&'static Provider> {
    if url.fault.is_some() {
        return None;
    }
    let host = url.name()?;
    providers::at(host).or_else(|| providers::with_telltale(base_of(url), url.parts.effective_port()))
}

/// The url's path without an operation.
fn base_of<'a>(url: &EndpointUrl<'a>) -> &'a str {
    let path = url.parts.path;
    api_path::operation(path).and_then(|operation| operation.base).unwrap_or(path)
}

/// Whether what the gateway rewrites to, or what the url says, is where the API is. A path that contradicts a url
/// that is right is the business of another rule.
fn is_reached(subject: &Subject<'_>, provider: &Provider) -> bool {
    let Some(url) = subject.url.text() else { return false };
    let of_url = RewritePath::derive(&crate::endpoint::url::Url { path: base_of(url), ..url.parts });
    let of_path = subject.rewrite_path.text().map(|path| Cow::Borrowed(path.text));
    let of_url = of_url.map(|path| Cow::Owned(path.as_str().to_owned()));
    [of_url, of_path].into_iter().flatten().any(|path| provider.is_reached_by(&path))
}

/// The same url with another path; `None` where that would lose a part of it.
pub(super) fn with_path(url: &EndpointUrl<'_>, path: &str) -> Option<String> {
    let parts = &url.parts;
    let is_bare = parts.userinfo.is_none() && parts.query.is_none() && parts.fragment.is_none();
    let port = parts.port.map(|port| format!(":{port}")).unwrap_or_default();
    let scheme = parts.scheme.filter(|_| is_bare && url.fault.is_none())?;
    Some(format!("{scheme}://{}{port}{path}", parts.host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::field::Value;
    use crate::endpoint::judge::judge;

    /// The ids of what is said of a url, with the first suggestion.
    fn said(url: &str) -> (Vec<&'static str>, Option<String>) {
        let violations = judge(&Subject::new(Value::Text(url), Value::Absent, None));
        let suggestion = violations.iter().find_map(|v| v.suggestion.clone());
        (violations.iter().map(|v| v.rule.id).collect(), suggestion.map(|suggestion| suggestion.value))
    }

    #[test]
    fn every_entry_is_judged_as_it_says() {
        for provider in providers::all() {
            let hosts = provider.hosts.iter().map(|host| format!("https://{}", host.replace('*', "x1")));
            for origin in hosts {
                for base in &provider.bases {
                    let url = format!("{origin}{}", base.replace('*', "x2"));
                    let is_v1_below = provider.is_reached_by(&base.replace('*', "x2"));
                    let expected =
                        if base.ends_with("/v1") || is_v1_below { vec![] } else { vec!["url-provider"] };
                    assert_eq!(said(&url).0, expected, "{}: {url}", provider.name);
                }
                let wrong = format!("{origin}/no/such/path");
                let right = provider.base_to_write().map(|base| format!("{origin}{base}"));
                assert_eq!(said(&wrong), (vec!["url-provider"], right), "{}: {wrong}", provider.name);
            }
            for telltale in &provider.telltales {
                let port = provider.port.map(|port| format!(":{port}")).unwrap_or_default();
                let url = format!("http://llm.ml.svc.cluster.local{port}{telltale}");
                assert!(said(&url).0.contains(&"url-provider"), "{}: {url}", provider.name);
            }
        }
    }

    #[test]
    fn no_message_is_cut_short() {
        for provider in providers::all() {
            for host in &provider.hosts {
                let url = format!("https://{}/no/such/path", host.replace('*', "x1"));
                let subject = Subject::new(Value::Text(&url), Value::Absent, None);
                for violation in judge(&subject) {
                    let shown = format!("spec.url: {violation} [{}]", violation.rule.id);
                    assert!(shown.chars().count() <= 256, "{shown}");
                }
            }
        }
    }
}
