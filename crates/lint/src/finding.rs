//! What there is to say about a manifest.

use std::borrow::Cow;
use std::ops::Range;

use modelendpoint_core::endpoint::Field;
use modelendpoint_core::endpoint::rules::Suggestion;
use modelendpoint_yaml::Broken;

/// One thing to say, at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A rule, a mutation, or one of [`OTHERS`].
    pub id: &'static str,
    pub level: Level,
    pub field: Option<Field>,
    /// The endpoint that it is about.
    pub endpoint: Option<Name>,
    /// What is wrong and why, without the field's name in front.
    pub problem: Cow<'static, str>,
    /// What to do instead.
    pub remedy: Option<Cow<'static, str>>,
    /// The value that was probably meant.
    pub suggestion: Option<Suggestion>,
    /// Where, in bytes of the source.
    pub at: Range<usize>,
    /// As much around it as a person needs to see, and may.
    pub context: Option<Range<usize>>,
}

/// What the webhook would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Store another value, in silence.
    Change,
    /// Let it pass with a warning.
    Warn,
    /// Refuse it; or nothing could be sent at all.
    Deny,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub namespace: String,
    pub name: String,
}

/// A document that can't be read.
pub(crate) const BROKEN: &str = "broken-manifest";
/// A field that is there twice.
pub(crate) const TWICE: &str = "duplicate-field";
/// A YAML tag that can change what kubectl reads.
pub(crate) const TAGGED: &str = "yaml-tag";
/// An endpoint without `spec`, or one that leads nowhere.
pub const MISSING: &str = "missing-url";
/// A field that the resource does not have.
pub const UNKNOWN_FIELD: &str = "unknown-field";
/// A ModelEndpoint of a version that the webhook does not know.
pub const VERSION: &str = "unknown-version";

/// An endpoint of the other generation than the cluster's.
pub const GENERATION: &str = "other-generation";
/// What a migration leaves to a person.
pub const MIGRATION: &str = "migration";

/// The findings that are neither a rule's nor a mutation's, with what they mean.
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
    /// A finding about no field, at the beginning of the source.
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

    /// What to do, with the value that was probably meant.
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

    /// All of it on one line.
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
