use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "prefix-dot-segment",
    field: Field::Prefix,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The prefix has a `.` or `..` segment.",
    reason: "`/v1/../admin` is sent as `/admin`: the gateway resolves dot segments.",
    instead: "Write the path that the server should see.",
    good: &[Example::prefix("/.../a..b/.well-known/v1")],
    bad: &[
        Example::prefix("/v1/../admin"),
        Example::prefix("/./v1"),
        Example::prefix("/v1/.."),
        Example::prefix("/.."),
    ],
    check,
    cel: Cel::FirstOf(&[Case {
        when: r"variables.prefixPath.matches(r'/\.\.?(/|$)')",
        says: "has a `.` or `..` segment, which the gateway resolves; write the path that the server should see",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let prefix = *subject.spec.prefix.text()?;
    let path = prefix.split(['?', '#']).next().unwrap_or_default();
    let segment = path.split('/').skip(1).find(|segment| [".", ".."].contains(segment))?;
    let problem = format!("has a `{segment}` segment, which the gateway resolves");
    Some(Problem::new(problem, "write the path that the server should see").at(segment))
}
