use super::{rewrite_path_left_behind, rewrite_path_operation, rewrite_path_template, rewrite_path_version};
use crate::endpoint::field::Field;
use crate::endpoint::rewrite_path::PathFaults;
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "rewrite-path-mismatch",
    field: Field::RewritePath,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The rewritePath differs from the url's path.",
    reason: "`url: https://api.groq.com/openai/v1` with `rewritePath: /` asks Groq for \
             `/v1/chat/completions`, which it does not serve: the path of a url is not sent, only \
             rewritePath is.",
    instead: "Leave rewritePath out, and it is set from the url. If rewritePath is right, write the url with \
              the same path, or with none.",
    good: &[
        Example::rewrite_path("https://api.groq.com/openai/v1", "/openai/"),
        Example::rewrite_path("https://api.example.com", "/openai/"),
        Example::rewrite_path("https://api.example.com/v1", "/openai/"),
    ],
    bad: &[
        Example::rewrite_path("https://api.groq.com/openai/v1", "/"),
        Example::rewrite_path("http://10.0.1.50/ml-team/qwen-72b/v1", "/ml-team/llama/"),
    ],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let path = subject.rewrite_path.text()?;
    let default = subject.default_path.as_ref().filter(|default| default.as_str() != "/")?;
    if path.faults != PathFaults::default() || subject.has_default_path() {
        return None;
    }
    let says_more = [
        rewrite_path_template::RULE.check,
        rewrite_path_operation::RULE.check,
        rewrite_path_version::RULE.check,
        rewrite_path_left_behind::RULE.check,
    ];
    if says_more.iter().any(|check| check(subject).is_some()) {
        return None;
    }
    let problem = Problem::new(format!("is {}, not the url's path", path.show(path.text)), "leave it out");
    Some(problem.meaning(Some(default.as_str().to_owned())))
}
