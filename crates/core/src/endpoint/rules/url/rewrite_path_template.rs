use crate::endpoint::field::Field;
use crate::endpoint::placeholder;
use crate::endpoint::rules::{Cel, Example, ONLY_WARNS, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "rewrite-path-template",
    field: Field::RewritePath,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The rewritePath contains a placeholder that was not filled in.",
    reason: "A chart that was applied without its values stored `/${MODEL}/`. The gateway sent \
             `/${MODEL}/v1/...` to the server, which answered every request with 404.",
    instead: "Render the template before you apply it, or leave rewritePath out. A policy can make this a \
              denial; it is a warning because a server may serve such a path.",
    good: &[Example::rewrite_path("https://api.example.com/v1", "/models/$ref/")],
    bad: &[
        Example::rewrite_path("https://api.example.com/v1", "/${MODEL}/"),
        Example::rewrite_path("https://api.example.com/v1", "/{{ .model }}/"),
        Example::rewrite_path("https://api.example.com/v1", "/$(MODEL)/"),
        Example::rewrite_path("https://api.example.com/v1", "/<namespace>/"),
        Example::rewrite_path("https://api.example.com/v1", "/<no value>/"),
        Example::rewrite_path("https://api.example.com/v1", "/$MODEL/"),
    ],
    check,
    cel: Cel::Webhook(ONLY_WARNS),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let path = subject.rewrite_path.text()?;
    let found = placeholder::find(path.text)?;
    // something that fails already could hold a password
    if path.faults.not_absolute {
        return None;
    }
    let problem =
        Problem::new(format!("contains {}, a placeholder", path.show(found)), "render the template first");
    Some(problem.at(found))
}
