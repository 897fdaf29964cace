//! AdmissionReviews as kube-apiserver writes them, and its reading of the answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use json_patch::Patch;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use modelendpoint_core::admission::{self, Hook};
use modelendpoint_core::endpoint::Policy;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// `AdmissionReview` as an answer, admission.k8s.io/v1. It may contain nothing else.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AnsweredReview {
    api_version: String,
    kind: String,
    response: AdmissionResponse,
}

/// `AdmissionResponse`, admission.k8s.io/v1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AdmissionResponse {
    pub uid: String,
    pub allowed: bool,
    #[serde(default)]
    pub status: Status,
    patch: Option<String>,
    patch_type: Option<String>,
    #[serde(default, rename = "auditAnnotations")]
    _audit_annotations: Map<String, Value>,
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A CREATE of a ModelEndpoint with this spec.
pub(crate) fn create(spec: &Value) -> Value {
    review(json!({ "operation": "CREATE", "object": endpoint(spec), "oldObject": null }))
}

/// An UPDATE of a ModelEndpoint from one spec to another.
pub(crate) fn update(old: &Value, new: &Value) -> Value {
    review(json!({ "operation": "UPDATE", "object": endpoint(new), "oldObject": endpoint(old) }))
}

pub(crate) fn endpoint(spec: &Value) -> Value {
    json!({
        "apiVersion": "modelplane.ai/v1alpha1",
        "kind": "ModelEndpoint",
        "metadata": { "name": "qwen", "namespace": "ml-team" },
        "spec": spec,
    })
}

fn review(request: Value) -> Value {
    let mut review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "modelplane.ai", "version": "v1alpha1", "kind": "ModelEndpoint" },
            "resource": { "group": "modelplane.ai", "version": "v1alpha1", "resource": "modelendpoints" },
            "name": "qwen",
            "namespace": "ml-team",
            "userInfo": { "username": "ada" },
            "dryRun": false,
            "options": null,
        },
    });
    if let (Some(all), Value::Object(own)) = (review["request"].as_object_mut(), request) {
        all.extend(own);
    }
    review
}

/// How kube-apiserver reads the answer, with its rules for answers (Kubernetes, `VerifyAdmissionResponse`).
pub(crate) fn ask(hook: Hook, review: &Value) -> AdmissionResponse {
    let body = review.to_string();
    let answer = admission::answer(&Policy::NONE, hook, body.as_bytes())
        .unwrap_or_else(|error| panic!("{error:?}: {body}"));
    verified(hook, &review["request"]["uid"], &answer.review)
}

/// Panics if the answer breaks the contract. The API server would fail the call.
pub(crate) fn verified(hook: Hook, uid: &Value, answer: &[u8]) -> AdmissionResponse {
    let review: AnsweredReview = serde_json::from_slice(answer).expect("an answered AdmissionReview");
    let response = review.response;
    assert_eq!(
        (review.api_version.as_str(), review.kind.as_str()),
        ("admission.k8s.io/v1", "AdmissionReview")
    );
    assert_eq!(response.uid, *uid);
    assert!(response.allowed || response.status.code >= Some(400), "{response:?}");
    assert_eq!(response.patch_type.as_deref(), response.patch.as_ref().map(|_| "JSONPatch"));
    assert!(response.patch.is_none() || (hook != Hook::Validate && response.allowed), "{response:?}");
    for warning in &response.warnings {
        assert!(
            !warning.contains(char::is_control) && warning.len() <= 256,
            "{} bytes: {warning:?}",
            warning.len()
        );
    }
    response
}

impl AdmissionResponse {
    pub(crate) fn patch(&self) -> Option<Patch> {
        let json = STANDARD.decode(self.patch.as_ref()?).expect("base64");
        Some(serde_json::from_slice(&json).expect("a JSON Patch"))
    }

    /// The fields of a denial's causes. Empty if the request is allowed.
    pub(crate) fn denied_fields(&self) -> Vec<String> {
        let causes = self.status.details.iter().flat_map(|details| details.causes.iter().flatten());
        causes.filter_map(|cause| cause.field.clone()).collect()
    }
}

/// The object as the API server stores it: patched, without nulls.
pub(crate) fn stored(review: &Value, response: &AdmissionResponse) -> Value {
    let mut object = review["request"]["object"].clone();
    if let Some(patch) = response.patch() {
        json_patch::patch(&mut object, &patch).expect("the patch applies");
    }
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.retain(|_, value| !value.is_null());
    }
    object
}

/// Asserts that `/admit` says in one call what `/mutate`, and `/validate` about the stored object, say in two.
pub(crate) fn assert_one_call_says_the_same(
    review: &Value,
    mutated: &AdmissionResponse,
    verdict: &AdmissionResponse,
) {
    let both = ask(Hook::Admit, review);
    let (patch, mutation_warnings) =
        if verdict.allowed { (mutated.patch(), mutated.warnings.clone()) } else { (None, Vec::new()) };
    let warnings = [verdict.warnings.clone(), mutation_warnings].concat();
    assert_eq!(
        (both.allowed, both.status.message.clone(), both.patch(), both.warnings),
        (verdict.allowed, verdict.status.message.clone(), patch, warnings),
        "{review}"
    );
}
