//! JSON text flows in; the few values that the caller needs flow out.
//!
//! This reader is for callers that need only a small part of the text. A type that implements [`Read`] names the
//! members of an object that it needs. The reader skips the others ([`Reader::skip`]), objects and lists 64 bytes at
//! a time (`brackets.rs`): it follows their strings and the nesting of their brackets, and ignores the rest.
//! Everything that is read, and everything around it, must conform to RFC 8259. `serde_json` decodes escapes and
//! numbers.

mod brackets;
mod error;
mod raw_text;
mod read;
mod reader;
mod strings;

pub use error::{Error, SyntaxError};
pub use raw_text::RawText;
pub use read::{Lenient, Raw, Read};
pub use reader::{Parsed, Reader, Stop};

/// Reads one value, with only white space around it. Text is borrowed if possible.
///
/// # Errors
/// If the part of the text that is read is not valid JSON, or does not have the shape of `T`.
pub fn from_slice<'a, T: Read<'a> + Default>(json: &'a [u8]) -> Result<T, Error> {
    let mut reader = Reader::of(json);
    let mut value = T::default();
    match value.read(&mut reader).and_then(|()| reader.end()) {
        Ok(()) => Ok(value),
        Err(_) => Err(reader.error()),
    }
}
