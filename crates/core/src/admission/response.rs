//! A decision flows in; the bytes of the answering `AdmissionReview` flow out.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use json_patch::Patch;
use serde::Serialize;

/// `AdmissionResponse`, admission.k8s.io/v1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response<'a> {
    pub uid: &'a str,
    pub allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub patch: Option<EncodedPatch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit_annotations: Option<AuditAnnotations>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// `patch` and `patchType`: both or neither.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EncodedPatch {
    /// JSON Patch (RFC 6902) in base64.
    patch: String,
    patch_type: &'static str,
}

/// The annotations in the audit log. The API server prefixes each key with the webhook's name.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditAnnotations {
    /// Ids of the rules that denied, comma-separated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied: Option<String>,
    /// Ids of the rules that would have denied if the policy enforced them, comma-separated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_deny: Option<String>,
    /// Ids of the rules that only warned, comma-separated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warned: Option<String>,
    /// Id of the mutation that made the patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mutated: Option<&'static str>,
}

/// `Status`, meta/v1.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_field_names, reason = "Kubernetes names it so")]
pub(super) struct Status<'a> {
    pub status: &'static str,
    pub message: String,
    pub reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<StatusDetails<'a>>,
    pub code: u16,
}

/// `StatusDetails`, meta/v1.
#[derive(Debug, Serialize)]
pub(super) struct StatusDetails<'a> {
    pub name: Cow<'a, str>,
    pub group: &'static str,
    pub kind: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub uid: Cow<'a, str>,
    pub causes: Vec<StatusCause>,
}

/// `StatusCause`, meta/v1.
#[derive(Debug, Serialize)]
pub(super) struct StatusCause {
    pub reason: &'static str,
    pub message: String,
    pub field: &'static str,
}

impl<'a> Response<'a> {
    #[must_use]
    pub(super) fn allowed(uid: &'a str) -> Self {
        Response {
            uid,
            allowed: true,
            status: None,
            patch: None,
            audit_annotations: None,
            warnings: Vec::new(),
        }
    }

    #[must_use]
    pub(super) fn refused(uid: &'a str, status: Status<'a>) -> Self {
        Response { allowed: false, status: Some(status), ..Response::allowed(uid) }
    }

    /// The whole review, as JSON.
    #[must_use]
    pub(super) fn to_json(&self) -> Vec<u8> {
        const HEAD: &[u8] = br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":"#;
        let mut json = Vec::with_capacity(256);
        json.extend_from_slice(HEAD);
        match serde_json::to_writer(&mut json, self) {
            Ok(()) => json.push(b'}'),
            // Writing strings and numbers into memory can't fail.
            Err(error) => unreachable!("{error}"),
        }
        json
    }
}

impl AuditAnnotations {
    /// The audit annotation about these rules. `None` if none of them was broken.
    #[must_use]
    pub(super) fn of_rules(rules: &[&str], is_denied: bool, warned: &[&str]) -> Option<Self> {
        let joined = |ids: &[&str]| (!ids.is_empty()).then(|| ids.join(","));
        let (denied, would_deny) = if is_denied { (joined(rules), None) } else { (None, joined(rules)) };
        let annotations = Self { denied, would_deny, warned: joined(warned), mutated: None };
        (!rules.is_empty() || !warned.is_empty()).then_some(annotations)
    }
}

impl EncodedPatch {
    #[must_use]
    pub(super) fn new(patch: &Patch) -> Self {
        let json = serde_json::to_vec(patch).unwrap_or_else(|error| unreachable!("{error}"));
        EncodedPatch { patch: STANDARD.encode(json), patch_type: "JSONPatch" }
    }
}

impl Status<'_> {
    /// The status of a review that could not be judged: `code` is 400 if the request was wrong, and 500 if the
    /// webhook failed.
    #[must_use]
    pub(super) fn failure(code: u16, message: String) -> Self {
        let reason = if code < 500 { "BadRequest" } else { "InternalError" };
        Status { status: "Failure", message, reason, details: None, code }
    }
}
