//! A position in a JSON text, and the steps from there.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::{Error, RawText, Read, SyntaxError, brackets, strings};

/// Each step reads the next value, which begins at the next byte that is not white space.
#[derive(Debug)]
pub struct Reader<'a> {
    json: &'a [u8],
    at: usize,
    /// Why there was a [`Stop`].
    fault: SyntaxError,
}

/// A fault was found. The reader stores which one, so that the result of every step is as small as possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop(());

pub type Parsed<T = ()> = Result<T, Stop>;

impl<'a> Reader<'a> {
    #[must_use]
    pub fn of(json: &'a [u8]) -> Self {
        Reader { json, at: 0, fault: SyntaxError::Cut }
    }

    /// What made the reader stop, and where.
    #[must_use]
    pub fn error(&self) -> Error {
        Error { fault: self.fault, at: self.at }
    }

    /// Stops here.
    ///
    /// # Errors
    /// Always.
    #[cold]
    pub fn stop<T>(&mut self, fault: SyntaxError) -> Parsed<T> {
        self.fault = fault;
        Err(Stop(()))
    }

    /// The next byte that is not white space.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.json.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Reads the members of an object with these names, and skips the others.
    ///
    /// # Errors
    /// If the next value is not an object, or has one of these members twice.
    #[inline]
    pub fn fields<const N: usize>(&mut self, mut fields: [(&'static str, &mut dyn Read<'a>); N]) -> Parsed {
        let mut seen = [false; N];
        let mut is_open = self.open(b'{', b'}', "an object")?;
        while is_open {
            let name = self.name()?;
            match fields.iter().position(|(field, _)| name == **field) {
                None => self.skip()?,
                Some(place) => {
                    let (field, value) = &mut fields[place];
                    if std::mem::replace(&mut seen[place], true) {
                        return self.stop(SyntaxError::Twice(field));
                    }
                    value.read(self)?;
                }
            }
            is_open = self.goes_on(b'}')?;
        }
        Ok(())
    }

    /// Passes the name of each member to `read`, which must read the value.
    ///
    /// # Errors
    /// If the next value is not an object.
    pub fn members(&mut self, mut read: impl FnMut(RawText<'a>, &mut Self) -> Parsed) -> Parsed {
        let mut is_open = self.open(b'{', b'}', "an object")?;
        while is_open {
            let name = self.name()?;
            read(name, self)?;
            is_open = self.goes_on(b'}')?;
        }
        Ok(())
    }

    /// Lets `read` read each item of a list.
    ///
    /// # Errors
    /// If the next value is not a list.
    pub fn items(&mut self, mut read: impl FnMut(&mut Self) -> Parsed) -> Parsed {
        let mut is_open = self.open(b'[', b']', "a list")?;
        while is_open {
            read(self)?;
            is_open = self.goes_on(b']')?;
        }
        Ok(())
    }

    /// A string, decoded.
    ///
    /// # Errors
    /// If the next value is not a string, or is not UTF-8.
    pub fn text(&mut self) -> Parsed<Cow<'a, str>> {
        self.written()?.text().or_else(|fault| self.stop(fault))
    }

    /// A string as it is written.
    ///
    /// # Errors
    /// If the next value is not a string.
    #[inline]
    pub fn written(&mut self) -> Parsed<RawText<'a>> {
        if self.takes(b'"') { self.quoted() } else { self.stop_at_another("a string") }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// If the next value is neither.
    pub fn boolean(&mut self) -> Parsed<bool> {
        let first = self.peek();
        if !matches!(first, Some(b't' | b'f')) {
            return self.stop_at_another("true or false");
        }
        self.scalar().map(|()| first == Some(b't'))
    }

