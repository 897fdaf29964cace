//! What is sent: the reviews of examples/, and some made of them.

use hyper::body::Bytes;
use serde_json::{Value, json};

use crate::client::Reviews;

const CREATE: &str = include_str!("../../../examples/validate-create-crossplane.json");

/// 3.8 KB on average.
pub(crate) fn small_mutate() -> Reviews {
    reviews(
        "/mutate",
        &[
            include_str!("../../../examples/mutate-create-crossplane.json"),
            include_str!("../../../examples/mutate-create-kubectl.json"),
            include_str!("../../../examples/mutate-create-kubectl-path.json"),
            include_str!("../../../examples/mutate-update-crossplane.json"),
            include_str!("../../../examples/mutate-update-finalizer.json"),
        ],
    )
}

/// 3.8 KB on average; one of the five is refused.
pub(crate) fn small_validate() -> Reviews {
    reviews(
        "/validate",
        &[
            include_str!("../../../examples/validate-create-crossplane.json"),
            include_str!("../../../examples/validate-create-kubectl.json"),
            include_str!("../../../examples/validate-create-kubectl-path.json"),
            include_str!("../../../examples/validate-update-crossplane.json"),
            include_str!("../../../examples/validate-update-finalizer.json"),
        ],
    )
}

/// Refused for one violation.
pub(crate) fn refused() -> Reviews {
    reviews("/validate", &[include_str!("../../../examples/validate-deny-scheme.json")])
}

/// A create whose object has this many bytes, most of them in managedFields; as few as a composed
/// endpoint has, if that is more.
pub(crate) fn create_of_size(path: &'static str, bytes: usize) -> Reviews {
    let mut review = create();
    let object = &mut review["request"]["object"];
    let entry = object["metadata"]["managedFields"][0].clone();
    if bytes < object.to_string().len() {
        object["metadata"]["managedFields"] = json!([]);
    }
    let more = bytes.saturating_sub(object.to_string().len()) / (entry.to_string().len() + 1);
    if let Some(entries) = object["metadata"]["managedFields"].as_array_mut() {
        entries.extend(std::iter::repeat_n(entry, more));
    }
    Reviews::one(path, review.to_string().into_bytes())
}

/// The same endpoint with this url and rewritePath, as an update of `former_url` if there is one.
pub(crate) fn validate(url: &str, rewrite_path: &str, former_url: Option<&str>) -> Reviews {
    let mut review = create();
    let request = &mut review["request"];
    if let Some(former_url) = former_url {
        request["operation"] = "UPDATE".into();
        request["oldObject"] = request["object"].clone();
        request["oldObject"]["spec"]["url"] = former_url.into();
    }
    request["object"]["spec"] = json!({ "url": url, "rewritePath": rewrite_path });
    Reviews::one("/validate", review.to_string().into_bytes())
}

fn create() -> Value {
    serde_json::from_str(CREATE).expect("an AdmissionReview")
}

fn reviews(path: &'static str, bodies: &[&'static str]) -> Reviews {
    Reviews { path, bodies: bodies.iter().map(|body| Bytes::from_static(body.as_bytes())).collect() }
}
