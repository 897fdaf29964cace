//! Why a JSON text can't be read, in words that repeat nothing of it but the names that are asked for.

use std::fmt::{self, Display};

/// A fault, and how many bytes stand before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    pub fault: Fault,
    pub at: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The text ends before the value does.
    Cut,
    /// The same, between a string's quotes.
    CutString,
    NoName,
    NoColon,
    NoComma,
    /// A comma behind the last member.
    LoneComma,
    NoValue,
    /// A control character, or what begins as an escape and is none.
    BrokenString,
    NotUtf8,
    TextBehind,
    /// A member that is read stands there a second time.
    Twice(&'static str),
    /// A value of another type than this one.
    Not(&'static str),
    /// A member that there has to be.
    Missing(&'static str),
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.fault, self.at)
    }
}

impl std::error::Error for Error {}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Cut => "it is cut off,",
            Fault::CutString => "it is cut off within a string,",
            Fault::NoName => "a name in quotes is missing",
            Fault::NoColon => "a colon is missing",
            Fault::NoComma => "a comma is missing",
            Fault::LoneComma => "a comma with nothing behind it",
            Fault::NoValue => "something that is no JSON value",
            Fault::BrokenString => "a string with a control character or a broken escape in it",
            Fault::NotUtf8 => "text that is not UTF-8",
            Fault::TextBehind => "more text behind the end",
            Fault::Twice(name) => return write!(f, "`{name}` stands there twice, the second time"),
            Fault::Not(what) => return write!(f, "a value is not {what}"),
            Fault::Missing(name) => return write!(f, "{name} is missing or empty,"),
        })
    }
}
