use super::url_provider;
use crate::endpoint::api_path::is_version;
use crate::endpoint::field::Field;
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "url-path-typo",
    field: Field::Url,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The url's path contains something that was copied by mistake: a second url, a port, or \
              punctuation after the version.",
    reason: "`https://a.example.com/v1,https://b.example.com/v1` was meant to spread the load. Everything \
             after the first host is a path, so b.example.com was never asked. A comma or a quote that was \
             copied along with `/v1` makes a path that no server knows.",
    instead: "Write one url, with its port after the host and nothing after its path. For a second server, \
              write a second endpoint: a ModelService can select both.",
    good: &[Example::url("https://api.example.com/v1"), Example::url("http://10.0.1.50/llama3:8b/v1")],
    bad: &[
        Example::url("https://a.example.com/v1,https://b.example.com/v1"),
        Example::url("https://api.example.com/v1,"),
        Example::url("https://api.example.com/v1)"),
        Example::url("https://api.example.com/v1'"),
        Example::url("https://api.example.com/v1:8000"),
        Example::url("https://api.example.com/:8000/v1"),
    ],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let url = subject.url.text()?;
    let path = url.parts.path;
    if path.contains(':') {
        if let Some(second) = second_url(path) {
            let problem = Problem::new(
                "contains a second url, which gets no requests",
                "write one, and a second endpoint for the other",
            );
            return Some(problem.at(second));
        }
        if let Some(port) = path.split('/').find_map(port_of) {
            let problem = Problem::new(
                format!("has the port {} in its path, where it has no effect", url.show(port)),
                "write it after the host",
            );
            return Some(problem.at(port));
        }
    }
    let body = path.trim_end_matches('/');
    let bare = body.trim_end_matches(SIGNS);
    let last = bare.rsplit('/').next()?;
    // elsewhere such a sign can be part of a name
    let is_dots = body.ends_with("/.") || body.ends_with("/..");
    if bare == body || is_dots || !(last == "v1" || bare == "/") {
        return None;
    }
    let sign = body.get(bare.len()..)?;
    let problem = Problem::new(format!("has {} after its path", url.show(sign)), "remove it");
    Some(problem.at(sign).meaning(url_provider::with_path(url, bare.trim_end_matches('/'))))
}

/// What stands behind a url in a sentence, in code and in a list.
const SIGNS: [char; 8] = [',', ';', '.', ')', ']', '\'', '!', '*'];

/// A url in a path, from its scheme on.
fn second_url(path: &str) -> Option<&str> {
    let at = ["http://", "https://"].iter().filter_map(|scheme| path.find(scheme)).min()?;
    path.get(at..)
}

/// `8000` of `:8000` and of `v1:8000`.
fn port_of(segment: &str) -> Option<&str> {
    let (before, port) = segment.split_once(':')?;
    let is_port = (2..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let is_behind_nothing = before.is_empty() || is_version(before);
    (is_port && is_behind_nothing).then_some(port)
}
