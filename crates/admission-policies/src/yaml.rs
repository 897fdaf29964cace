//! An object flows in, YAML as a person would write it flows out.

use std::fmt::{self, Display, Formatter};

use serde_json::Value;

/// A mapping, with the end of its last line.
pub(crate) struct Yaml<'a>(pub(crate) &'a Value);

/// A paragraph as comment lines.
pub(crate) struct Comment<'a>(pub(crate) &'a str);

impl Display for Yaml<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        block(self.0, 0, "", f)
    }
}

impl Display for Comment<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut line = String::from("#");
        for word in self.0.split(' ') {
            if line.len() + word.len() > 110 {
                writeln!(f, "{line}")?;
                line.truncate(1);
            }
            line += " ";
            line += word;
        }
        writeln!(f, "{line}")
    }
}

/// A mapping or a list on lines of its own. `first` stands in front of the first line in place of its indent.
fn block(value: &Value, indent: usize, first: &str, f: &mut Formatter<'_>) -> fmt::Result {
    let entries: Vec<(String, &Value)> = match value {
        Value::Object(fields) => {
            // the order of the map depends on a feature of serde_json
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| (*key != "name", *key));
            fields.into_iter().map(|(key, value)| (format!("{key}:"), value)).collect()
        }
        Value::Array(items) => items.iter().map(|item| ("-".to_owned(), item)).collect(),
        _ => return write!(f, "{first}{value}"),
    };
    for (at, (head, value)) in entries.iter().enumerate() {
        if at == 0 && !first.is_empty() {
            f.write_str(first)?;
        } else {
            write!(f, "{:indent$}", "")?;
        }
        match value {
            Value::Object(fields) if head == "-" && !fields.is_empty() => {
                block(value, indent + 2, "- ", f)?;
            }
            Value::Array(items) if items.iter().all(Value::is_string) => {
                let items = items.iter().map(|item| scalar(item.as_str().unwrap_or_default()));
                writeln!(f, "{head} [{}]", items.collect::<Vec<_>>().join(", "))?;
            }
            Value::Object(_) | Value::Array(_) => {
                writeln!(f, "{head}")?;
                block(value, indent + 2, "", f)?;
            }
            // no escapes for people to read
            Value::String(text) if text.contains(['\n', '\\', '"']) => {
                writeln!(f, "{head} |-")?;
                for line in text.lines() {
                    writeln!(f, "{:indent$}{line}", "", indent = indent + 2)?;
                }
            }
            Value::String(text) => writeln!(f, "{head} {}", scalar(text))?,
            other => writeln!(f, "{head} {other}")?,
        }
    }
    Ok(())
}

/// Plain where nothing could be mistaken; as JSON writes it otherwise.
fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-./".contains(&byte))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&&*text.to_ascii_lowercase());
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_written_as_a_person_would() {
        let object = json!({
            "kind": "Some.Kind/v1",
            "list": ["CREATE", "no", "a b"],
            "items": [{ "name": "one", "text": "two\nlines" }, { "name": "two", "on": true }],
            "nested": { "number": 1 },
        });
        assert_eq!(
            Yaml(&object).to_string(),
            "\
items:
  - name: one
    text: |-
      two
      lines
  - name: two
    on: true
kind: Some.Kind/v1
list: [CREATE, \"no\", \"a b\"]
nested:
  number: 1
"
        );
    }

    #[test]
    fn a_comment_is_wrapped() {
        let text = Comment(&"word ".repeat(50)).to_string();
        assert!(text.lines().all(|line| line.starts_with("# ") && line.len() <= 112), "{text}");
    }
}
