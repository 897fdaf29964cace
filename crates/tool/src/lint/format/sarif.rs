//! Findings as SARIF 2.1.0, for code scanning.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Located, Span, located, printed};
use crate::lint::run::Report;
use modelendpoint_core::endpoint::mutation;
use modelendpoint_core::endpoint::rules::{self, Severity};
use modelendpoint_lint::finding::{Level, OTHERS};

#[must_use]
pub(crate) fn render(report: &Report) -> String {
    let catalogue = catalogue();
    let results: Vec<_> = located(report).map(|located| result(&located, &catalogue)).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": env!("CARGO_PKG_NAME"),
                "version": env!("CARGO_PKG_VERSION"),
                "rules": catalogue,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    printed(&document)
}

/// Every id that a finding can have.
fn catalogue() -> Vec<Value> {
    let rules = rules::ALL.into_iter().map(|rule| {
        let level = match rule.severity {
            Severity::Deny => "error",
            Severity::Warn => "warning",
        };
        let mut entry = descriptor(rule.id, rule.summary, level);
        entry["fullDescription"] = json!({ "text": rule.reason });
        entry["help"] = json!({ "text": rule.instead });
        entry["helpUri"] = json!(rules::page(rule.id));
        entry
    });
    let mutations = mutation::ALL.iter().map(|doc| {
        let mut entry = descriptor(doc.id, doc.summary, "note");
        entry["fullDescription"] = json!({ "text": doc.reason });
        entry["helpUri"] = json!(rules::page(doc.id));
        entry
    });
    let others = OTHERS.iter().map(|(id, summary)| descriptor(id, summary, "error"));
    rules.chain(mutations).chain(others).collect()
}

fn descriptor(id: &str, summary: &str, level: &str) -> Value {
    json!({
        "id": id,
        "shortDescription": { "text": summary },
        "defaultConfiguration": { "level": level },
    })
}

fn result(located: &Located<'_>, catalogue: &[Value]) -> Value {
    let Located { finding, at, .. } = located;
    let level = match finding.level {
        Level::Deny => "error",
        Level::Warn => "warning",
        Level::Change => "note",
    };
    let mut location = json!({});
    if let Some(Span { file, start, end, .. }) = at {
        location["physicalLocation"] = json!({
            "artifactLocation": { "uri": uri(file) },
            "region": {
                "startLine": start.line,
                "startColumn": start.column,
                "endLine": end.line,
                "endColumn": end.column,
            },
        });
    }
    if let Some(name) = &finding.endpoint {
        let full = format!("{}/{}", name.namespace, name.name);
        location["logicalLocations"] = json!([{ "fullyQualifiedName": full, "kind": "resource" }]);
    }
    json!({
        "ruleId": finding.id,
        "ruleIndex": catalogue.iter().position(|entry| entry["id"] == finding.id),
        "level": level,
        "message": { "text": finding.sentence() },
        "locations": [location],
    })
}

/// A path as a reference (RFC 3986, section 4.2).
fn uri(file: &str) -> String {
    let mut uri = String::new();
    if file.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in file.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}
