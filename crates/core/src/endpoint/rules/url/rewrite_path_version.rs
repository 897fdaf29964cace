use super::rewrite_path_operation;
use crate::endpoint::api_path;
use crate::endpoint::field::Field;
use crate::endpoint::rewrite_path::without_version;
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "rewrite-path-version",
    field: Field::RewritePath,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The rewritePath has an API version, and clients send `/v1/` themselves.",
    reason: "The classic error: `url: https://api.example.com/v1` and `rewritePath: /v1/`. A client's \
             `/v1/chat/completions` becomes `/v1/v1/chat/completions`, and the provider answers 404. \
             `/v1beta/` becomes `/v1beta/v1/chat/completions`.",
    instead: "Leave rewritePath out, and it is set to the url's path without the final `v1`; or write it \
              without the version. It is right only if the server really serves `/v1/...` below it, as the \
              url then says.",
    good: &[
        Example::rewrite_path("https://api.example.com/v1", "/"),
        Example::rewrite_path("http://10.0.1.50/default/v1/v1", "/default/v1/"),
    ],
    bad: &[
        Example::rewrite_path("https://api.example.com/v1", "/v1/"),
        Example::rewrite_path("https://api.groq.com/openai/v1", "/openai/v1"),
        Example::rewrite_path("https://api.example.com", "/v1beta/openai/"),
        Example::rewrite_path("https://api.example.com", "/v2/"),
    ],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let written = subject.rewrite_path.text()?;
    let path = written.text.trim_end_matches('/');
    // a replica may be called `v1`: then the url's path ends in `/v1/v1`
    if subject.has_default_path() || (rewrite_path_operation::RULE.check)(subject).is_some() {
        return None;
    }
    if path.ends_with("/v1") {
        let meant = subject
            .default_path
            .as_ref()
            .map_or_else(|| without_version(path).to_owned(), |path| path.as_str().to_owned());
        let problem = Problem::new(
            "ends in `v1/`, which clients send too, so the server is asked for `/v1/v1/...`",
            "leave \
                                                                                                            it \
                                                                                                            out",
        );
        return Some(problem.at(path.get(path.len() - "v1".len()..)?).meaning(Some(meant)));
    }
    let version = api_path::version(path)?;
    let problem = Problem::new(
        format!("has {}: clients get `/v1/...` after it", written.show(version)),
        "leave it out",
    );
    Some(problem.at(version).meaning(subject.default_path.as_ref().map(|path| path.as_str().to_owned())))
}
