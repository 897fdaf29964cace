//! A [`Subject`] flows in; the rules that it breaks flow out, with suggestions.

use super::Spec;
use super::correction::{self, LONGEST};
use super::field::{Field, Generation, Value};
use super::policy::{AllowList, HostPattern, NamespacePattern, Policy};
use super::providers::Schema;
use super::rules::{self, Example, Severity, Subject, Suggestion, Violation};
use super::url::Url;

/// Judges a subject by every rule that the policy does not turn off. The result is empty if the endpoint is fine.
#[must_use]
pub fn judge(subject: &Subject<'_>) -> Vec<Violation> {
    let mut violations = rules::violations(subject);
    if !violations.is_empty() {
        suggest(subject, &mut violations);
    }
    violations
}

/// What the rules say about an example.
#[must_use]
pub fn judge_example(example: &Example) -> Vec<Violation> {
    let old = example.previous_url.map(|url| Spec { url: Value::Text(url), ..example.spec });
    let list = example.allowed.map(|allowed| AllowList {
        namespaces: vec![NamespacePattern::any()],
        hosts: HostPattern::parse(allowed.host).into_iter().collect(),
        schemas: allowed.schema.and_then(Schema::of).into_iter().collect(),
        needs_credential: allowed.needs_credential,
        ..AllowList::default()
    });
    let mut policy = Policy::NONE;
    policy.allow.extend(list);
    judge(&Subject::of(example.spec, old, &policy.here("ml-team")).by(example.user))
}

/// Adds a suggestion to the first denial of each field, or to the first warning that has one.
fn suggest(subject: &Subject<'_>, violations: &mut [Violation]) {
    for field in Field::ALL {
        let of_field = |v: &Violation| v.rule.field == field;
        let denied = violations.iter().position(|v| of_field(v) && v.severity == Severity::Deny);
        let known = || violations.iter().position(|v| of_field(v) && v.suggestion.is_some());
        let warned =
            || violations.iter().position(|v| of_field(v) && field.generation() == Generation::Origin);
        let Some(first) = denied.or_else(known).or_else(warned) else { continue };
        let own = violations[first].suggestion.take();
        for violation in violations.iter_mut().filter(|v| of_field(v)) {
            violation.suggestion = None;
        }
        let meant = own.or_else(|| correction::correct(field, subject.spec.value(field).text()?));
        violations[first].suggestion = meant.and_then(|meant| settled(subject, field, meant));
    }
}

/// A suggestion that would be admitted without a warning, under the same policy and for the same update: this one, or
/// what the rules that it breaks suggest in turn.
fn settled(subject: &Subject<'_>, field: Field, mut meant: Suggestion) -> Option<Suggestion> {
    /// A correction can uncover this many further mistakes.
    const ROUNDS: usize = 4;
    // What a provider requires in another field is not known before its origin can be read.
    let is_due_anyway =
        |v: &Violation| field.generation() == Generation::Origin && v.severity == Severity::Warn;
    let elsewhere = |violations: &[Violation]| -> Vec<&'static str> {
        let others = violations.iter().filter(|v| v.rule.field != field && !is_due_anyway(v));
        others.map(|v| v.rule.id).collect()
    };
    let known = elsewhere(&rules::violations(subject));
    for _ in 0..ROUNDS {
        let found = violations_with(subject, field, &meant.value);
        let next = found.iter().find(|v| v.rule.field == field);
        if next.is_none() && elsewhere(&found).iter().all(|id| known.contains(id)) {
            let written = subject.spec.value(field).text().copied().unwrap_or_default();
            let may_tell = correction::is_clean(field, &meant.value) && is_another(written, &meant.value);
            return may_tell.then_some(meant);
        }
        // A path that differs from the written one does not keep what was meant.
        if field == Field::RewritePath {
            return None;
        }
        let better = found.into_iter().filter(|v| v.rule.field == field).find_map(|v| v.suggestion);
        meant = better.filter(|better| better.value != meant.value)?;
    }
    None
}

/// Whether a value is worth suggesting: it differs from the written one, is short, and contains no secret.
fn is_another(written: &str, value: &str) -> bool {
    let mut secrets = Url::split(written).secrets().into_iter().filter_map(|secret| written.get(secret));
    let is_secret = secrets.any(|secret| secret.len() > "?".len() && value.contains(secret));
    value != written && value.len() <= LONGEST && !is_secret
}

