//! A finding about a manifest.

use std::borrow::Cow;
use std::ops::Range;

use modelendpoint_core::endpoint::Field;
use modelendpoint_core::endpoint::rules::Suggestion;
use modelendpoint_yaml::Broken;

/// One finding at one position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A rule, a mutation, or one of [`OTHERS`].
    pub id: &'static str,
    pub level: Level,
    pub field: Option<Field>,
    /// The endpoint concerned.
    pub endpoint: Option<Name>,
    /// What is wrong and why, without the name of the field.
    pub problem: Cow<'static, str>,
    /// What to do instead.
    pub remedy: Option<Cow<'static, str>>,
    /// The value that was probably meant.
    pub suggestion: Option<Suggestion>,
    /// The position, in bytes of the source.
    pub at: Range<usize>,
    /// The surrounding text that a person needs to see, and may see.
    pub context: Option<Range<usize>>,
}

/// What the webhook would do with the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Store another value, without a warning.
    Change,
    /// Admit it with a warning.
    Warn,
    /// Refuse it. Also if it could not be sent at all.
    Deny,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub namespace: String,
    pub name: String,
}

/// A document that can't be read.
pub(crate) const BROKEN: &str = "broken-manifest";
/// A field that appears twice.
pub(crate) const TWICE: &str = "duplicate-field";
/// A YAML tag that can change what kubectl reads.
pub(crate) const TAGGED: &str = "yaml-tag";
/// An endpoint without `spec`, `url` or `origin`.
pub const MISSING: &str = "missing-url";
/// A field that the resource does not have.
pub const UNKNOWN_FIELD: &str = "unknown-field";
/// A ModelEndpoint of a version that the webhook does not know.
pub const VERSION: &str = "unknown-version";

/// An endpoint of another generation than the cluster's.
pub const GENERATION: &str = "other-generation";
/// What a person has to do in a migration.
pub const MIGRATION: &str = "migration";

/// The findings that belong to no rule or mutation, with their meaning.
pub const OTHERS: [(&str, &str); 8] = [
    (BROKEN, "The manifest is not valid YAML or JSON, so nothing in it reaches the cluster."),
    (TWICE, "A field of a ModelEndpoint appears twice; which one counts depends on the parser."),
    (
        TAGGED,
        "A YAML tag in a ModelEndpoint: kubectl decodes the value, so it sends something other than what is \
         written.",
    ),
    (MISSING, "A ModelEndpoint without a `url`, which the resource's schema requires."),
    (UNKNOWN_FIELD, "A field that the resource does not have; kubectl refuses it."),
    (VERSION, "A ModelEndpoint of a version that the webhook does not know, and refuses."),
    (
        GENERATION,
        "A ModelEndpoint with the fields of another Modelplane than the cluster's, which drops them.",
    ),
    (MIGRATION, "What is left to do for an endpoint that moves to Modelplane 0.5."),
];

impl Level {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Level::Change => "change",
            Level::Warn => "warn",
            Level::Deny => "deny",
        }
    }
}

impl Finding {
    /// A finding about no particular field, at the beginning of the source.
    #[must_use]
    pub fn new(id: &'static str, level: Level, problem: impl Into<Cow<'static, str>>) -> Self {
        Finding {
            id,
            level,
            field: None,
            endpoint: None,
            problem: problem.into(),
            remedy: None,
            suggestion: None,
            at: 0..0,
            context: None,
        }
    }

    /// The same, with what to do instead.
    #[must_use]
    pub(crate) fn with_remedy(mut self, remedy: impl Into<Cow<'static, str>>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The field and what is wrong with it.
    #[must_use]
    pub fn title(&self) -> String {
        match self.field {
            Some(field) => format!("{} {}", field.path(), self.problem),
            None => self.problem.clone().into_owned(),
        }
    }

    /// What to do, with the suggestion.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let is_said = |meant: &&Suggestion| self.remedy.as_ref().is_some_and(|remedy| meant.is_in(remedy));
        let suggestion = self.suggestion.as_ref().filter(|meant| !is_said(meant));
        let suggestion = suggestion.map(|meant| format!("did you mean `{}`?", meant.value));
        match (&self.remedy, suggestion) {
            (None, suggestion) => suggestion,
            (Some(remedy), None) => Some(remedy.clone().into_owned()),
            (Some(remedy), Some(suggestion)) => Some(format!("{remedy}; {suggestion}")),
        }
    }

    /// The whole finding on one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self.advice() {
            None => self.title(),
            Some(advice) => format!("{}; {advice}", self.title()),
        }
    }
}

impl From<Broken> for Finding {
    fn from(broken: Broken) -> Self {
        let problem = format!("the document can't be read: {}", broken.why);
        Finding { at: broken.at..broken.at, ..Finding::new(BROKEN, Level::Deny, problem) }
    }
}
