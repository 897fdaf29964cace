//! Values that can be read from a JSON text. Each takes itself from the [`Reader`].

use std::borrow::Cow;

use super::{Parsed, RawText, Reader};
use crate::endpoint::Value;

/// A value that can be read from JSON text.
pub trait Read<'a> {
    /// Reads the next value of the text.
    ///
    /// # Errors
    /// If it is not valid JSON, or has another type.
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed;
}

/// The shape of an object, or that the value is not an object.
#[derive(Debug, Default)]
pub struct Lenient<T>(pub Option<T>);

/// A value that was skipped, as it is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Raw<'a>(pub &'a [u8]);

impl<'a> Read<'a> for Cow<'a, str> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        *self = reader.text()?;
        Ok(())
    }
}

impl<'a> Read<'a> for RawText<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        *self = reader.written()?;
        Ok(())
    }
}

impl<'a> Read<'a> for bool {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        *self = reader.boolean()?;
        Ok(())
    }
}

impl<'a> Read<'a> for Raw<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        *self = Raw(reader.raw()?);
        Ok(())
    }
}

/// `None` for null.
impl<'a, T: Read<'a> + Default> Read<'a> for Option<T> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        match reader.peek() {
            Some(b'n') => reader.skip(),
            _ => self.get_or_insert_default().read(reader),
        }
    }
}

impl<'a, T: Read<'a> + Default> Read<'a> for Lenient<T> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        match reader.peek() {
            Some(b'{') => self.0.get_or_insert_default().read(reader),
            _ => reader.skip(),
        }
    }
}

/// A string, or that the value is not a string.
impl<'a, T: Read<'a> + Default> Read<'a> for Value<T> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        *self = match reader.peek() {
            Some(b'"') => {
                let mut text = T::default();
                text.read(reader)?;
                Value::Text(text)
            }
            Some(b'n') => reader.skip().map(|()| Value::Absent)?,
            _ => reader.skip().map(|()| Value::NotText)?,
        };
        Ok(())
    }
}
