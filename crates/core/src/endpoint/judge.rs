//! A [`Subject`] flows in; the rules that it breaks, with what was probably meant, flow out.

use super::Spec;
use super::correction::{correct_rewrite_path, correct_url};
use super::field::{Field, Value};
use super::policy::{AllowList, HostPattern, Hosts, NamespacePattern, Policy};
use super::rules::{self, Example, Severity, Subject, Violation};

/// Judges a subject by every rule that the policy leaves on; nothing comes of an endpoint that is fine.
#[must_use]
pub fn judge(subject: &Subject<'_>) -> Vec<Violation> {
    let mut violations = rules::violations(subject);
    if !violations.is_empty() {
        suggest(subject, &mut violations);
    }
    violations
}

/// What the rules say of an example.
#[must_use]
pub fn judge_example(example: &Example) -> Vec<Violation> {
    let old = example.previous_url.map(|url| Spec::of_url(Value::Text(url), Value::Absent));
    let host = example.allowed_host.and_then(|host| HostPattern::parse(host).ok());
    let list = host.map(|host| AllowList {
        namespaces: vec![NamespacePattern::any()],
        hosts: Hosts::from_iter([host]),
        ..AllowList::default()
    });
    let mut policy = Policy::NONE;
    policy.allow.extend(list);
    judge(&Subject::of(example.spec, old, (&policy, "ml-team")).by(example.user))
}

/// Adds what was probably meant to the first denial of each field.
fn suggest(subject: &Subject<'_>, violations: &mut [Violation]) {
    for field in [Field::Url, Field::RewritePath] {
        let denial = |v: &&mut Violation| v.rule.field == field && v.severity == Severity::Deny;
        let Some(first) = violations.iter_mut().find(denial) else { continue };
        first.suggestion = match field {
            Field::Url => subject.url.text().and_then(|url| correct_url(url.parts.text)),
            Field::RewritePath => {
                subject.rewrite_path.text().and_then(|path| correct_rewrite_path(path.text))
            }
            _ => None,
        };
    }
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
                    // a warning is cut short in some places: the API server's advice is 120 characters
                    let shown = format!("{}: {message} [{}]", rule.field.path(), rule.id);
                    assert!(
                        rule.severity == Severity::Deny || shown.chars().count() <= 120,
                        "{} characters: {shown}",
                        shown.chars().count()
                    );
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
