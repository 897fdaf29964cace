//! The reviews that are measured: those of `examples/`, and generated ones of a given size.

use modelendpoint_core::admission::Hook;
use serde_json::{Value, json};

/// A review, and the hook that it is sent to.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    pub hook: Hook,
    source: Source,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Example(&'static str),
    /// With an object of this size.
    Create(Spec, usize),
    /// With two. The url changes, the rewritePath does not: `/mutate` has to look into managedFields.
    Update(usize),
}

/// One object of this size, as it grows in a cluster.
const MEDIUM: usize = 64 * 1024;
/// The most that etcd stores by default.
const LARGE: usize = 1536 * 1024;

macro_rules! example {
    ($name:literal, $hook:ident) => {
        Case {
            name: $name,
            hook: Hook::$hook,
            source: Source::Example(include_str!(concat!("../../../examples/", $name, ".json"))),
        }
    };
}

macro_rules! generated {
    ($name:literal, $hook:ident, $source:expr) => {
        Case { name: $name, hook: Hook::$hook, source: $source }
    };
}

/// What is measured, from small to large.
pub static CASES: [Case; 12] = [
    example!("mutate-create-crossplane", Mutate),
    example!("validate-create-crossplane", Validate),
    example!("mutate-create-kubectl", Mutate),
    example!("validate-deny-scheme", Validate),
    generated!("validate-deny-six", Validate, Source::Create(SIX_FAULTS, 0)),
    generated!("mutate-64-kib", Mutate, Source::Create(FINE, MEDIUM)),
    generated!("validate-64-kib", Validate, Source::Create(FINE, MEDIUM)),
    generated!("mutate-update-2x64-kib", Mutate, Source::Update(MEDIUM)),
    generated!("validate-update-2x64-kib", Validate, Source::Update(MEDIUM)),
    generated!("mutate-1.5-mib", Mutate, Source::Create(FINE, LARGE)),
    generated!("validate-1.5-mib", Validate, Source::Create(FINE, LARGE)),
    generated!("mutate-update-2x1.5-mib", Mutate, Source::Update(LARGE)),
];

impl Case {
    /// The case of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        CASES.into_iter().find(|case| case.name == name)
    }

    /// The bytes of the review.
    ///
    /// # Panics
    /// Never: the examples are reviews.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let review = match self.source {
            Source::Example(review) => return review.as_bytes().to_vec(),
            Source::Create(spec, size) => review("CREATE", &object(spec, size), &Value::Null),
            Source::Update(size) => review("UPDATE", &object(MOVED, size), &object(FINE, size)),
        };
        review.to_string().into_bytes()
    }
}

type Spec = (&'static str, &'static str);

const FINE: Spec = ("http://34.118.20.7/ml-team/qwen-0/v1", "/ml-team/qwen-0/");
const MOVED: Spec = ("http://34.118.20.9/ml-team/qwen-0/v1", "/ml-team/qwen-0/");
const SIX_FAULTS: Spec = ("ftp://user:pw@vllm:99999/?key=x#y", "/ml-team/qwen-0/");

fn review(operation: &str, object: &Value, old_object: &Value) -> Value {
    let example = include_str!("../../../examples/validate-create-crossplane.json");
    let mut review: Value = serde_json::from_str(example).expect("an AdmissionReview");
    let request = &mut review["request"];
    request["operation"] = operation.into();
    request["object"] = object.clone();
    request["oldObject"] = old_object.clone();
    review
}

/// A ModelEndpoint that was made `size` bytes large by what makes objects large: many appliers in
/// managedFields, and kubectl's annotation with the object as text (up to the 256 KiB that
/// annotations may take).
fn object((url, rewrite_path): Spec, size: usize) -> Value {
    let mut object = json!({
        "apiVersion": "modelplane.ai/v1alpha1",
        "kind": "ModelEndpoint",
        "metadata": {
            "name": "qwen-0",
            "namespace": "ml-team",
            "generation": 1,
            "uid": "963073bf-10e8-4726-ab08-a451c0453f80",
            "creationTimestamp": "2026-11-22T20:56:49Z",
            "labels": { "modelplane.ai/deployment": "qwen" },
            "annotations": {},
            "managedFields": [applier(0)],
        },
        "spec": { "url": url, "rewritePath": rewrite_path },
    });
    let annotation = json!({ "spec": { "note": "x\u{e9}\"y\"\n".repeat((size / 2).min(200 * 1024) / 16) } });
    object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] =
        annotation.to_string().into();
    let written = object.to_string().len();
    let per_applier = applier(10_000).to_string().len() + 1;
    let appliers = size.saturating_sub(written) / per_applier;
    object["metadata"]["managedFields"] = (0..=appliers).map(applier).collect();
    object
}

/// An entry that owns the url and not the rewritePath.
fn applier(number: usize) -> Value {
    json!({
        "apiVersion": "modelplane.ai/v1alpha1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {
                "f:annotations": { ".": {}, format!("f:example.org/note-{number}"): {} },
                "f:ownerReferences": { "k:{\"uid\":\"5c2c1c1e-6a1b-4a52-9f0e-2f6c8d7b9a10\"}": {} },
            },
            "f:spec": { "f:url": {} },
        },
        "manager": format!("applier-{number}"),
        "operation": "Apply",
        "time": "2026-11-22T20:56:49Z",
    })
}
