//! A stored endpoint and its findings in, the report about it out.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value as Json, json};

use super::reports::Format;
use crate::cluster::Stored;
use modelendpoint_core::endpoint::Field;
use modelendpoint_core::endpoint::gate::{GROUP, KIND, VERSION};
use modelendpoint_core::endpoint::quote::Quoted;
use modelendpoint_lint::check::Terms;
use modelendpoint_lint::finding::{Finding, Level};

/// The author of a report, for its label, its field manager, and the source of its results.
pub(super) const WRITER: &str = "modelendpoint-audit";
/// The label of all reports that the audit writes.
pub(super) const LABEL: &str = "app.kubernetes.io/managed-by";
const PREFIX: &str = "modelendpoint-";
/// The longest name of an object.
const LONGEST: usize = 253;

/// What is wrong with a stored endpoint.
pub(super) fn findings(endpoint: &Stored, terms: Terms<'_>) -> Vec<Finding> {
    let (decision, mut findings) = endpoint.judged(terms);
    let change = decision.and_then(|decision| decision.mutation.change);
    let is_default =
        |finding: &&mut Finding| finding.level == Level::Change && finding.field == Some(Field::RewritePath);
    for finding in findings.iter_mut().filter(is_default) {
        // The endpoint is already stored, so nothing sets the default.
        if let Some(change) = &change {
            finding.problem = "is not set, so servers are asked for `/<namespace>/<service>/v1/...`".into();
            finding.remedy = Some(format!("set it to {}", Quoted(&change.value)).into());
        }
    }
    findings
}

/// The name of the report about an endpoint.
pub(super) fn name(endpoint: &str) -> String {
    if PREFIX.len() + endpoint.len() <= LONGEST {
        return format!("{PREFIX}{endpoint}");
    }
    let mut hasher = DefaultHasher::new();
    endpoint.hash(&mut hasher);
    let kept: String = endpoint.chars().take(LONGEST - PREFIX.len() - 17).collect();
    format!("{PREFIX}{}-{:016x}", kept.trim_end_matches(['-', '.']), hasher.finish())
}

/// The whole report, for a server-side apply. It contains no timestamp, so applying it again changes nothing as long
/// as the findings are the same.
pub(super) fn report(format: Format, endpoint: &Stored, findings: &[Finding]) -> Json {
    let metadata = &endpoint.metadata;
    let api_version = format!("{GROUP}/{VERSION}");
    let subject = json!({
        "apiVersion": api_version,
        "kind": KIND,
        "namespace": metadata.namespace,
        "name": metadata.name,
        "uid": metadata.uid,
    });
    let count =
        |result: &str| findings.iter().filter(|finding| self::result(finding.level) == result).count();
    let mut report = json!({
        "apiVersion": format.api_version(),
        "kind": format.kind(),
        "metadata": {
            "name": name(&metadata.name),
            "namespace": metadata.namespace,
            "labels": { LABEL: WRITER },
            // Kubernetes deletes it together with the endpoint.
            "ownerReferences": [
                { "apiVersion": api_version, "kind": KIND, "name": metadata.name, "uid": metadata.uid },
            ],
        },
        "scope": subject,
        "summary": { "pass": 0, "fail": count("fail"), "warn": count("warn"), "error": 0, "skip": 0 },
        "results": findings.iter().map(|finding| entry(finding, &subject)).collect::<Vec<_>>(),
    });
    if format.has_source() {
        report["source"] = json!(WRITER);
    }
    report
}

fn entry(finding: &Finding, subject: &Json) -> Json {
    let mut properties = serde_json::Map::new();
    let field = finding.field.map(Field::path);
    for (key, value) in [
        ("field", field),
        ("remedy", finding.remedy.as_deref()),
        ("suggestion", finding.suggestion.as_ref().map(|suggestion| suggestion.value.as_str())),
    ] {
        if let Some(value) = value {
            properties.insert(key.to_owned(), json!(value));
        }
    }
    json!({
        "source": WRITER,
        "policy": "modelendpoint",
        "rule": finding.id,
        "category": KIND,
        "severity": if finding.level == Level::Deny { "high" } else { "medium" },
        "result": result(finding.level),
        "scored": finding.level == Level::Deny,
        "message": finding.title(),
        "properties": properties,
        "resources": [subject],
    })
}

fn result(level: Level) -> &'static str {
    match level {
        Level::Deny => "fail",
        Level::Warn | Level::Change => "warn",
    }
}

/// A hash of our fields in a report. It is the same for the applied and for the stored report.
pub(super) fn fingerprint(report: &Json) -> u64 {
    let mut hasher = DefaultHasher::new();
    for field in ["source", "scope", "summary", "results"] {
        hash(&report[field], &mut hasher);
    }
    let metadata = &report["metadata"];
    metadata["labels"][LABEL].as_str().hash(&mut hasher);
    hash(&metadata["ownerReferences"], &mut hasher);
    hasher.finish()
}

/// It does not depend on the order of keys.
fn hash(value: &Json, hasher: &mut DefaultHasher) {
    match value {
        Json::Array(items) => {
            items.len().hash(hasher);
            for item in items {
                hash(item, hasher);
            }
        }
        Json::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            fields.len().hash(hasher);
            for (key, value) in fields {
                key.hash(hasher);
                hash(value, hasher);
            }
        }
        other => other.to_string().hash(hasher),
    }
}
