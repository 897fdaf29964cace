//! A string as it is written flows in; its text flows out, if it is needed.

use std::borrow::Cow;

use super::SyntaxError;

/// The bytes between two quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawText<'a> {
    /// Text without escapes, if it is UTF-8.
    Plain(&'a [u8]),
    /// Text with escapes, or with bytes that can't be in a string.
    Escaped(&'a [u8]),
}

impl<'a> RawText<'a> {
    /// The text, decoded.
    ///
    /// # Errors
    /// If it is not UTF-8, or can't be in a string.
    #[inline]
    pub fn text(self) -> Result<Cow<'a, str>, SyntaxError> {
        let utf8 = |text| str::from_utf8(text).map_err(|_| SyntaxError::NotUtf8);
        match self {
            RawText::Plain(text) => utf8(text).map(Cow::Borrowed),
            RawText::Escaped(text) => decode(utf8(text)?).map(Cow::Owned),
        }
    }

    /// Whether the text contains this word of letters. A word that is written with escapes is not found.
    #[must_use]
    pub fn mentions(self, word: &str) -> bool {
        let (RawText::Plain(written) | RawText::Escaped(written)) = self;
        str::from_utf8(written).is_ok_and(|written| written.contains(word))
    }

    /// The text for a message. If it can't be decoded, as it is written.
    #[must_use]
    pub fn lossy(self) -> Cow<'a, str> {
        let (RawText::Plain(written) | RawText::Escaped(written)) = self;
        self.text().unwrap_or_else(|_| String::from_utf8_lossy(written))
    }
}

impl Default for RawText<'_> {
    fn default() -> Self {
        RawText::Plain(b"")
    }
}

impl PartialEq<str> for RawText<'_> {
    #[inline]
    fn eq(&self, text: &str) -> bool {
        match self {
            RawText::Plain(plain) => *plain == text.as_bytes(),
            RawText::Escaped(_) => self.text().is_ok_and(|decoded| decoded == text),
        }
    }
}

#[cold]
fn decode(written: &str) -> Result<String, SyntaxError> {
    serde_json::from_str(&format!("\"{written}\"")).map_err(|_| SyntaxError::BrokenString)
}
