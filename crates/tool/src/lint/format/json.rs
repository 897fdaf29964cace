//! Findings as JSON, in the format of docs/check.schema.json.

use serde_json::{Value, json};

use super::{Located, Span, located, printed};
use crate::lint::run::Report;
use modelendpoint_core::endpoint::rules::Applicability;

#[must_use]
pub(crate) fn render(report: &Report) -> String {
    let count = report.count();
    let document = json!({
        "version": 1,
        "files": files(report),
        "endpoints": count.endpoints,
        "refused": count.refused,
        "warned": count.warned,
        "changed": count.changed,
        "skipped": count.skipped,
        "fixed": report.outcomes.iter().map(|outcome| outcome.fixes).sum::<usize>(),
        "findings": located(report).map(|located| finding(&located)).collect::<Vec<_>>(),
    });
    printed(&document)
}

fn files(report: &Report) -> usize {
    report.outcomes.iter().filter(|outcome| !outcome.source.is_cluster()).count()
}

fn finding(located: &Located<'_>) -> Value {
    let Located { finding, at, .. } = located;
    let mut json = json!({
        "rule": finding.id,
        "severity": finding.level.word(),
        "message": finding.problem,
    });
    if let Some(Span { file, start, end, .. }) = at {
        json["file"] = json!(file);
        json["line"] = json!(start.line);
        json["column"] = json!(start.column);
        json["endLine"] = json!(end.line);
        json["endColumn"] = json!(end.column);
    }
    if let Some(field) = finding.field {
        json["field"] = json!(field.path());
    }
    if let Some(remedy) = &finding.remedy {
        json["instead"] = json!(remedy);
    }
    if let Some(suggestion) = &finding.suggestion {
        json["suggestion"] = json!(suggestion.value);
        json["applicability"] = json!(match suggestion.applicability {
            Applicability::Safe => "safe",
            Applicability::Unsafe => "unsafe",
        });
    }
    if let Some(name) = &finding.endpoint {
        json["namespace"] = json!(name.namespace);
        json["name"] = json!(name.name);
    }
    json
}
