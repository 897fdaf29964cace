use crate::endpoint::field::Field;
use crate::endpoint::rules::{Case, Cel, Example, Problem, Rule, Severity, Subject};
use crate::endpoint::url::is_path_byte;
use std::collections::BTreeSet;

use crate::endpoint::placeholder;
use crate::endpoint::quote::{NamedList, Quoted};

pub(crate) static RULE: Rule = Rule {
    id: "prefix-characters",
    field: Field::Prefix,
    severity: Severity::Deny,
    cause: "FieldValueInvalid",
    summary: "The prefix contains a character that a path cannot contain (RFC 3986).",
    reason: "A space, a line break or a letter outside ASCII goes into the request as it is, and makes it \
             malformed. `/<deployment>/v1` came from a template that nobody rendered.",
    instead: "Write ASCII, and percent-encode everything else: `/mod%C3%A8les/v1`.",
    good: &[Example::prefix("/a-b_c~d.e/v1"), Example::prefix("/a!$&'()*+,;=:@b/v1")],
    bad: &[
        Example::prefix("/v1 "),
        Example::prefix("/v1\n"),
        Example::prefix("/a\\b/v1"),
        Example::prefix("/modèles/v1"),
        Example::prefix("/{{ .deployment }}/v1"),
        Example::prefix("/<deployment>/v1"),
        Example::prefix("/a\u{200b}/v1"),
        Example::prefix("/a[0]/v1"),
    ],
    check,
    cel: Cel::FirstOf(&[
        Case {
            when: "variables.prefixPathHasStrangeCharacter && variables.prefixPathHasPlaceholder",
            says: "contains a placeholder that was not filled in; render the template before you apply it",
        },
        Case {
            when: "variables.prefixPathHasStrangeCharacter",
            says: "contains a character that a path cannot contain; remove it, or percent-encode it",
        },
    ]),
};

fn check<'a>(subject: &Subject<'a>) -> Option<Problem<'a>> {
    let prefix = *subject.spec.prefix.text()?;
    let path = prefix.split(['?', '#']).next().unwrap_or_default();
    let mut strange: Vec<char> = path.chars().filter(|c| !is_of_a_path(*c)).collect();
    if strange.is_empty() {
        return None;
    }
    if let Some(found) = placeholder::find(path) {
        let problem = format!("contains {}, a placeholder that was not filled in", Quoted(found));
        return Some(Problem::new(problem, "render the template before you apply it").at(found));
    }
    let first = path.find(|c| !is_of_a_path(c))?;
    let part = path.get(first..)?.chars().next().map(|c| &path[first..first + c.len_utf8()]);
    let mut seen = BTreeSet::new();
    strange.retain(|c| seen.insert(*c));
    let problem = Problem::new(
        format!("contains {}, which a path cannot contain", NamedList(&strange)),
        "remove it, or percent-encode it",
    );
    Some(Problem { part, ..problem })
}

/// What a path has, and the percent sign, which has its own rule.
fn is_of_a_path(character: char) -> bool {
    character == '%' || u8::try_from(character).is_ok_and(is_path_byte)
}
