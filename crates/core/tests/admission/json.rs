//! Compares the core's JSON reader with `serde_json`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use modelendpoint_core::admission::json::{
    Error, Lenient, Parsed, Raw, RawText, Read, Reader, SyntaxError, from_slice,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// A whole value, read step by step.
#[derive(Debug, Default, PartialEq)]
struct Whole(Value);

impl<'a> Read<'a> for Whole {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        self.0 = match reader.peek() {
            Some(b'{') => {
                let mut members = Map::new();
                reader.members(|name, reader| {
                    let name = name.text().or_else(|fault| reader.stop(fault))?;
                    let mut value = Whole::default();
                    value.read(reader)?;
                    members.insert(name.into_owned(), value.0);
                    Ok(())
                })?;
                members.into()
            }
            Some(b'[') => {
                let mut items = Vec::new();
                reader.items(|reader| {
                    let mut value = Whole::default();
                    value.read(reader)?;
                    items.push(value.0);
                    Ok(())
                })?;
                items.into()
            }
            Some(b'"') => reader.text()?.into(),
            Some(b't' | b'f') => reader.boolean()?.into(),
            // A number that is too large for serde_json's values is still valid JSON.
            _ => serde_json::from_slice(reader.raw()?).or_else(|_| reader.stop(SyntaxError::NoValue))?,
        };
        Ok(())
    }
}

/// Skips the members of an object.
#[derive(Debug, Default)]
struct Passed<'a>(BTreeMap<String, Raw<'a>>);

impl<'a> Read<'a> for Passed<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.members(|name, reader| {
            let mut raw = Raw::default();
            raw.read(reader)?;
            self.0.insert(name.lossy().into_owned(), raw);
            Ok(())
        })
    }
}

/// Reads two members by name.
#[derive(Debug, Default, PartialEq)]
struct Pair<'a> {
    a: Cow<'a, str>,
    b: Option<bool>,
}

impl<'a> Read<'a> for Pair<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Parsed {
        reader.fields([("a", &mut self.a), ("b", &mut self.b)])
    }
}

