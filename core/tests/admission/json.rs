//! The JSON reader of the core, held against `serde_json`.

use std::collections::BTreeMap;

use modelendpoint_core::admission::json::{Raw, from_slice};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

/// Any JSON value, with strings full of what could be taken for something else.
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
        prop_assert_eq!(from_slice::<Value>(written(&value, pretty).as_bytes()), Ok(value));
    }

    #[test]
    fn what_is_passed_over_ends_where_it_ends(values in prop::collection::btree_map("[a-z]{1,4}", value(), 0..6), pretty: bool) {
        let text = written(&json!(values), pretty);
        let members: BTreeMap<String, Raw<'_>> = from_slice(text.as_bytes()).expect("an object");
        let read = members.iter().map(|(name, raw)| {
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
        prop_assert_eq!(from_slice::<Value>(&bytes).ok(), serde_json::from_slice::<Value>(&bytes).ok());
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
fn an_error_says_what_and_where() {
    #[derive(Debug, Deserialize)]
    struct Pair {
        #[expect(dead_code, reason = "only read")]
        a: String,
        #[serde(rename = "b")]
        _b: Option<u8>,
    }
    for (text, error) in [
        ("", "it is cut off, at byte 0"),
        (r#"{"a":"x""#, "it is cut off, at byte 8"),
        (r#"{"a":"x"#, "it is cut off within a string, at byte 7"),
        (r#"{"a":"x\"#, "it is cut off within a string, at byte 7"),
        (r#"{"other":["}"#, "it is cut off, at byte 12"),
        (r#"{"a":"x","a":"y"}"#, "duplicate field `a` at byte 13"),
        (r#"{"a":5}"#, "invalid type: integer `5`, expected a string at byte 6"),
        (r#"{"a":"x" "b":1}"#, "a comma is missing at byte 9"),
        (r#"{"a":"x",}"#, "a comma with nothing behind it at byte 9"),
        (r#"{"a" "x"}"#, "a colon is missing at byte 5"),
        (r#"{a:"x"}"#, "a name in quotes is missing at byte 1"),
        (r#"{"a":"x","b":tru}"#, "something that is no JSON value at byte 13"),
        (r#"{"a":"x","other":01}"#, "something that is no JSON value at byte 17"),
        (r#"{"a":"\q"}"#, "a string with a control character or a broken escape in it at byte 9"),
        ("{\"a\":\"\n\"}", "a string with a control character or a broken escape in it at byte 8"),
        (r#"{"a":"x"}}"#, "more text behind the end at byte 9"),
        ("{}", "missing field `a` at byte 2"),
    ] {
        assert_eq!(from_slice::<Pair>(text.as_bytes()).expect_err(text).to_string(), error, "{text}");
    }
    let error = from_slice::<Pair>(b"{\"a\":\"\xff\"}").expect_err("no UTF-8");
    assert_eq!(error.to_string(), "text that is not UTF-8 at byte 8");
}

#[test]
fn what_nobody_asks_for_is_followed_and_not_judged() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct One {
        a: u8,
    }
    for other in [
        r#"{"k": tru, 01 }"#,
        "{\"\\q\":\"\n\"}",
        &"[".repeat(100_000).chars().chain("]".repeat(100_000).chars()).collect::<String>(),
    ] {
        let text = format!(r#"{{"other":{other},"a":1}}"#);
        assert_eq!(from_slice::<One>(text.as_bytes()), Ok(One { a: 1 }), "{}", &text[..30]);
    }
}
