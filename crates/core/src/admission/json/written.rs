//! A string as it is written flows in; its text flows out, once somebody asks for it.

use std::borrow::Cow;

use super::Fault;

/// What stands between two quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written<'a> {
    /// Text that stands for itself, if it is UTF-8.
    Plain(&'a [u8]),
    /// Text with escapes in it, or with what can't be in a string.
    Escaped(&'a [u8]),
}

impl<'a> Written<'a> {
    /// The text, decoded.
    ///
    /// # Errors
    /// Where it is not UTF-8, and where it could not be in a string.
    #[inline]
    pub fn text(self) -> Result<Cow<'a, str>, Fault> {
        let utf8 = |text| str::from_utf8(text).map_err(|_| Fault::NotUtf8);
        match self {
            Written::Plain(text) => utf8(text).map(Cow::Borrowed),
            Written::Escaped(text) => decode(utf8(text)?).map(Cow::Owned),
        }
    }

    /// The text for a message: as it is written, where it can't be decoded.
    #[must_use]
    pub fn lossy(self) -> Cow<'a, str> {
        let (Written::Plain(written) | Written::Escaped(written)) = self;
        self.text().unwrap_or_else(|_| String::from_utf8_lossy(written))
    }
}

impl Default for Written<'_> {
    fn default() -> Self {
        Written::Plain(b"")
    }
}

impl PartialEq<str> for Written<'_> {
    #[inline]
    fn eq(&self, text: &str) -> bool {
        match self {
            Written::Plain(plain) => *plain == text.as_bytes(),
            Written::Escaped(_) => self.text().is_ok_and(|decoded| decoded == text),
        }
    }
}

#[cold]
fn decode(written: &str) -> Result<String, Fault> {
    serde_json::from_str(&format!("\"{written}\"")).map_err(|_| Fault::BrokenString)
}
