use crate::endpoint::field::{Field, Value};
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "rewrite-path-absolute",
    field: Field::RewritePath,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The rewritePath does not start with a slash.",
    reason: "`openai/` in the place of `/<namespace>/<service>/` makes a request target without a leading \
             slash, and a full url makes one that contains a second url: the provider answers 400 or 404.",
    instead: "Write only the path, with its leading slash: `/openai/`.",
    good: &[Example::rewrite_path("https://api.example.com/openai/v1", "/openai/")],
    bad: &[
        Example::rewrite_path("https://api.example.com/openai/v1", "openai/"),
        Example::rewrite_path("https://api.example.com/openai/v1", "https:openai/"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.path != '' && !variables.path.startsWith('/')",
        says: "does not start with `/`, so the gateway would send a malformed request; write only the path, \
               with its leading slash",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let path = match &subject.rewrite_path {
        Value::Absent => return None,
        Value::NotText => return Some(Problem::new("is not a string", "write the path as text")),
        Value::Text(path) => path,
    };
    if !path.faults.not_absolute {
        return None;
    }
    Some(if path.text.contains("://") {
        Problem::new(
            "is a URL, and the gateway would put all of it into the request's path",
            "write only its path",
        )
    } else {
        Problem::new(
            "does not start with `/`, so the server would get a malformed request line",
            "start it with `/`",
        )
    })
}
