//! What there is to say about a manifest.

use std::ops::Range;

use modelendpoint_core::endpoint::Field;

/// One thing to say, at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A rule, a mutation, or one of [`BROKEN`], [`TWICE`] and [`VERSION`].
    pub id: &'static str,
    pub level: Level,
    pub field: Option<Field>,
    /// The endpoint that it is about.
    pub endpoint: Option<Name>,
    /// What is wrong and why, without the field's name in front.
    pub message: String,
    /// What to write instead.
    pub instead: String,
    /// The value that was probably meant.
    pub meant: Option<String>,
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
pub const BROKEN: &str = "broken-manifest";
/// A field that is there twice.
pub const TWICE: &str = "duplicate-field";
/// A ModelEndpoint of a version that the webhook does not know.
pub const VERSION: &str = "unknown-version";

/// The findings that are neither a rule's nor a mutation's, with what they mean.
pub const OTHERS: [(&str, &str); 3] = [
    (BROKEN, "The manifest is no YAML or JSON, so nothing of it reaches the cluster."),
    (TWICE, "A field of a ModelEndpoint is there twice; which one counts depends on who reads it."),
    (VERSION, "A ModelEndpoint of a version that the webhook does not know, and refuses."),
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
    /// The field and what is wrong with it.
    #[must_use]
    pub fn title(&self) -> String {
        match self.field {
            Some(field) => format!("{} {}", field.path(), self.message),
            None => self.message.clone(),
        }
    }

    /// What to do, with the value that was probably meant.
    #[must_use]
    pub fn advice(&self) -> String {
        match (&self.meant, self.instead.as_str()) {
            (None, instead) => instead.to_owned(),
            (Some(meant), "") => format!("did you mean `{meant}`?"),
            (Some(meant), instead) => format!("{instead}; did you mean `{meant}`?"),
        }
    }

    /// All of it on one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        let (title, advice) = (self.title(), self.advice());
        if advice.is_empty() { title } else { format!("{title}; {advice}") }
    }
}
