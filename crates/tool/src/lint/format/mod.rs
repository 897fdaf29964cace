//! Findings in, text for people or for machines out.

pub(crate) mod github;
pub(crate) mod json;
pub(crate) mod sarif;
pub(crate) mod text;

use std::fmt::Write;

use serde_json::Value;

use super::run::{Report, SourceReport};
use modelendpoint_core::endpoint::quote::{Seen, is_invisible};
use modelendpoint_lint::finding::{Finding, Level};
use modelendpoint_yaml::source::{Lines, Position};

/// A finding with its file and its position there.
pub(crate) struct Located<'a> {
    pub finding: &'a Finding,
    pub outcome: &'a SourceReport,
    /// `None` for the objects of a cluster.
    pub at: Option<Span>,
}

/// A range in a file.
pub(crate) struct Span {
    pub file: String,
    pub start: Position,
    /// The position after the last character.
    pub end: Position,
    /// The first line of the surrounding text that is shown.
    pub shown_from: usize,
}

/// Text in which nothing can hide from the reader or control a terminal: control and invisible characters appear as
/// code points, except for those that the format itself needs.
#[must_use]
pub(crate) fn seen(text: &str, needed: &[char]) -> String {
    text.split_inclusive(needed).fold(String::with_capacity(text.len()), |mut seen, piece| {
        let end = piece.char_indices().next_back().filter(|(_, last)| needed.contains(last));
        let (piece, last) = piece.split_at(end.map_or(piece.len(), |(end, _)| end));
        let _ = write!(seen, "{}{last}", Seen(piece));
        seen
    })
}

/// JSON for programs. Invisible characters are only in strings, and their escapes mean the same.
fn printed(document: &Value) -> String {
    let json = format!("{document:#}\n");
    json.chars().fold(String::with_capacity(json.len()), |mut printed, character| {
        if character == '\n' || !is_invisible(character) {
            printed.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(printed, "\\u{unit:04x}");
            }
        }
        printed
    })
}

/// The findings for people: all of them, but changes of fine endpoints only on request.
pub(crate) fn told(report: &Report) -> impl Iterator<Item = Located<'_>> {
    located(report).filter(|located| report.is_verbose || located.finding.level != Level::Change)
}

/// Every finding, file by file, from top to bottom.
pub(crate) fn located(report: &Report) -> impl Iterator<Item = Located<'_>> {
    report.outcomes.iter().flat_map(|outcome| {
        let lines = Lines::of(&outcome.text);
        let file = outcome.source.name();
        outcome.checked.findings.iter().map(move |finding| Located {
            finding,
            outcome,
            at: (!outcome.source.is_cluster()).then(|| Span {
                file: file.clone(),
                start: lines.position(finding.at.start),
                end: lines.position(finding.at.end),
                shown_from: lines.position(finding.context.as_ref().map_or(0, |context| context.start)).line,
            }),
        })
    })
}
