//! The rule catalogue: a [`Subject`] flows in, [`Violation`]s flow out.
//!
//! A rule is one file and one line in [`ALL`]. Messages, docs/rules.md, metric labels, the `rules`
//! command and the tests walk that list; a rule's examples are tests.

mod host_family_change;
mod rewrite_path_absolute;
mod rewrite_path_characters;
mod rewrite_path_length;
mod rewrite_path_segments;
mod rewrite_path_version;
mod url_fragment;
mod url_host;
mod url_http_on_443;
mod url_ip_canonical;
mod url_ip_special;
mod url_not_allowed;
mod url_port;
mod url_query;
mod url_scheme;
mod url_special_name;
mod url_syntax;
mod url_tls_port;
mod url_userinfo;
mod url_version;

use std::fmt::{self, Display};
use std::ops::Range;

use super::Spec;
use super::correction::{correct_rewrite_path, correct_url};
use super::endpoint_url::EndpointUrl;
use super::field::{Field, Value};
use super::policy::{self, AllowList, HostPattern, Hosts, NamespacePattern, Policy};
use super::rewrite_path::WrittenPath;
use super::url::place;

/// Every rule, in the order in which violations are reported.
pub static ALL: [&Rule; 20] = [
    &url_syntax::RULE,
    &url_scheme::RULE,
    &url_userinfo::RULE,
    &url_host::RULE,
    &url_ip_canonical::RULE,
    &url_ip_special::RULE,
    &url_special_name::RULE,
    &url_port::RULE,
    &url_tls_port::RULE,
    &url_http_on_443::RULE,
    &url_query::RULE,
    &url_fragment::RULE,
    &url_version::RULE,
    &url_not_allowed::RULE,
    &host_family_change::RULE,
    &rewrite_path_absolute::RULE,
    &rewrite_path_characters::RULE,
    &rewrite_path_segments::RULE,
    &rewrite_path_length::RULE,
    &rewrite_path_version::RULE,
];

/// One rule, all that there is to know about it.
#[derive(Debug)]
pub struct Rule {
    /// Stable: messages, docs, metrics and policy name the rule by it.
    pub id: &'static str,
    pub field: Field,
    pub severity: Severity,
    /// `StatusCause.reason` of a denial, one of Kubernetes' `CauseType`s.
    pub cause: &'static str,
    /// What is refused, or warned of, in one sentence.
    pub summary: &'static str,
    /// The failure that the rule prevents, as it would happen without it.
    pub reason: &'static str,
    /// What to write instead.
    pub instead: &'static str,
    pub good: &'static [Example],
    pub bad: &'static [Example],
    /// The piece of the field's value that a message is about, to point at; `None` for all of it.
    pub part: for<'a> fn(&Subject<'a>) -> Option<&'a str>,
    /// What is wrong with this subject, for the person who wrote it; `None` if nothing is.
    pub check: fn(&Subject<'_>) -> Option<String>,
}

/// What happens to an endpoint that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Deny,
    Warn,
}

/// What the rules judge: an endpoint's fields as they would be stored.
#[derive(Debug)]
pub struct Subject<'a> {
    pub url: Value<EndpointUrl<'a>>,
    /// The empty string counts as absent: Modelplane treats it so.
    pub rewrite_path: Value<WrittenPath<'a>>,
    /// The url that an update replaces.
    pub previous_url: Option<&'a str>,
    /// Whether it is known that the EndpointSlice does not follow that url anyway.
    pub is_slice_stuck: bool,
    pub policy: &'a Policy,
    pub namespace: &'a str,
}

/// A broken rule.
#[derive(Debug, Clone)]
pub struct Violation {
    pub rule: &'static Rule,
    /// As the policy has it.
    pub severity: Severity,
    /// What is wrong with the value and why it can't work; behind the last `; `, what to write instead.
    pub message: String,
    /// The value that was probably meant.
    pub meant: Option<String>,
}

/// An endpoint that shows a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    pub url: &'static str,
    pub rewrite_path: Option<&'static str>,
    /// The url before the update, for a rule about updates.
    pub previous_url: Option<&'static str>,
    /// The one host pattern that a policy allows, for the rule about policies.
    pub allowed_host: Option<&'static str>,
}

/// Judges a subject by every rule that the policy leaves on; nothing comes of an endpoint that is fine.
#[must_use]
pub fn judge(subject: &Subject<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (place, rule) in ALL.into_iter().enumerate() {
        let Some(severity) = subject.policy.severity(place, rule) else { continue };
        if let Some(message) = (rule.check)(subject) {
            violations.push(Violation { rule, severity, message, meant: None });
        }
    }
    if !violations.is_empty() {
        suggest(subject, &mut violations);
    }
    violations
}

impl<'a> Subject<'a> {
    #[must_use]
    pub fn new(url: Value<&'a str>, rewrite_path: Value<&'a str>, previous_url: Option<&'a str>) -> Self {
        let rewrite_path = match rewrite_path {
            Value::Text("") => Value::Absent,
            other => other,
        };
        Subject {
            url: url.map(EndpointUrl::read),
            rewrite_path: rewrite_path.map(WrittenPath::read),
            previous_url,
            is_slice_stuck: false,
            policy: &policy::NONE,
            namespace: "",
        }
    }

