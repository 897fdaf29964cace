use crate::endpoint::api_path;
use crate::endpoint::field::Field;
use crate::endpoint::rewrite_path::without_version;
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "rewrite-path-operation",
    field: Field::RewritePath,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The rewritePath ends in an operation of the API, such as `/chat/completions/`.",
    reason: "With `rewritePath: /v1/chat/completions/`, a client's `/v1/chat/completions` becomes \
             `/v1/chat/completions/v1/chat/completions`, and the provider answers 404.",
    instead: "Leave rewritePath out, and it is set from the url; or write what comes before `/v1`.",
    good: &[Example::rewrite_path("https://api.example.com/v1", "/ml-team/embeddings/")],
    bad: &[
        Example::rewrite_path("https://api.example.com/v1", "/v1/chat/completions/"),
        Example::rewrite_path("https://api.example.com/v1", "/v1/responses/"),
    ],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let path = subject.rewrite_path.text()?;
    let operation = api_path::operation(path.text)?;
    if path.faults.not_absolute || subject.has_default_path() {
        return None;
    }
    let base = operation.base.map(|base| format!("{}/", without_version(base).trim_end_matches('/')));
    let problem = Problem::new(
        format!("ends in {}, which clients send too", path.show(operation.text)),
        "leave it out",
    );
    Some(problem.at(operation.text).meaning(base))
}
