//! An endpoint in its document in, what the resource's schema would say about its fields out, as strict validation
//! reports it. kubectl refuses these before the webhook is called.

use crate::finding::{Finding, Level, MISSING, UNKNOWN_FIELD};
use crate::manifests::Manifest;
use modelendpoint_core::endpoint::quote::Quoted;
use modelendpoint_yaml::{Document, Kind, NodeId};

/// The fields at the top of an object.
const OBJECT: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// The fields of `spec`, in both generations of the resource. Crossplane adds `crossplane` to each.
const SPEC: [&str; 7] = ["url", "rewritePath", "origin", "api", "model", "credential", "crossplane"];

/// The missing and the unknown fields, each with its position.
#[must_use]
pub(crate) fn findings(document: &Document<'_>, manifest: Manifest) -> Vec<(Finding, NodeId)> {
    let object = manifest.object();
    let Some(spec) = manifest.spec_node(document) else {
        let mut found = unknown_fields(document, object, &OBJECT);
        if found.is_empty() {
            found.push((missing("has no `spec`", "write `spec:` with a `url` below it"), object));
        }
        return found;
    };
    let mut found = unknown_fields(document, object, &OBJECT);
    let in_spec = unknown_fields(document, spec, &SPEC);
    let has = |key| document.get(spec, key).is_some_and(|entry| !is_nothing(document, entry.value));
    // A field that was only misspelled does not count as missing too.
    if in_spec.is_empty() && !has("url") && !has("origin") {
        let remedy = "write `url: https://<host>/v1` below `spec`, or `origin` for Modelplane 0.5";
        found.push((missing("has no `url` in its `spec`", remedy), spec));
    }
    found.extend(in_spec);
    found
}

fn missing(problem: &'static str, remedy: &'static str) -> Finding {
    Finding::new(MISSING, Level::Deny, problem).with_remedy(remedy)
}

fn unknown_fields(document: &Document<'_>, mapping: NodeId, known: &[&str]) -> Vec<(Finding, NodeId)> {
    let keys = document.entries(mapping).iter().map(|entry| entry.key);
    let unknown = keys.filter_map(|key| match &document.node(key).kind {
        Kind::Scalar { text, .. } if text != "<<" && !known.contains(&&**text) => Some((key, text)),
        _ => None,
    });
    unknown.map(|(key, text)| (unknown_field(text, known), key)).collect()
}

fn unknown_field(text: &str, known: &[&str]) -> Finding {
    let problem =
        format!("has the field {}, which the resource does not have, so kubectl refuses it", Quoted(text));
    let finding = Finding::new(UNKNOWN_FIELD, Level::Deny, problem);
    match known.iter().find(|field| is_slip(text, field)) {
        Some(field) => finding.with_remedy(format!("did you mean `{field}`?")),
        None => finding.with_remedy("remove it"),
    }
}

/// Whether two names of fields differ only in case, in signs, or in one letter.
fn is_slip(text: &str, field: &str) -> bool {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '-', ' '], "");
    let (text, field) = (plain(text), plain(field));
    let same = text.bytes().zip(field.bytes()).take_while(|(one, other)| one == other).count();
    let rest = |text: &str, skip: usize| text.as_bytes().get(same + skip..).unwrap_or_default().to_vec();
    text == field
        || field.len() > 2
            && (rest(&text, 1) == rest(&field, 1)
                || rest(&text, 1) == rest(&field, 0)
                || rest(&text, 0) == rest(&field, 1))
}

fn is_nothing(document: &Document<'_>, value: NodeId) -> bool {
    document.value(value) == modelendpoint_core::endpoint::Value::Absent
}