    /// An endpoint of this namespace, stored in the place of `old`.
    #[must_use]
    pub fn of(new: Spec<'a>, old: Option<Spec<'a>>, (policy, namespace): (&'a Policy, &'a str)) -> Self {
        let previous_url = old.and_then(|old| old.url.text().copied());
        Subject { policy, namespace, ..Subject::new(new.url, new.rewrite_path, previous_url) }
    }
}

impl Subject<'_> {
    /// Which piece of its field's value a rule is about, in bytes: all of it, unless the rule knows
    /// better. `None` where there is no text.
    #[must_use]
    pub fn place(&self, rule: &Rule) -> Option<Range<usize>> {
        let value = match rule.field {
            Field::Url => self.url.text()?.parts.text,
            Field::RewritePath => self.rewrite_path.text()?.text,
        };
        let part = (rule.part)(self).and_then(|part| place(value, part));
        Some(part.unwrap_or(0..value.len()))
    }
}

impl Violation {
    /// What is wrong, and what to write instead.
    #[must_use]
    pub fn halves(&self) -> (&str, &str) {
        self.message.rsplit_once("; ").unwrap_or((&self.message, ""))
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.meant {
            Some(meant) => write!(f, "; did you mean `{meant}`?"),
            None => Ok(()),
        }
    }
}

impl Example {
    #[must_use]
    pub const fn url(url: &'static str) -> Self {
        Example { url, rewrite_path: None, previous_url: None, allowed_host: None }
    }

    #[must_use]
    pub const fn rewrite_path(url: &'static str, rewrite_path: &'static str) -> Self {
        Example { rewrite_path: Some(rewrite_path), ..Example::url(url) }
    }

    #[must_use]
    pub const fn update(previous_url: &'static str, url: &'static str) -> Self {
        Example { previous_url: Some(previous_url), ..Example::url(url) }
    }

    #[must_use]
    pub const fn under_policy(self, allowed_host: &'static str) -> Self {
        Example { allowed_host: Some(allowed_host), ..self }
    }

    /// What the rules say of it.
    #[must_use]
    pub fn judge(&self) -> Vec<Violation> {
        let spec = Spec {
            url: Value::Text(self.url),
            rewrite_path: self.rewrite_path.map_or(Value::Absent, Value::Text),
        };
        let old = self.previous_url.map(|url| Spec { url: Value::Text(url), rewrite_path: Value::Absent });
        let host = self.allowed_host.and_then(|host| HostPattern::parse(host).ok());
        let list = host.map(|host| AllowList {
            namespaces: vec![NamespacePattern::any()],
            hosts: Hosts::from_iter([host]),
            ..AllowList::default()
        });
        let mut policy = Policy::NONE;
        policy.allow.extend(list);
        judge(&Subject::of(spec, old, (&policy, "ml-team")))
    }
}

/// Adds what was probably meant to the first denial of each field.
fn suggest(subject: &Subject<'_>, violations: &mut [Violation]) {
    for field in [Field::Url, Field::RewritePath] {
        let denial = |v: &&mut Violation| v.rule.field == field && v.severity == Severity::Deny;
        let Some(first) = violations.iter_mut().find(denial) else { continue };
        let meant = match field {
            Field::Url => subject.url.text().and_then(|url| correct_url(url.parts.text)),
            Field::RewritePath => {
                subject.rewrite_path.text().and_then(|path| correct_rewrite_path(path.text))
            }
        };
        first.meant = meant;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn broken(example: &Example) -> Vec<&'static str> {
        example.judge().iter().map(|violation| violation.rule.id).collect()
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
            let place = subject.place(violation.rule).expect("a place");
            assert_eq!(value.get(place), Some(piece), "{id}: {value}");
        }
    }

    #[test]
    fn a_message_has_two_halves() {
        let violation = |message: &str| Violation {
            rule: ALL[0],
            severity: Severity::Deny,
            message: message.to_owned(),
            meant: None,
        };
        assert_eq!(violation("is so; and so; write this").halves(), ("is so; and so", "write this"));
        assert_eq!(violation("is so").halves(), ("is so", ""));
    }

    #[test]
    fn a_message_is_one_line_that_says_what_to_do() {
        for rule in ALL {
            for example in rule.bad {
                for violation in example.judge() {
                    let message = violation.to_string();
                    assert!(!message.contains(char::is_control), "{message:?}");
                    assert!(message.len() <= 400, "{} bytes: {message}", message.len());
                    assert!(message.contains(';'), "says no remedy: {message}");
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
        let found: Vec<_> = violations.iter().map(|v| (v.rule.id, v.message.as_str())).collect();
        assert_eq!(
            found,
            [
                ("url-syntax", "is not a string; write the URL as text"),
                ("rewrite-path-absolute", "is not a string; write the path as text"),
            ]
        );
    }
}
