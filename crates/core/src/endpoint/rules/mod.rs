//! The rule catalogue: a [`Subject`] flows in, [`Violation`]s flow out.
//!
//! What was probably meant is not the rules' business: [`judge`](super::judge) adds that.
//!
//! A rule is one file and one line in [`ALL`]. Messages, docs/rules.md, metric labels, the `rules`
//! command and the tests walk that list; a rule's examples are tests.

mod allow_lists;
mod cluster_label;
mod credential_in_plaintext;
mod host_family_change;
mod host_faults;
mod model_characters;
mod origin_address;
mod origin_fragment;
mod origin_host;
mod origin_lower_case;
mod origin_metadata;
mod origin_not_allowed;
mod origin_path;
mod origin_port;
mod origin_port_scheme;
mod origin_query;
mod origin_scheme;
mod origin_separator;
mod origin_special_name;
mod origin_syntax;
mod origin_trailing_dot;
mod origin_userinfo;
mod prefix_absolute;
mod prefix_characters;
mod prefix_dot_segment;
mod prefix_empty_segment;
mod prefix_fragment;
mod prefix_operation;
mod prefix_percent;
mod prefix_query;
mod prefix_url;
mod prefix_version_twice;
mod rewrite_path_absolute;
mod rewrite_path_characters;
mod rewrite_path_left_behind;
mod rewrite_path_length;
mod rewrite_path_mismatch;
mod rewrite_path_operation;
mod rewrite_path_segments;
mod rewrite_path_template;
mod rewrite_path_version;
mod secret_key;
mod secret_name;
mod url_fragment;
mod url_host;
mod url_http_on_443;
mod url_ip_canonical;
mod url_ip_special;
mod url_ip_typo;
mod url_laptop_name;
mod url_not_allowed;
mod url_operation;
mod url_path_typo;
mod url_port;
mod url_provider;
mod url_query;
mod url_scheme;
mod url_special_name;
mod url_syntax;
mod url_tls_port;
mod url_userinfo;
mod url_version;

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::ops::Range;

use super::Spec;
use super::endpoint_url::EndpointUrl;
use super::field::{Field, Value};
pub use super::policy::Severity;
use super::policy::{self, Policy};
use super::rewrite_path::{RewritePath, WrittenPath};
use super::url::range_of;

/// Every rule, by generation, in the order in which violations are reported.
pub static ALL: [&Rule; 60] = [
    &url_syntax::RULE,
    &url_scheme::RULE,
    &url_userinfo::RULE,
    &url_host::RULE,
    &url_ip_canonical::RULE,
    &url_ip_special::RULE,
    &url_ip_typo::RULE,
    &url_special_name::RULE,
    &url_laptop_name::RULE,
    &url_port::RULE,
    &url_tls_port::RULE,
    &url_http_on_443::RULE,
    &url_query::RULE,
    &url_fragment::RULE,
    &url_path_typo::RULE,
    &url_provider::RULE,
    &url_operation::RULE,
    &url_version::RULE,
    &url_not_allowed::RULE,
    &host_family_change::RULE,
    &rewrite_path_absolute::RULE,
    &rewrite_path_characters::RULE,
    &rewrite_path_segments::RULE,
    &rewrite_path_length::RULE,
    &rewrite_path_template::RULE,
    &rewrite_path_operation::RULE,
    &rewrite_path_version::RULE,
    &rewrite_path_left_behind::RULE,
    &rewrite_path_mismatch::RULE,
    &origin_syntax::RULE,
    &origin_separator::RULE,
    &origin_scheme::RULE,
    &origin_userinfo::RULE,
    &origin_host::RULE,
    &origin_lower_case::RULE,
    &origin_trailing_dot::RULE,
    &origin_address::RULE,
    &origin_metadata::RULE,
    &origin_special_name::RULE,
    &origin_port::RULE,
    &origin_port_scheme::RULE,
    &origin_path::RULE,
    &origin_query::RULE,
    &origin_fragment::RULE,
    &origin_not_allowed::RULE,
    &credential_in_plaintext::RULE,
    &prefix_absolute::RULE,
    &prefix_url::RULE,
    &prefix_query::RULE,
    &prefix_fragment::RULE,
    &prefix_characters::RULE,
    &prefix_percent::RULE,
    &prefix_dot_segment::RULE,
    &prefix_empty_segment::RULE,
    &prefix_operation::RULE,
    &prefix_version_twice::RULE,
    &model_characters::RULE,
    &secret_name::RULE,
    &secret_key::RULE,
    &cluster_label::RULE,
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
    /// What is wrong with this subject, for the person who wrote it; `None` if nothing is.
    pub check: for<'a> fn(&Subject<'a>) -> Option<Problem<'a>>,
    /// The same check for the API server, which evaluates it where no webhook answers.
    pub cel: Cel,
}

