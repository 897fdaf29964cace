use crate::endpoint::field::Field;
use crate::endpoint::rewrite_path::Segment;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "rewrite-path-segments",
    field: Field::RewritePath,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The rewritePath has a `.`, `..` or empty segment.",
    reason: "`/team-a/../team-b/` leaves the path that it seems to stay in: the gateway resolves dot \
             segments. It also collapses empty ones, so `//api/` is not what the server sees, and some \
             parsers read what follows a leading `//` as a host.",
    instead: "Write the path that the server should see, one slash between segments.",
    good: &[Example::rewrite_path("https://api.example.com/v1", "/.../a..b/.well-known/")],
    bad: &[
        Example::rewrite_path("https://api.example.com/v1", "/a/../b/"),
        Example::rewrite_path("https://api.example.com/v1", "/./a/"),
        Example::rewrite_path("https://api.example.com/v1", "/a//b/"),
        Example::rewrite_path("https://api.example.com/v1", "//api/"),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.pathHasRefusedSegment",
        says: "has a `.`, `..` or empty segment, which the gateway resolves or collapses; write the \
                   path that the server should see, one slash between segments",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let path = subject.rewrite_path.text()?;
    let problem = match path.faults.segment? {
        Segment::Empty => Problem::new(
            "has an empty segment (`//`), which the gateway collapses",
            "write one slash between segments",
        ),
        Segment::Dot => Problem::new(
            "has a `.` segment, which the gateway resolves",
            "write the path that the server should see",
        ),
        Segment::DotDot => Problem::new(
            "has a `..` segment, which the gateway resolves",
            "write the path that the server should see",
        ),
    };
    Some(Problem { part: path.refused_segment(), ..problem })
}
