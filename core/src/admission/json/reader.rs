//! A place in a JSON text, and the steps that can be made from it.

use std::borrow::Cow;

use serde::de::{Deserialize, Error as _, IgnoredAny};

use super::{Error, brackets, strings};

#[derive(Debug)]
pub struct Reader<'a> {
    json: &'a [u8],
    /// The same, where all of it is ASCII, as nearly every review is: no string in it has to be checked.
    ascii: Option<&'a str>,
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn of(json: &'a [u8]) -> Self {
        let ascii = Some(json).filter(|json| json.is_ascii()).and_then(|json| str::from_utf8(json).ok());
        Reader { json, ascii, at: 0 }
    }

    /// How many bytes lie behind.
    pub fn place(&self) -> usize {
        self.at
    }

    /// The next byte that is no white space.
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.json.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Steps behind the bracket that was peeked at.
    pub fn enter(&mut self) {
        self.at += 1;
    }

    /// Goes to the next item of what `close` closes; `false` behind that bracket.
    pub fn next_item(&mut self, close: u8, is_first: bool) -> Result<bool, Error> {
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(_) if is_first => Ok(true),
            Some(b',') => {
                self.at += 1;
                match self.peek() {
                    Some(byte) if byte == close => Err(Error::custom("a comma with nothing behind it")),
                    _ => Ok(true),
                }
            }
            Some(_) => Err(Error::custom("a comma is missing")),
            None => Err(cut()),
        }
    }

    /// A member's name, with the colon behind it.
    pub fn key(&mut self) -> Result<Cow<'a, str>, Error> {
        if self.peek() != Some(b'"') {
            return Err(Error::custom("a name in quotes is missing"));
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(Error::custom("a colon is missing"));
        }
        self.at += 1;
        Ok(key)
    }

    /// The string whose opening quote was peeked at.
    pub fn string(&mut self) -> Result<Cow<'a, str>, Error> {
        let start = self.at;
        let is_plain = self.skip_string()?;
        let within = start + 1..self.at - 1;
        let text = match self.ascii {
            Some(ascii) => &ascii[within],
            None => {
                str::from_utf8(&self.json[within]).map_err(|_| Error::custom("text that is not UTF-8"))?
            }
        };
        if is_plain {
            return Ok(Cow::Borrowed(text));
        }
        // escapes, or what should have been one
        serde_json::from_slice(&self.json[start..self.at])
            .map(Cow::Owned)
            .map_err(|_| Error::custom("a string with a control character or a broken escape in it"))
    }

    /// Whether there was nothing but plain text between the quotes.
    fn skip_string(&mut self) -> Result<bool, Error> {
        let mut is_plain = true;
        self.at += 1;
        loop {
            self.at += strings::plain_length(&self.json[self.at..]);
            match self.json.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(is_plain);
                }
                Some(b'\\') if self.at + 1 < self.json.len() => self.at += 2,
                Some(byte) if *byte != b'\\' => self.at += 1,
                _ => return Err(Error::custom("it is cut off within a string,")),
            }
            is_plain = false;
        }
    }

    /// A number, `true`, `false` or `null`.
    pub fn scalar<T: Deserialize<'a>>(&mut self) -> Result<T, Error> {
        if self.peek().is_none() {
            return Err(cut());
        }
        let rest = &self.json[self.at..];
        let length = rest.iter().position(|byte| !is_of_scalar(*byte)).unwrap_or(rest.len());
        let scalar = serde_json::from_slice(&rest[..length])
            .map_err(|_| Error::custom("something that is no JSON value"))?;
        self.at += length;
        Ok(scalar)
    }

    /// The next value, whatever it is, as it is written.
    pub fn skip(&mut self) -> Result<&'a [u8], Error> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'{' | b'[') => {
                let length = brackets::length(&self.json[start..]);
                self.at = length.map_or(self.json.len(), |length| start + length);
                length.ok_or_else(cut)?;
            }
            Some(b'"') => {
                self.skip_string()?;
            }
            _ => {
                self.scalar::<IgnoredAny>()?;
            }
        }
        Ok(&self.json[start..self.at])
    }

    /// Nothing but white space is left.
    pub fn end(&mut self) -> Result<(), Error> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(Error::custom("more text behind the end")),
        }
    }
}

fn cut() -> Error {
    Error::custom("it is cut off,")
}

fn is_of_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}
