use super::{Example, Rule, Severity, Subject};
use crate::endpoint::field::Field;
use crate::endpoint::rewrite_path::Segment;

pub(super) static RULE: Rule = Rule {
    id: "rewrite-path-segments",
    field: Field::RewritePath,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The rewritePath has a `.`, `..` or empty segment.",
    reason: "`/team-a/../team-b/` left the path that it seems to stay in: the gateway resolves dot segments. It \
             also collapses empty ones, so `//api/` is not what the server sees, and some parsers take what \
             follows a leading `//` for a host.",
    instead: "Write the path that the server should see, one slash between segments.",
    good: &[Example::rewrite_path("https://api.example.com/v1", "/.../a..b/.well-known/")],
    bad: &[
        Example::rewrite_path("https://api.example.com/v1", "/a/../b/"),
        Example::rewrite_path("https://api.example.com/v1", "/./a/"),
        Example::rewrite_path("https://api.example.com/v1", "/a//b/"),
        Example::rewrite_path("https://api.example.com/v1", "//api/"),
    ],
    part: |subject| subject.rewrite_path.text()?.refused_segment(),
    check,
};

fn check(subject: &Subject<'_>) -> Option<String> {
    Some(match subject.rewrite_path.text()?.faults.segment? {
        Segment::Empty => {
            "has an empty segment (`//`), which the gateway collapses; write one slash between segments"
                .to_owned()
        }
        Segment::Dot => {
            "has a `.` segment, which the gateway resolves; write the path that the server should see"
                .to_owned()
        }
        Segment::DotDot => {
            "has a `..` segment, which the gateway resolves; write the path that the server should see"
                .to_owned()
        }
    })
}
