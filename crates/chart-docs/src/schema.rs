//! Documented values flow in; the JSON schema with which Helm checks a user's values flows out.

use serde_json::{Map, Value, json};

use crate::values::{Documented, Values};

/// A key that is not in values.yaml is an error: it is a typing mistake, or belongs to another version.
pub(crate) fn of(values: &Values) -> Value {
    let top = values.0.iter().filter(|one| one.path.len() == 1);
    let mut properties: Map<_, _> = top.map(|one| property(values, one)).collect();
    // Helm's own value, if the chart is a dependency of another one.
    properties.insert("global".to_owned(), json!({ "type": "object" }));
    properties.insert("enabled".to_owned(), json!({ "type": "boolean" }));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart modelendpoint-webhook",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    })
}

fn property(values: &Values, one: &Documented) -> (String, Value) {
    let mut schema = json!({ "description": one.comment });
    if one.is_group(values) {
        let inside =
            values.0.iter().filter(|other| other.path.len() > 1 && other.path.starts_with(&one.path));
        let inside: Map<_, _> = inside.map(|other| property(values, other)).collect();
        schema["type"] = json!("object");
        schema["additionalProperties"] = json!(false);
        schema["properties"] = Value::Object(inside);
    } else {
        schema["type"] = json!(kind(&one.default));
        schema["default"] = one.default.clone();
    }
    if let (Some(schema), Some(added)) = (schema.as_object_mut(), one.schema.as_object()) {
        schema.extend(added.clone());
    }
    (one.path.last().cloned().unwrap_or_default(), schema)
}

fn kind(default: &Value) -> &'static str {
    match default {
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Null | Value::String(_) => "string",
    }
}
