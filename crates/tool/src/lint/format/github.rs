//! Findings as workflow commands: GitHub Actions shows each at its line of a pull request.

use std::fmt::Write;

use super::{Located, Span, seen, told};
use crate::lint::run::Report;
use modelendpoint_lint::finding::Level;

#[must_use]
pub(crate) fn render(report: &Report) -> String {
    let mut text = String::new();
    for Located { finding, at, .. } in told(report) {
        let command = match finding.level {
            Level::Deny => "error",
            Level::Warn => "warning",
            Level::Change => "notice",
        };
        let _ = write!(text, "::{command} title={}", property(finding.id));
        if let Some(Span { file, start, end, .. }) = at {
            let _ = write!(
                text,
                ",file={},line={},endLine={}",
                property(&seen(&file, &['\n', '\r'])),
                start.line,
                end.line
            );
            // Columns count only if there is a single line.
            if start.line == end.line {
                let _ = write!(text, ",col={},endColumn={}", start.column, end.column);
            }
        }
        let _ = writeln!(text, "::{}", data(&seen(&finding.sentence(), &['\n'])));
    }
    text
}

/// <https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts>, `escapeData`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// There, `escapeProperty`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
