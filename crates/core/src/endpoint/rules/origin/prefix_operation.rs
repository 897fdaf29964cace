use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "prefix-operation",
    field: Field::Prefix,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The prefix ends in an operation of the API, which the gateway adds itself.",
    reason: "`/v1/chat/completions` was copied from a curl example. The server is asked for \
             `/v1/chat/completions/chat/completions`, and answers every request with 404.",
    instead: "Write the path up to the operation: `/v1`.",
    good: &[Example::prefix("/v1"), Example::prefix("/models"), Example::prefix("/completions-proxy/v1")],
    bad: &[
        Example::prefix("/v1/chat/completions"),
        Example::prefix("/v1/messages/"),
        Example::prefix("/openai/v1/embeddings"),
        Example::prefix("/v1/Chat/Completions"),
        Example::prefix("/audio/speech"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.prefixEndsInOperation",
        says: "ends in an operation, which the gateway adds itself: every request would get 404; leave that out",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let prefix = *subject.spec.prefix.text()?;
    let path = prefix.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let operation = OPERATIONS.iter().find_map(|operation| {
        let at = path.len().checked_sub(operation.len())?;
        let (before, end) = path.split_at_checked(at)?;
        (before.ends_with('/') && end.eq_ignore_ascii_case(operation)).then_some(end)
    })?;
    let problem = Problem::new(
        format!("ends in `{operation}`, which the gateway adds itself: every request would get 404"),
        "leave that out",
    );
    Some(problem.at(operation))
}

/// What the gateway puts behind a prefix, and other operations of the same APIs; those that end in another after it.
pub(in crate::endpoint) const OPERATIONS: [&str; 13] = [
    "chat/completions",
    "completions",
    "embeddings",
    "responses",
    "messages",
    "moderations",
    "rerank",
    "audio/speech",
    "audio/transcriptions",
    "audio/translations",
    "images/generations",
    "images/edits",
    "images/variations",
];