/// How the API server judges a rule: a ValidatingAdmissionPolicy is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cel {
    /// The first case that applies. None applies to an endpoint that keeps the rule.
    FirstOf(&'static [Case]),
    /// Made from the policy file.
    AllowLists,
    /// CEL can't tell, for this reason: where no webhook answers, nothing keeps the rule.
    Webhook(&'static str),
}

/// For [`Cel::Webhook`].
const NOT_YET: &str = "its expression is not written yet";

/// For [`Cel::Webhook`].
const ONLY_WARNS: &str = "it only warns, and what it looks at is more than one expression can say";

/// One way to break a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Case {
    /// A CEL expression of type bool over the variables of [`cel`](super::cel).
    pub when: &'static str,
    /// What is wrong and what to do instead. The field's name goes in front. It repeats nothing of the value,
    /// which could hold a secret.
    pub says: &'static str,
}

/// What a rule says of a subject that breaks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem<'a> {
    /// What is wrong with the value and why it can't work. The field's name goes in front.
    pub problem: Cow<'static, str>,
    /// What to do instead.
    pub remedy: Cow<'static, str>,
    /// The piece of the field's value to point at; `None` for all of it.
    pub part: Option<&'a str>,
    /// What was probably meant, where the rule knows that better than anyone. It is judged before it is told.
    pub meant: Option<String>,
}

/// A value to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    pub value: String,
    pub applicability: Applicability,
}

/// How sure it is that a suggestion is what was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applicability {
    /// The same, spelled rightly: slashes, white space around it, the canonical text of an address.
    Safe,
    /// A guess.
    Unsafe,
}

/// What the rules judge: an endpoint's fields as they would be stored.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The fields as they are written.
    pub spec: Spec<'a>,
    /// The fields that an update replaces.
    pub old: Option<Spec<'a>>,
    pub url: Value<EndpointUrl<'a>>,
    /// The empty string counts as absent: Modelplane treats it so.
    pub rewrite_path: Value<WrittenPath<'a>>,
    /// Whether it is known that the EndpointSlice does not follow the url that an update replaces anyway.
    pub is_slice_stuck: bool,
    pub origin: Value<EndpointUrl<'a>>,
    pub policy: &'a Policy,
    pub namespace: &'a str,
    /// Who writes the endpoint; `None` where nobody says.
    pub user: Option<&'a str>,
}

/// A broken rule.
#[derive(Debug, Clone)]
pub struct Violation {
    pub rule: &'static Rule,
    /// As the policy has it.
    pub severity: Severity,
    /// What is wrong with the value and why it can't work. The field's name goes in front.
    pub problem: Cow<'static, str>,
    /// What to do instead.
    pub remedy: Cow<'static, str>,
    /// The piece of the field's value to point at, in bytes; `None` where the value is no text.
    pub part: Option<Range<usize>>,
    /// The value that was probably meant.
    pub suggestion: Option<Suggestion>,
}

/// An endpoint that shows a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    pub spec: Spec<'static>,
    /// The url before the update, for a rule about updates.
    pub previous_url: Option<&'static str>,
    /// The one host pattern that a policy allows, for the rule about policies.
    pub allowed_host: Option<&'static str>,
    /// Who writes it, for a rule about that.
    pub user: Option<&'static str>,
}

/// Where the site has a page for each rule and mutation, at an address that stays.
pub const PAGES: &str = "https://modelplane.github.io/modelendpoint-webhook/rules";

/// The address of the page about a rule or a mutation.
#[must_use]
pub fn page(id: &str) -> String {
    format!("{PAGES}/{id}.html")
}

/// The rule with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    ALL.into_iter().find(|rule| rule.id == id)
}

/// Every rule that the policy leaves on and that the subject breaks. What is suggested is not judged yet.
#[must_use]
pub fn violations(subject: &Subject<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    let Some(generation) = subject.spec.generation() else { return violations };
    let policy = subject.policy.here(subject.namespace);
    for rule in ALL.into_iter().filter(|rule| rule.field.generation() == generation) {
        let Some(severity) = policy.severity(rule.id, rule.severity) else { continue };
        if let Some(Problem { problem, remedy, part, meant }) = (rule.check)(subject) {
            let part = subject
                .spec
                .value(rule.field)
                .text()
                .map(|text| part.and_then(|part| range_of(text, part)).unwrap_or(0..text.len()));
            let suggestion = meant.map(|value| Suggestion { value, applicability: Applicability::Unsafe });
            violations.push(Violation { rule, severity, problem, remedy, part, suggestion });
        }
    }
    violations
}

impl Problem<'_> {
    /// A problem of the whole value.
    fn new(problem: impl Into<Cow<'static, str>>, remedy: impl Into<Cow<'static, str>>) -> Self {
        Problem { problem: problem.into(), remedy: remedy.into(), part: None, meant: None }
    }

    /// The same problem, and the value that was probably meant.
    fn meaning(self, value: Option<String>) -> Self {
        Problem { meant: value, ..self }
    }

    /// The same problem of a piece of the value.
    fn at(self, part: &str) -> Problem<'_> {
        Problem { problem: self.problem, remedy: self.remedy, part: Some(part), meant: self.meant }
    }
}

