//! Why a JSON text can't be read. The messages repeat nothing of the text, except for the names of members that are
//! read.

use std::fmt::{self, Display};

/// What is wrong, and the number of bytes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    pub fault: SyntaxError,
    pub at: usize,
}

/// What is wrong with a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyntaxError {
    /// The text ends before the value does.
    Cut,
    /// The text ends within a string.
    CutString,
    NoName,
    NoColon,
    NoComma,
    /// A comma after the last member.
    LoneComma,
    NoValue,
    /// A control character, or an invalid escape.
    BrokenString,
    NotUtf8,
    TextBehind,
    /// A member that is read appears a second time.
    Twice(&'static str),
    /// A value of another type than this one.
    Not(&'static str),
    /// A required member.
    Missing(&'static str),
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.fault, self.at)
    }
}

impl std::error::Error for Error {}

impl Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SyntaxError::Cut => "it is cut off,",
            SyntaxError::CutString => "it is cut off within a string,",
            SyntaxError::NoName => "a name in quotes is missing",
            SyntaxError::NoColon => "a colon is missing",
            SyntaxError::NoComma => "a comma is missing",
            SyntaxError::LoneComma => "a trailing comma",
            SyntaxError::NoValue => "something that is not a JSON value",
            SyntaxError::BrokenString => "a string with a control character or a broken escape in it",
            SyntaxError::NotUtf8 => "text that is not UTF-8",
            SyntaxError::TextBehind => "more text after the end",
            SyntaxError::Twice(name) => return write!(f, "`{name}` appears twice, the second time"),
            SyntaxError::Not(what) => return write!(f, "a value is not {what}"),
            SyntaxError::Missing(name) => return write!(f, "{name} is missing or empty,"),
        })
    }
}
