//! The bytes of an `AdmissionReview` flow in; what the webhooks need of it flows out.
//!
//! One pass: what nobody asks for is skipped, not decoded, and what is decoded borrows from the bytes.
//! The objects are read with tolerance, because `/mutate` sees them before the schema does: a field of
//! another type is [`Value::NotText`], never an error. What the API server writes itself is read strictly.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Operation;
use super::json::{self, Raw};
use crate::endpoint::{self, Value};

/// `AdmissionReview`, admission.k8s.io/v1, as far as it is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "an object")]
pub struct Review<'a> {
    #[serde(borrow, default)]
    pub api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
    #[serde(borrow)]
    pub request: Request<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "an object")]
pub struct Request<'a> {
    #[serde(borrow)]
    pub uid: Cow<'a, str>,
    #[serde(borrow, default)]
    pub kind: GroupVersionKind<'a>,
    #[serde(borrow, default)]
    pub sub_resource: Cow<'a, str>,
    #[serde(borrow, default)]
    pub name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub namespace: Cow<'a, str>,
    #[serde(default)]
    pub operation: Operation,
    #[serde(borrow, default)]
    pub user_info: UserInfo<'a>,
    #[serde(borrow, default)]
    pub object: Lenient<Object<'a>>,
    #[serde(borrow, default)]
    pub old_object: Lenient<Object<'a>>,
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "an object")]
pub struct GroupVersionKind<'a> {
    #[serde(borrow, default)]
    pub group: Cow<'a, str>,
    #[serde(borrow, default)]
    pub version: Cow<'a, str>,
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "an object")]
pub struct UserInfo<'a> {
    #[serde(borrow, default)]
    pub username: Cow<'a, str>,
}

/// A ModelEndpoint, as far as a decision needs it.
#[derive(Debug, Default, Deserialize)]
#[serde(expecting = "an object")]
pub struct Object<'a> {
    #[serde(borrow, default)]
    pub metadata: Lenient<Metadata<'a>>,
    #[serde(borrow, default)]
    pub spec: Lenient<Spec<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "an object")]
pub struct Metadata<'a> {
    #[serde(borrow, default)]
    pub name: Text<'a>,
    #[serde(borrow, default)]
    pub generate_name: Text<'a>,
    #[serde(borrow, default)]
    pub uid: Text<'a>,
    #[serde(borrow, default)]
    pub deletion_timestamp: Text<'a>,
    /// Kept as JSON: only a default that may have to follow its url needs it.
    #[serde(borrow, default)]
    pub managed_fields: Option<Raw<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "an object")]
pub struct Spec<'a> {
    #[serde(borrow, default)]
    pub url: Text<'a>,
    #[serde(borrow, default)]
    pub rewrite_path: Text<'a>,
}

/// A JSON object of this shape, or `None` for null and for any other type.
#[derive(Debug)]
pub struct Lenient<T>(pub Option<T>);

/// A string, or the fact that it is none.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(pub Value<Cow<'a, str>>);

impl<'a> Review<'a> {
    /// # Errors
    /// Where the bytes are no JSON, hold a key twice that is read, or a type that no API server writes.
    pub fn parse(body: &'a [u8]) -> Result<Self, json::Error> {
        json::from_slice(body)
    }
}

impl Request<'_> {
    /// The spec that an update replaces.
    #[must_use]
    pub fn replaced_spec(&self) -> Option<endpoint::Spec<'_>> {
        let old = self.old_object.0.as_ref().filter(|_| self.operation == Operation::Update);
        old.map(Object::spec)
    }
}

impl Object<'_> {
    /// What the endpoint means.
    #[must_use]
    pub fn spec(&self) -> endpoint::Spec<'_> {
        endpoint::Spec { url: self.url(), rewrite_path: self.rewrite_path() }
    }

    #[must_use]
    pub fn url(&self) -> Value<&str> {
        self.spec.0.as_ref().map_or(Value::Absent, |spec| spec.url.value())
    }

    #[must_use]
    pub fn rewrite_path(&self) -> Value<&str> {
        self.spec.0.as_ref().map_or(Value::Absent, |spec| spec.rewrite_path.value())
    }

    #[must_use]
    pub fn is_being_deleted(&self) -> bool {
        self.metadata.0.as_ref().is_some_and(|metadata| metadata.deletion_timestamp.value() != Value::Absent)
    }
}

