//! The two fields of a ModelEndpoint that decide where traffic goes.

use std::ops::Deref;

/// A field that a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Url,
    RewritePath,
}

/// What an object holds in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Value<T> {
    /// Missing or null: the API server drops a null.
    #[default]
    Absent,
    /// A number, a list, ...: the schema refuses it.
    NotText,
    Text(T),
}

/// The two fields of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spec<'a> {
    pub url: Value<&'a str>,
    pub rewrite_path: Value<&'a str>,
}

impl Field {
    /// The path as Kubernetes writes it in a `StatusCause`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Field::Url => "spec.url",
            Field::RewritePath => "spec.rewritePath",
        }
    }
}

impl<T> Value<T> {
    #[must_use]
    pub fn text(&self) -> Option<&T> {
        match self {
            Value::Text(text) => Some(text),
            Value::Absent | Value::NotText => None,
        }
    }

    /// The same, borrowed.
    pub fn as_deref(&self) -> Value<&T::Target>
    where
        T: Deref,
    {
        match self {
            Value::Absent => Value::Absent,
            Value::NotText => Value::NotText,
            Value::Text(text) => Value::Text(text),
        }
    }

    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Value<U> {
        match self {
            Value::Absent => Value::Absent,
            Value::NotText => Value::NotText,
            Value::Text(text) => Value::Text(with(text)),
        }
    }
}
