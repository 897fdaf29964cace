//! The rule catalogue: a [`Subject`] flows in, [`Violation`]s flow out.
//!
//! What was probably meant is not the rules' business: [`judge`](super::judge) adds that.
//!
//! A rule is one file and one line in [`ALL`]. Messages, docs/rules.md, metric labels, the `rules`
//! command and the tests walk that list; a rule's examples are tests.

mod allow_lists;
mod example;
mod host_faults;
mod origin;
mod subject;
mod url;

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::ops::Range;

pub use self::example::{Allowed, Example};
pub(in crate::endpoint) use self::origin::PREFIX_OPERATIONS;
pub use self::subject::Subject;
use super::field::Field;
pub use super::policy::Severity;
use super::url::range_of;

/// Every rule, by generation, in the order in which violations are reported.
pub static ALL: [&Rule; 67] = [
    &url::url_syntax::RULE,
    &url::url_scheme::RULE,
    &url::url_userinfo::RULE,
    &url::url_host::RULE,
    &url::url_ip_canonical::RULE,
    &url::url_ip_special::RULE,
    &url::url_ip_typo::RULE,
    &url::url_special_name::RULE,
    &url::url_laptop_name::RULE,
    &url::url_port::RULE,
    &url::url_tls_port::RULE,
    &url::url_http_on_443::RULE,
    &url::url_query::RULE,
    &url::url_fragment::RULE,
    &url::url_path_typo::RULE,
    &url::url_provider::RULE,
    &url::url_operation::RULE,
    &url::url_version::RULE,
    &url::url_not_allowed::RULE,
    &url::host_family_change::RULE,
    &url::rewrite_path_absolute::RULE,
    &url::rewrite_path_characters::RULE,
    &url::rewrite_path_segments::RULE,
    &url::rewrite_path_length::RULE,
    &url::rewrite_path_template::RULE,
    &url::rewrite_path_operation::RULE,
    &url::rewrite_path_version::RULE,
    &url::rewrite_path_left_behind::RULE,
    &url::rewrite_path_mismatch::RULE,
    &origin::origin_syntax::RULE,
    &origin::origin_separator::RULE,
    &origin::origin_scheme::RULE,
    &origin::origin_userinfo::RULE,
    &origin::origin_host::RULE,
    &origin::origin_lower_case::RULE,
    &origin::origin_trailing_dot::RULE,
    &origin::origin_address::RULE,
    &origin::origin_metadata::RULE,
    &origin::origin_special_name::RULE,
    &origin::origin_port::RULE,
    &origin::origin_port_scheme::RULE,
    &origin::origin_path::RULE,
    &origin::origin_query::RULE,
    &origin::origin_fragment::RULE,
    &origin::origin_not_allowed::RULE,
    &origin::schema_not_allowed::RULE,
    &origin::credential_required::RULE,
    &origin::provider_api::RULE,
    &origin::credential_in_plaintext::RULE,
    &origin::schema_name::RULE,
    &origin::provider_schema::RULE,
    &origin::prefix_absolute::RULE,
    &origin::prefix_url::RULE,
    &origin::prefix_query::RULE,
    &origin::prefix_fragment::RULE,
    &origin::prefix_characters::RULE,
    &origin::prefix_percent::RULE,
    &origin::prefix_dot_segment::RULE,
    &origin::prefix_empty_segment::RULE,
    &origin::prefix_operation::RULE,
    &origin::prefix_version_twice::RULE,
    &origin::provider_prefix::RULE,
    &origin::model_characters::RULE,
    &origin::provider_credential::RULE,
    &origin::secret_name::RULE,
    &origin::secret_key::RULE,
    &origin::cluster_label::RULE,
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
    /// The only case, for a policy with allow lists.
    IfLists(Case),
    /// CEL can't tell, for this reason: where no webhook answers, nothing keeps the rule.
    Webhook(&'static str),
}

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
    for rule in ALL.into_iter().filter(|rule| rule.field.generation() == generation) {
        let Some(severity) = subject.here.severity(rule.id, rule.severity) else { continue };
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

impl Suggestion {
    /// Whether a remedy says to write this value, so that it need not be said again.
    #[must_use]
    pub fn is_in(&self, remedy: &str) -> bool {
        remedy.strip_prefix("write `").and_then(|rest| rest.strip_suffix('`')) == Some(&self.value)
    }
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

impl Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.problem, self.remedy)?;
        match &self.suggestion {
            Some(suggestion) if !suggestion.is_in(&self.remedy) => {
                write!(f, "; did you mean `{}`?", suggestion.value)
            }
            _ => Ok(()),
        }
    }
}
