//! A scalar in, the value that kubectl reads out.
//!
//! kubectl converts YAML to JSON with version 2 of go-yaml (sigs.k8s.io/yaml). It reads YAML 1.1, where `yes` is
//! true, and keeps a timestamp as text.

use granit_parser::ScalarStyle;

use super::tree::{Document, Kind, NodeId};
use modelendpoint_core::endpoint::Value;

impl Document<'_> {
    /// The node's text, or that it is null or of another type.
    #[must_use]
    pub fn value(&self, id: NodeId) -> Value<&str> {
        let node = self.node(id);
        let Kind::Scalar { text, style } = &node.kind else {
            return if matches!(node.kind, Kind::Nothing) { Value::Absent } else { Value::NotText };
        };
        match node.tag.as_deref().map(|tag| tag.strip_prefix("tag:yaml.org,2002:").unwrap_or(tag)) {
            None | Some("timestamp") => {}
            Some("null") => return Value::Absent,
            Some("int" | "float" | "bool") => return Value::NotText,
            // kubectl uses the text of any other tag as it is. `odd_tag` finds those that it decodes.
            Some(_) => return Value::Text(text),
        }
        match style {
            ScalarStyle::Plain if is_null(text) => Value::Absent,
            ScalarStyle::Plain if is_bool(text) || is_number(text) => Value::NotText,
            _ => Value::Text(text),
        }
    }

    /// The text at a key of a mapping. `None` if there is none.
    #[must_use]
    pub fn text(&self, mapping: NodeId, key: &str) -> Option<&str> {
        self.value(self.get(mapping, key)?.value).text().copied()
    }
}

/// Whether a plain scalar with this text would be read as another type.
#[must_use]
pub(crate) fn means_something_else(text: &str) -> bool {
    is_null(text) || is_bool(text) || is_number(text)
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn is_bool(text: &str) -> bool {
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false"];
    let cased = |word: &str| {
        let mut title = word.to_owned();
        title[..1].make_ascii_uppercase();
        text == word || text == title || text == word.to_ascii_uppercase()
    };
    text.len() <= 5 && words.into_iter().any(cased)
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    let plain = unsigned.replace('_', "");
    for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8)] {
        if let Some(digits) = plain.strip_prefix(prefix) {
            return !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        }
    }
    plain.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && plain.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
        && plain.parse::<f64>().is_ok()
}
