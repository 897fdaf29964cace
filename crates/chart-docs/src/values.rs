//! A commented values.yaml flows in; each value with its default, its comment and its schema flows out.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// In the order of the file.
pub(crate) struct Values(pub(crate) Vec<Documented>);

pub(crate) struct Documented {
    /// Such as `["image", "tag"]`.
    pub(crate) path: Vec<String>,
    /// The comment above the value, on one line.
    pub(crate) comment: String,
    pub(crate) default: Value,
    /// What the comment adds to the value's JSON schema.
    pub(crate) schema: Value,
}

impl Documented {
    /// Whether it is a group of documented values, rather than a value.
    pub(crate) fn is_group(&self, all: &Values) -> bool {
        all.0.iter().any(|other| other.path.len() > self.path.len() && other.path.starts_with(&self.path))
    }
}

impl Values {
    /// # Errors
    /// If the text is not valid YAML, or a value has no comment.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let defaults: Value = serde_saphyr::from_str(text).context("values.yaml is not valid YAML")?;
        let mut all = Vec::new();
        let (mut group, mut comment, mut schema) = (String::new(), Vec::new(), Value::Null);
        for (number, line) in text.lines().enumerate() {
            let (depth, content) = (line.len() - line.trim_start().len(), line.trim_start());
            if let Some(addition) = content.strip_prefix("# @schema ") {
                schema = serde_json::from_str(addition)
                    .with_context(|| format!("line {}: @schema", number + 1))?;
            } else if let Some(sentence) = content.strip_prefix("# ") {
                comment.push(sentence.to_owned());
            } else if let Some((key, _)) = content.split_once(':')
                && (depth == 0 || depth == 2 && !comment.is_empty())
            {
                if comment.is_empty() {
                    bail!("line {}: `{key}` has no comment", number + 1);
                }
                let path =
                    if depth == 0 { vec![key.to_owned()] } else { vec![group.clone(), key.to_owned()] };
                if depth == 0 {
                    key.clone_into(&mut group);
                }
                let default = path.iter().fold(&defaults, |value, key| &value[key]).clone();
                let comment = std::mem::take(&mut comment).join(" ");
                all.push(Documented { path, comment, default, schema: std::mem::take(&mut schema) });
            } else {
                // The comment of the file, or a default of several lines.
                comment.clear();
            }
        }
        Ok(Self(all))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_has_its_comment_its_default_and_what_the_schema_adds() {
        let text = "# The file.\n\n# How many.\n# @schema {\"minimum\": 0}\nreplicas: 2\n# The \
                    image.\nimage:\n  # Its\n  # tag.\n  tag: \"\"\n# What a pod takes.\nresources:\n  \
                    limits:\n    memory: 1Mi\n";
        let values = Values::read(text).expect("values");
        let read: Vec<_> = values
            .0
            .iter()
            .map(|one| (one.path.join("."), &*one.comment, &one.default, &one.schema))
            .collect();
        let (image, resources) = (json!({ "tag": "" }), json!({ "limits": { "memory": "1Mi" } }));
        assert_eq!(
            read,
            [
                ("replicas".to_owned(), "How many.", &json!(2), &json!({ "minimum": 0 })),
                ("image".to_owned(), "The image.", &image, &Value::Null),
                ("image.tag".to_owned(), "Its tag.", &json!(""), &Value::Null),
                ("resources".to_owned(), "What a pod takes.", &resources, &Value::Null),
            ]
        );
        assert_eq!(
            values.0.iter().map(|one| one.is_group(&values)).collect::<Vec<_>>(),
            [false, true, false, false]
        );
        assert!(Values::read("replicas: 2\n").is_err());
    }
}