    /// The next value, whatever it is, as it is written.
    ///
    /// # Errors
    /// If the part of it that is read is not valid JSON.
    pub fn raw(&mut self) -> Parsed<&'a [u8]> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(&self.json[start..self.at])
    }

    /// Skips the next value, whatever it is.
    ///
    /// # Errors
    /// If the part of it that is read is not valid JSON.
    pub fn skip(&mut self) -> Parsed {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.quoted().map(|_| ())
            }
            Some(b'{' | b'[') => {
                let rest = &self.json[self.at..];
                let length = brackets::length(rest);
                self.at += length.unwrap_or(rest.len());
                if length.is_some() { Ok(()) } else { self.stop(SyntaxError::Cut) }
            }
            _ => self.scalar(),
        }
    }

    /// # Errors
    /// If more than white space is left.
    pub fn end(&mut self) -> Parsed {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.stop(SyntaxError::TextBehind),
        }
    }

    /// Steps over an opening bracket. If the closing one follows, steps over that too, and returns `false`.
    #[inline]
    fn open(&mut self, open: u8, close: u8, what: &'static str) -> Parsed<bool> {
        if self.takes(open) { Ok(!self.takes(close)) } else { self.stop_at_another(what) }
    }

    /// Steps over the comma before another item. If the closing bracket follows instead, steps over that, and returns
    /// `false`.
    #[inline]
    fn goes_on(&mut self, close: u8) -> Parsed<bool> {
        if self.takes(b',') {
            Ok(true)
        } else if self.takes(close) {
            Ok(false)
        } else {
            self.stop_unless_cut(SyntaxError::NoComma)
        }
    }

    /// A member's name, and the colon after it.
    #[expect(
        clippy::inline_always,
        reason = "each member passes here, and a call costs it 24 instructions more"
    )]
    #[inline(always)]
    fn name(&mut self) -> Parsed<RawText<'a>> {
        if !self.takes(b'"') {
            let is_lone_comma = self.peek() == Some(b'}');
            return self.stop_unless_cut(if is_lone_comma {
                SyntaxError::LoneComma
            } else {
                SyntaxError::NoName
            });
        }
        let name = self.quoted()?;
        if self.takes(b':') { Ok(name) } else { self.stop_unless_cut(SyntaxError::NoColon) }
    }

    /// Steps over this byte, if it is the next one.
    #[inline]
    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.json.get(self.at) == Some(&byte) || self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Steps over a string whose opening quote was already read.
    #[inline]
    fn quoted(&mut self) -> Parsed<RawText<'a>> {
        let text = &self.json[self.at..];
        let length = strings::plain_length(text);
        if text.get(length) != Some(&b'"') {
            return self.quoted_escapes(length);
        }
        self.at += length + 1;
        Ok(RawText::Plain(&text[..length]))
    }

    /// The same for a string of which only the first `length` bytes are plain text.
    #[cold]
    fn quoted_escapes(&mut self, length: usize) -> Parsed<RawText<'a>> {
        let start = self.at;
        self.at += length;
        loop {
            match self.json.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') if self.at + 1 < self.json.len() => self.at += 2,
                Some(byte) if *byte != b'\\' => self.at += 1,
                _ => return self.stop(SyntaxError::CutString),
            }
            self.at += strings::plain_length(&self.json[self.at..]);
        }
        self.at += 1;
        Ok(RawText::Escaped(&self.json[start..self.at - 1]))
    }

    /// Steps over a number, `true`, `false` or `null`.
    fn scalar(&mut self) -> Parsed {
        let rest = &self.json[self.at..];
        if let Some(word) = WORDS.into_iter().find(|word| rest.starts_with(word)) {
            self.at += word.len();
            return Ok(());
        }
        let length = rest.iter().position(|byte| !is_of_scalar(*byte)).unwrap_or(rest.len());
        if serde_json::from_slice::<IgnoredAny>(&rest[..length]).is_err() {
            return self.stop_unless_cut(SyntaxError::NoValue);
        }
        self.at += length;
        Ok(())
    }

    /// Stops before a value that is not `what`.
    #[cold]
    fn stop_at_another<T>(&mut self, what: &'static str) -> Parsed<T> {
        self.peek();
        let start = self.at;
        self.skip()?;
        self.at = start;
        self.stop(SyntaxError::Not(what))
    }

    #[cold]
    fn stop_unless_cut<T>(&mut self, fault: SyntaxError) -> Parsed<T> {
        let is_cut = self.peek().is_none();
        self.stop(if is_cut { SyntaxError::Cut } else { fault })
    }
}

const WORDS: [&[u8]; 3] = [b"null", b"true", b"false"];

fn is_of_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}
