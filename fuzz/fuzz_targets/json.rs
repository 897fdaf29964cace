//! Any bytes to the JSON reader: it takes what serde_json takes and nothing else, reads the same out of it, and
//! passes over it to the same end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelendpoint_core::admission::json::{Parsed, Raw, Read, Reader, SyntaxError, from_slice};
use serde_json::{Map, Value};

/// serde_json goes no deeper than 128.
const DEEP: usize = 100;

fuzz_target!(|json: &[u8]| {
    let expected = serde_json::from_slice::<Value>(json);
    let read = from_slice::<Whole>(json);
    match (&expected, &read) {
        (Ok(expected), Ok(read)) => assert_eq!(read.value, *expected),
        (Err(_), Err(_)) => {}
        (_, Ok(read)) if read.is_deep => {}
        (Ok(_), Err(error)) => panic!("refused: {error}"),
        (Err(error), Ok(read)) => panic!("accepted: {error}: {}", read.value),
    }
    if expected.is_ok() {
        assert_eq!(from_slice(json), Ok(Raw(json.trim_ascii())));
    }
});

/// A whole value, read step by step.
#[derive(Default)]
struct Whole {
    value: Value,
    depth: usize,
    /// Whether a part was passed over.
    is_deep: bool,
}

impl Whole {
    fn within<'a>(&mut self, reader: &mut Reader<'a>) -> Parsed<Value> {
        let mut inner = Whole { depth: self.depth + 1, ..Whole::default() };
        inner.read(reader)?;
        self.is_deep |= inner.is_deep;
        Ok(inner.value)
    }
}

impl<'a> Read<'a> for Whole {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        self.value = match reader.peek() {
            Some(b'{' | b'[') if self.depth == DEEP => {
                self.is_deep = true;
                reader.skip().map(|()| Value::Null)?
            }
            Some(b'{') => {
                let mut members = Map::new();
                reader.members(|name, reader| {
                    let name = name.text().or_else(|fault| reader.stop(fault))?;
                    members.insert(name.into_owned(), self.within(reader)?);
                    Ok(())
                })?;
                members.into()
            }
            Some(b'[') => {
                let mut items = Vec::new();
                reader.items(|reader| {
                    items.push(self.within(reader)?);
                    Ok(())
                })?;
                items.into()
            }
            Some(b'"') => reader.text()?.into(),
            Some(b't' | b'f') => reader.boolean()?.into(),
            _ => serde_json::from_slice(reader.raw()?).or_else(|_| reader.stop(SyntaxError::NoValue))?,
        };
        Ok(())
    }
}
