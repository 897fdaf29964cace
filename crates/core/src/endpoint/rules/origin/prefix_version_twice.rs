use crate::endpoint::api_path::is_version;
use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};

pub(crate) static RULE: Rule = Rule {
    id: "prefix-version-twice",
    field: Field::Prefix,
    severity: Severity::Warn,
    cause: "FieldValueInvalid",
    summary: "The prefix has an API version twice in a row.",
    reason: "`/v1/v1` is a valid path, but hardly any server has it: the base URL's `/v1` and the default \
             prefix were put together.",
    instead: "Write the version once.",
    good: &[
        Example::prefix("/openai/v1"),
        Example::prefix("/v1beta/openai"),
        Example::prefix("/v1/openai/v1"),
    ],
    bad: &[Example::prefix("/v1/v1"), Example::prefix("/openai/v1/v1/"), Example::prefix("/v2/v1")],
    check,
    cel: Cel::FirstOf(&[Case {
        when: "variables.prefixHasVersionTwice",
        says: "has an API version twice in a row; write one of them",
    }]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let prefix = *subject.spec.prefix.text()?;
    let mut segments = prefix.split('/').filter(|segment| !segment.is_empty());
    let mut before = segments.next()?;
    let second = segments
        .find(|segment| is_version(std::mem::replace(&mut before, segment)) && is_version(segment))?;
    let twice = format!("/{second}/{second}");
    let once = prefix.contains(&twice).then(|| prefix.replacen(&twice, &format!("/{second}"), 1));
    Some(Problem::new("has an API version twice in a row", "write one of them").meaning(once).at(second))
}