impl<'a> Subject<'a> {
    /// An endpoint with a url, stored in the place of one with `previous_url`.
    #[must_use]
    pub fn new(url: Value<&'a str>, rewrite_path: Value<&'a str>, previous_url: Option<&'a str>) -> Self {
        let old = previous_url.map(|url| Spec::of_url(Value::Text(url), Value::Absent));
        Subject::of(Spec::of_url(url, rewrite_path), old, (&policy::NONE, ""))
    }

    /// An endpoint of this namespace, stored in the place of `old`.
    #[must_use]
    pub fn of(spec: Spec<'a>, old: Option<Spec<'a>>, (policy, namespace): (&'a Policy, &'a str)) -> Self {
        let rewrite_path = match spec.rewrite_path {
            Value::Text("") => Value::Absent,
            other => other,
        };
        Subject {
            spec,
            old,
            url: spec.url.map(EndpointUrl::read),
            rewrite_path: rewrite_path.map(WrittenPath::read),
            is_slice_stuck: false,
            origin: spec.origin.map(EndpointUrl::read),
            policy,
            namespace,
            user: None,
        }
    }

    /// The same with another value in a field.
    #[must_use]
    pub(in crate::endpoint) fn with(&self, field: Field, value: &'a str) -> Self {
        let subject = Subject::of(self.spec.with(field, value), self.old, (self.policy, self.namespace));
        Subject { is_slice_stuck: self.is_slice_stuck, user: self.user, ..subject }
    }

    /// The rewritePath that the url gives by default.
    #[must_use]
    pub(in crate::endpoint) fn default_path(&self) -> Option<RewritePath<'a>> {
        self.url.text().and_then(|url| RewritePath::derive(&url.parts))
    }

    /// Whether the rewritePath says the same as the url, so that the url's rules say all there is to say.
    #[must_use]
    pub(in crate::endpoint) fn has_default_path(&self) -> bool {
        let path = self.rewrite_path.text().map(|path| path.text.trim_end_matches('/'));
        let default = self.default_path();
        path.is_some() && path == default.as_ref().map(|default| default.as_str().trim_end_matches('/'))
    }

    /// The same endpoint, written by this user.
    #[must_use]
    pub fn by(self, user: Option<&'a str>) -> Self {
        Subject { user, ..self }
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.remedy)?;
        match &self.suggestion {
            Some(Suggestion { value, .. }) => write!(f, "; did you mean `{value}`?"),
            None => Ok(()),
        }
    }
}

impl Example {
    #[must_use]
    pub const fn url(url: &'static str) -> Self {
        Example::of(Spec::of_url(Value::Text(url), Value::Absent))
    }

    #[must_use]
    pub const fn rewrite_path(url: &'static str, rewrite_path: &'static str) -> Self {
        Example::of(Spec::of_url(Value::Text(url), Value::Text(rewrite_path)))
    }

    #[must_use]
    pub const fn update(previous_url: &'static str, url: &'static str) -> Self {
        Example { previous_url: Some(previous_url), ..Example::url(url) }
    }

    /// An update of the url that leaves this rewritePath as it is.
    #[must_use]
    pub(crate) const fn update_of(
        previous_url: &'static str,
        url: &'static str,
        rewrite_path: &'static str,
    ) -> Self {
        Example { previous_url: Some(previous_url), ..Example::rewrite_path(url, rewrite_path) }
    }

    #[must_use]
    pub const fn origin(origin: &'static str) -> Self {
        Example::of(Spec { origin: Value::Text(origin), ..Spec::EMPTY })
    }

    #[must_use]
    pub const fn prefix(prefix: &'static str) -> Self {
        let Example { spec, .. } = Example::origin("https://api.example.com");
        Example::of(Spec { prefix: Value::Text(prefix), ..spec })
    }

    #[must_use]
    pub const fn model(model: &'static str) -> Self {
        let Example { spec, .. } = Example::origin("https://api.example.com");
        Example::of(Spec { model: Value::Text(model), ..spec })
    }

    #[must_use]
    const fn of(spec: Spec<'static>) -> Self {
        Example { spec, previous_url: None, allowed_host: None, user: None }
    }

    #[must_use]
    pub(crate) const fn under_policy(self, allowed_host: &'static str) -> Self {
        Example { allowed_host: Some(allowed_host), ..self }
    }

    /// The same with an API key from this Secret.
    #[must_use]
    pub(crate) const fn with_secret(self, name: &'static str, key: &'static str) -> Self {
        let (secret_name, secret_key) = (Value::Text(name), Value::Text(key));
        let spec = Spec { credential: Value::NotText, secret_name, secret_key, ..self.spec };
        Example { spec, ..self }
    }

    /// The same with the label of a cluster, written by this user.
    #[must_use]
    pub(crate) const fn labelled_by(self, cluster: &'static str, user: &'static str) -> Self {
        let spec = Spec { cluster: Value::Text(cluster), ..self.spec };
        Example { spec, user: Some(user), ..self }
    }
}
