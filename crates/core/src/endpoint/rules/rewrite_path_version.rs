use super::{Example, Problem, Rule, Severity, Subject};
use crate::endpoint::field::Field;
use crate::endpoint::rewrite_path::RewritePath;

pub(super) static RULE: Rule = Rule {
    id: "rewrite-path-version",
    field: Field::RewritePath,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The rewritePath ends in `/v1/`, which clients send themselves.",
    reason: "The classic error: `url: https://api.example.com/v1` and `rewritePath: /v1/`. A client's \
             `/v1/chat/completions` becomes `/v1/v1/chat/completions`, and the provider answers 404.",
    instead: "Leave rewritePath out, and it is set to the url's path without the final `v1`; or write it without \
              the `v1/`. It is right only where the server really serves `/v1/v1/...`, as the url then says.",
    good: &[
        Example::rewrite_path("https://api.example.com/v1", "/"),
        Example::rewrite_path("http://10.0.1.50/default/v1/v1", "/default/v1/"),
    ],
    bad: &[
        Example::rewrite_path("https://api.example.com/v1", "/v1/"),
        Example::rewrite_path("https://api.groq.com/openai/v1", "/openai/v1"),
    ],
    check,
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let path = subject.rewrite_path.text()?.text.trim_end_matches('/');
    if !path.ends_with("/v1") {
        return None;
    }
    // a replica may be called `v1`: then the url's path ends in `/v1/v1`
    let derived = subject.url.text().and_then(|url| RewritePath::derive(&url.parts));
    if derived.is_some_and(|derived| derived.as_str().trim_end_matches('/') == path) {
        return None;
    }
    let problem =
        Problem::new("ends in `v1/`, which clients send too, so they get `/v1/v1/...`", "leave it out");
    Some(Problem { part: path.get(path.len() - "v1".len()..), ..problem })
}