impl Text<'_> {
    #[must_use]
    pub fn value(&self) -> Value<&str> {
        match &self.0 {
            Value::Absent => Value::Absent,
            Value::NotText => Value::NotText,
            Value::Text(text) => Value::Text(text),
        }
    }

    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.0.text().map(Cow::as_ref)
    }
}

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Lenient(None)
    }
}

impl<'de> Deserialize<'de> for Operation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = <Cow<'de, str>>::deserialize(deserializer)?;
        Ok(match &*word {
            "CREATE" => Operation::Create,
            "UPDATE" => Operation::Update,
            "DELETE" => Operation::Delete,
            "CONNECT" => Operation::Connect,
            _ => Operation::Unknown,
        })
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor(PhantomData))
    }
}

struct LenientVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for LenientVisitor<T> {
    type Value = Lenient<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|value| Lenient(Some(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        skip(list).map(|()| Lenient(None))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Value::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Value::Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Text(Value::Absent))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Text(Value::NotText))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Text(Value::NotText))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Text(Value::NotText))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Text(Value::NotText))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(Value::NotText))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        skip(list).map(|()| Text(Value::NotText))
    }
}

fn skip<'de, A: SeqAccess<'de>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> (String, Value<String>, Value<String>, bool) {
        let body = format!(r#"{{"request":{{"uid":"u","object":{json}}}}}"#);
        let review = Review::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{json}: {error}"));
        let Some(object) = review.request.object.0 else {
            return ("none".to_owned(), Value::Absent, Value::Absent, false);
        };
        let owned = |value: Value<&str>| value.map(str::to_owned);
        ("some".to_owned(), owned(object.url()), owned(object.rewrite_path()), object.is_being_deleted())
    }

    #[test]
    fn an_object_of_any_shape_is_read() {
        use Value::{Absent, NotText, Text};
        let none = ("none".to_owned(), Absent, Absent, false);
        let some = |url, path, deleted| ("some".to_owned(), url, path, deleted);
        for other in ["null", "true", "1", "-1", "1.5", "\"text\"", "[[1],{}]"] {
            assert_eq!(object(other), none, "{other}");
            assert_eq!(object(&format!(r#"{{"spec":{other}}}"#)), some(Absent, Absent, false), "{other}");
            assert_eq!(object(&format!(r#"{{"metadata":{other}}}"#)), some(Absent, Absent, false), "{other}");
        }
        for other in ["true", "1", "-1", "1.5", "[[1],{}]", r#"{"a":[]}"#] {
            let json = format!(r#"{{"spec":{{"url":{other},"rewritePath":{other}}}}}"#);
            assert_eq!(object(&json), some(NotText, NotText, false), "{other}");
        }
        assert_eq!(
            object(
                r#"{"metadata":{"deletionTimestamp":"t"},"spec":{"url":"a\u0062","rewritePath":null,"x":{}}}"#
            ),
            some(Text("ab".to_owned()), Absent, true)
        );
        assert_eq!(object(r#"{"metadata":{"deletionTimestamp":null}}"#), some(Absent, Absent, false));
    }

    #[test]
    fn a_key_that_is_read_may_stand_there_once() {
        let twice = br#"{"request":{"uid":"u","object":{"spec":{"url":"a","url":"b"}}}}"#;
        let error = Review::parse(twice).expect_err("two urls");
        assert_eq!(error.to_string(), "duplicate field `url` at byte 56");
    }

    #[test]
    fn depth_is_no_obstacle_where_nothing_is_read() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(object(&format!(r#"{{"status":{deep}}}"#)).0, "some");
        assert_eq!(object(&format!(r#"{{"spec":{{"url":{deep}}}}}"#)).1, Value::NotText);
    }
}