/// Any JSON value, with strings full of characters that have a meaning outside of strings.
fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[ -~]{0,20}",
        any::<String>(),
        prop::collection::vec(
            prop::sample::select(vec!["\\", "\"", "{", "}", "[", "]", "\n", "é", "a"]),
            0..150
        )
        .prop_map(|pieces| pieces.concat()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| (f64::from(eighths) / 8.0).into()),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::btree_map(text.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn written(value: &Value, pretty: bool) -> String {
    if pretty { format!("{value:#}") } else { value.to_string() }
}

/// A text with some of its bytes changed.
fn garbled(text: String, changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut bytes = text.into_bytes();
    for (place, byte) in changes {
        let place = place.index(bytes.len());
        bytes[place] = *byte;
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_what_serde_json_reads(value in value(), pretty: bool) {
        prop_assert_eq!(from_slice(written(&value, pretty).as_bytes()), Ok(Whole(value)));
    }

    #[test]
    fn what_is_passed_over_ends_where_it_ends(values in prop::collection::btree_map("[a-z]{1,4}", value(), 0..6), pretty: bool) {
        let text = written(&json!(values), pretty);
        let members = from_slice::<Passed<'_>>(text.as_bytes()).expect("an object");
        let read = members.0.iter().map(|(name, raw)| {
            (name.clone(), serde_json::from_slice::<Value>(raw.0).expect("exactly one value"))
        });
        prop_assert_eq!(read.collect::<BTreeMap<_, _>>(), values);
    }

    #[test]
    fn what_is_garbled_is_refused_as_by_serde_json(
        value in value(),
        pretty: bool,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let bytes = garbled(written(&value, pretty), &changes);
        prop_assert_eq!(from_slice(&bytes).ok(), serde_json::from_slice(&bytes).ok().map(Whole));
    }

    #[test]
    fn what_is_passed_over_is_no_shorter_for_being_cut(value in value(), pretty: bool, end: prop::sample::Index) {
        let text = written(&json!([value]), pretty);
        let cut = &text.as_bytes()[..end.index(text.len())];
        prop_assert!(from_slice::<Raw<'_>>(cut).is_err());
        prop_assert_eq!(from_slice::<Raw<'_>>(text.as_bytes()), Ok(Raw(text.as_bytes())));
    }
}

#[test]
fn what_is_asked_for_is_read_however_it_is_written() {
    let pair = |a: &'static str, b| Ok(Pair { a: a.into(), b });
    for (text, read) in [
        (r#"{"a":"x","b":true}"#, pair("x", Some(true))),
        (" {\t\"b\" :\r\n false , \"a\" : \"x\" } ", pair("x", Some(false))),
        (r#"{"\u0061":"\u0078","b":null}"#, pair("x", None)),
        (
            r#"{"a":"a long text with an \"escape\" in it, behind the first sixteen bytes"}"#,
            pair("a long text with an \"escape\" in it, behind the first sixteen bytes", None),
        ),
        (r#"{"a":"é\n","A":5,"aa":[],"":{}}"#, pair("é\n", None)),
        (r#"{"A":-1.5e+3,"aa":1E-2,"":[],"b":true}"#, pair("", Some(true))),
        ("{}", pair("", None)),
        ("{ }", pair("", None)),
    ] {
        assert_eq!(from_slice::<Pair<'_>>(text.as_bytes()), read, "{text}");
    }
}

#[test]
fn a_string_is_compared_as_what_it_means() {
    for (text, is_abc) in [
        (r#""abc""#, true),
        (r#""a\u0062c""#, true),
        (r#""ab""#, false),
        (r#""abc\q""#, false),
        (r#""a\u0062""#, false),
    ] {
        let written = from_slice::<RawText<'_>>(text.as_bytes()).expect("a string");
        assert_eq!(written == *"abc", is_abc, "{text}");
    }
}

#[test]
fn a_string_is_shown_even_if_it_means_nothing() {
    for (text, shown) in [
        (&b"\"abc\""[..], "abc"),
        (br#""a\u0062c""#, "abc"),
        (br#""a\qc""#, r"a\qc"),
        (b"\"a\xff\"", "a\u{fffd}"),
    ] {
        assert_eq!(from_slice::<RawText<'_>>(text).expect("a string").lossy(), shown);
    }
}

#[test]
fn of_another_value_than_an_object_nothing_is_read() {
    for other in ["null", "true", "-1.5e3", "\"{}\"", "[{\"a\":5}]"] {
        let Lenient(read) = from_slice::<Lenient<Pair<'_>>>(other.as_bytes()).expect("a value");
        assert_eq!(read, None, "{other}");
    }
    let Lenient(read) = from_slice::<Lenient<Pair<'_>>>(b"{}").expect("a value");
    assert_eq!(read, Some(Pair::default()));
    assert!(from_slice::<Lenient<Pair<'_>>>(b"nothing").is_err());
}

#[test]
fn an_error_says_what_and_where() {
    for (text, error) in [
        ("", "it is cut off, at byte 0"),
        (" ", "it is cut off, at byte 1"),
        ("{", "it is cut off, at byte 1"),
        (r#"{"a":"x""#, "it is cut off, at byte 8"),
        (r#"{"a":"x","#, "it is cut off, at byte 9"),
        (r#"{"a""#, "it is cut off, at byte 4"),
        (r#"{"a":"#, "it is cut off, at byte 5"),
        (r#"{"b":"#, "it is cut off, at byte 5"),
        (r#"{"other":"#, "it is cut off, at byte 9"),
        (r#"{"a":"x"#, "it is cut off within a string, at byte 7"),
        (r#"{"a":"x\"#, "it is cut off within a string, at byte 7"),
        (r#"{"other":"x\""#, "it is cut off within a string, at byte 13"),
        (r#"{"other":["}"#, "it is cut off, at byte 12"),
        (r#"{"a":"x","a":"y"}"#, "`a` appears twice, the second time at byte 13"),
        (r#"{"a":5}"#, "a value is not a string at byte 5"),
        (r#"{"a":null}"#, "a value is not a string at byte 5"),
        (r#"{"a": {"b":1}}"#, "a value is not a string at byte 6"),
        (r#"{"a":{"b":1"#, "it is cut off, at byte 11"),
        (r#"{"b":"x"}"#, "a value is not true or false at byte 5"),
        ("[]", "a value is not an object at byte 0"),
        (r#"{"a":"x" "b":1}"#, "a comma is missing at byte 9"),
        (r#"{"a":"x",}"#, "a trailing comma at byte 9"),
        (r#"{"a":"x",,}"#, "a name in quotes is missing at byte 9"),
        (r#"{"a" "x"}"#, "a colon is missing at byte 5"),
        (r#"{a:"x"}"#, "a name in quotes is missing at byte 1"),
        (r#"{"a":x}"#, "something that is not a JSON value at byte 5"),
        (r#"{"a":"x","b":tru}"#, "something that is not a JSON value at byte 13"),
        (r#"{"a":"x","b":truer}"#, "a comma is missing at byte 17"),
        (r#"{"a":"x","other":01}"#, "something that is not a JSON value at byte 17"),
        (r#"{"a":"\q"}"#, "a string with a control character or a broken escape in it at byte 9"),
        ("{\"a\":\"\n\"}", "a string with a control character or a broken escape in it at byte 8"),
        (r#"{"a":"x"}}"#, "more text after the end at byte 9"),
    ] {
        assert_eq!(from_slice::<Pair<'_>>(text.as_bytes()).expect_err(text).to_string(), error, "{text}");
    }
    for (text, at) in [(&b"{\"a\":\"\xff\"}"[..], 8), (b"{\"a\":\"\\n\xff\"}", 10)] {
        assert_eq!(from_slice::<Pair<'_>>(text), Err(Error { fault: SyntaxError::NotUtf8, at }));
    }
}

#[test]
fn what_nobody_asks_for_is_followed_and_not_judged() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for other in
        [&br#"{"k": tru, 01 }"#[..], b"{\"\\q\":\"\n\"}", b"\"\xff\"", b"[\"\xff\"]", deep.as_bytes()]
    {
        let text = [b"{\"other\":", other, b",\"\xff\":\"\",\"\\q\":1,\"b\":true}"].concat();
        assert_eq!(from_slice(&text), Ok(Pair { a: "".into(), b: Some(true) }), "{:?}", &other[..4]);
    }
}
