//! JSON text flows in; the few values that somebody asks for flow out.
//!
//! A reader for who wants a thousandth of the text. A type that implements [`Read`] says which members of
//! an object it wants; the others are passed over ([`Reader::skip`]), an object or a list 64 bytes at a time
//! (`brackets.rs`): its strings and the nesting of its brackets are followed, and nothing else in it is
//! looked at. Everything that is read, and everything around it, is held to RFC 8259; `serde_json` decodes
//! what is more than plain text.

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

/// Reads one value, with nothing but white space around it. Text is borrowed wherever that is possible.
///
/// # Errors
/// Where the text is no JSON, as far as it was looked at, or does not have the shape of `T`.
pub fn from_slice<'a, T: Read<'a> + Default>(json: &'a [u8]) -> Result<T, Error> {
    let mut reader = Reader::of(json);
    let mut value = T::default();
    match value.read(&mut reader).and_then(|()| reader.end()) {
        Ok(()) => Ok(value),
        Err(_) => Err(reader.error()),
    }
}
