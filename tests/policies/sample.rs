//! A ModelEndpoint to write, and who writes it.

use modelendpoint_core::endpoint::rules::Example;
use modelendpoint_core::endpoint::{CLUSTER_LABEL, Field, Spec, Value as FieldValue};
use serde_json::{Map, Value, json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) labels: Value,
    pub(crate) spec: Value,
    /// `None` for the administrator of the cluster.
    pub(crate) user: Option<String>,
}

impl Sample {
    pub(crate) fn of(spec: Value) -> Self {
        Sample { labels: json!({}), spec, user: None }
    }

    /// With the label of a cluster.
    pub(crate) fn labelled(self, cluster: &str) -> Self {
        Sample { labels: json!({ CLUSTER_LABEL: cluster }), ..self }
    }

    pub(crate) fn by(self, user: &str) -> Self {
        Sample { user: Some(user.to_owned()), ..self }
    }

    pub(crate) fn of_example(example: &Example) -> Self {
        let object = object_of(&example.spec);
        let labels = object["metadata"]["labels"].as_object().cloned().unwrap_or_default();
        Sample { labels: labels.into(), spec: object["spec"].clone(), user: example.user.map(str::to_owned) }
    }

    /// A line of the corpus.
    pub(crate) fn of_corpus(line: &str) -> anyhow::Result<Self> {
        let mut sample: Value = serde_json::from_str(line)?;
        let labels = sample["metadata"]["labels"].as_object().cloned().unwrap_or_default();
        Ok(Sample { labels: labels.into(), ..Sample::of(sample["spec"].take()) })
    }
}

/// The fields of a spec in their places.
fn object_of(spec: &Spec<'_>) -> Value {
    let mut object = json!({});
    for field in Field::ALL {
        if let FieldValue::Text(text) = spec.value(field) {
            let mut place = &mut object;
            for key in field.keys() {
                place = place
                    .as_object_mut()
                    .expect("a field of an object")
                    .entry(*key)
                    .or_insert_with(|| Map::new().into());
            }
            *place = text.into();
        }
    }
    if spec.credential != FieldValue::Absent {
        object["spec"]["credential"]["method"] = "APIKey".into();
    }
    object
}