/// What the rules say about the subject with another value, and about the default that follows from it.
fn violations_with(subject: &Subject<'_>, field: Field, value: &str) -> Vec<Violation> {
    let with_value = subject.with(field, value);
    if field == Field::Url && subject.has_default_path() {
        let default = with_value.default_path.as_ref().map(|default| default.as_str().to_owned());
        if let Some(default) = default {
            return rules::violations(&with_value.with(Field::RewritePath, &default));
        }
    }
    rules::violations(&with_value)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::endpoint::rules::ALL;

    fn broken(example: &Example) -> Vec<&'static str> {
        judge_example(example).iter().map(|violation| violation.rule.id).collect()
    }

    #[test]
    fn ids_are_unique_and_stable_words() {
        let ids: BTreeSet<_> = ALL.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), ALL.len());
        for id in ids {
            assert!(
                id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
                "{id}"
            );
        }
    }

    #[test]
    fn a_good_example_breaks_no_rule() {
        for rule in ALL {
            assert!(!rule.good.is_empty(), "{}", rule.id);
            for example in rule.good {
                assert_eq!(broken(example), Vec::<&str>::new(), "{}: {example:?}", rule.id);
            }
        }
    }

    #[test]
    fn a_bad_example_breaks_its_own_rule_and_no_other() {
        for rule in ALL {
            assert!(!rule.bad.is_empty(), "{}", rule.id);
            for example in rule.bad {
                assert_eq!(broken(example), [rule.id], "{}: {example:?}", rule.id);
            }
        }
    }

    #[test]
    fn a_violation_points_at_the_piece_that_it_is_about() {
        for (url, path, id, piece) in [
            ("https://h.example:8443/v1", "/", "url-tls-port", "8443"),
            ("http://h.example/", "a/b", "rewrite-path-absolute", "a/b"),
            ("http://h.example/", "/aé?/", "rewrite-path-characters", "?"),
            ("http://h.example/", "/b/é /", "rewrite-path-characters", " "),
            ("http://h.example/", "/b/ é/", "rewrite-path-characters", " "),
            ("http://h.example/", "/é/../b", "rewrite-path-segments", ".."),
            ("http://h.example/", "/é//b", "rewrite-path-segments", "/"),
        ] {
            let subject = Subject::new(Value::Text(url), Value::Text(path), None);
            let violations = judge(&subject);
            let violation = violations.iter().find(|violation| violation.rule.id == id).expect("a violation");
            let value = if violation.rule.field == Field::Url { url } else { path };
            let part = violation.part.clone().expect("a part");
            assert_eq!(value.get(part), Some(piece), "{id}: {value}");
        }
    }

    #[test]
    fn a_message_is_one_line_that_says_what_to_do() {
        for rule in ALL {
            for example in rule.bad {
                for violation in judge_example(example) {
                    let message = violation.to_string();
                    assert!(!message.contains(char::is_control), "{message:?}");
                    assert!(message.len() <= 400, "{} bytes: {message}", message.len());
                    assert!(!violation.problem.is_empty() && !violation.remedy.is_empty(), "{message}");
                    // The API server recommends 120 characters for a warning, and may truncate it at 256.
                    let shown = format!("{}: {message} [{}]", rule.field.path(), rule.id);
                    let suggested = shown.split_once("; did you mean").map_or("", |(_, behind)| behind);
                    let (all, own) = (shown.chars().count(), shown.len() - suggested.len());
                    assert!(rule.severity == Severity::Deny || own <= 130 && all <= 256, "{own}: {shown}");
                }
            }
        }
    }

    #[test]
    fn every_violation_is_reported_at_once() {
        let subject = Subject::new(
            Value::Text("ftp://user:s3cret@vllm:99999/v1/openai?key=s3cret#s3cret"),
            Value::Text("a/../?"),
            Some("http://10.0.1.50/"),
        );
        let violations = judge(&subject);
        let ids: Vec<_> = violations.iter().map(|violation| violation.rule.id).collect();
        assert_eq!(
            ids,
            [
                "url-scheme",
                "url-userinfo",
                "url-host",
                "url-port",
                "url-query",
                "url-fragment",
                "url-version",
                "host-family-change",
                "rewrite-path-absolute",
                "rewrite-path-characters",
                "rewrite-path-segments",
            ]
        );
        for violation in violations {
            assert!(!violation.to_string().contains("s3cret"), "{violation}");
            assert!(!violation.to_string().contains("user:"), "{violation}");
        }
    }

    #[test]
    fn an_absent_field_is_the_schemas_business() {
        assert!(judge(&Subject::new(Value::Absent, Value::Absent, None)).is_empty());
    }

    #[test]
    fn a_field_of_another_type_is_refused_in_words() {
        let violations = judge(&Subject::new(Value::NotText, Value::NotText, None));
        let found: Vec<_> = violations.iter().map(|v| (v.rule.id, v.to_string(), v.part.clone())).collect();
        assert_eq!(
            found,
            [
                ("url-syntax", "is not a string; write the URL as text".to_owned(), None),
                ("rewrite-path-absolute", "is not a string; write the path as text".to_owned(), None),
            ]
        );
    }
}
