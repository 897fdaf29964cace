use crate::endpoint::field::Field;
use crate::endpoint::rewrite_path::LONGEST;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "rewrite-path-length",
    field: Field::RewritePath,
    severity: Severity::Deny,
    cause: "FieldValueTooLong",
    summary: "The rewritePath has over 1024 characters.",
    reason: "HTTPRoute allows at most 1024 code points in `replacePrefixMatch`. The API server refuses the \
             whole route, and the ModelService is stuck, with all its endpoints.",
    instead: "Write a path of at most 1024 characters, its final slash included.",
    good: &[Example::rewrite_path("https://api.example.com/v1", "/ml-team/qwen-72b/")],
    bad: &[Example::rewrite_path("https://api.example.com/v1", too_long())],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.pathIsTooLong",
        says: "has over 1024 characters, which HTTPRoute does not allow: it would block every service \
                   that selects this endpoint; write a shorter path",
    }]),
};

/// 1,025 characters.
static TOO_LONG: [u8; LONGEST + 1] = {
    let mut path = [b'a'; LONGEST + 1];
    path[0] = b'/';
    path[LONGEST] = b'/';
    path
};

const fn too_long() -> &'static str {
    match str::from_utf8(&TOO_LONG) {
        Ok(path) => path,
        Err(_) => unreachable!(),
    }
}

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let length = subject.rewrite_path.text()?.faults.too_long?;
    Some(Problem::new(
        format!(
            "has {length} characters, and HTTPRoute allows at most {LONGEST}: it would block every service \
             that selects this endpoint"
        ),
        "write a shorter path",
    ))
}
