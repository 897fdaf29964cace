//! What a fix would write, as a unified diff. Nothing that could be secret is in it, so a line that
//! holds a password can't be patched with it.

use std::fmt::Write;
use std::ops::Range;

use similar::algorithms::{Capture, Compact, Replace, myers};
use similar::udiff::UnifiedHunkHeader;
use similar::{DiffOp, DiffableStr};

use super::run::{Report, SourceReport};
use modelendpoint_core::endpoint::quote::is_invisible;
use modelendpoint_lint::check::{Terms, check};
use modelendpoint_lint::manifests::Manifests;
use modelendpoint_lint::mask::Mask;
use modelendpoint_yaml::parse;
use modelendpoint_yaml::source::Lines;

#[must_use]
pub(crate) fn render(report: &Report) -> String {
    report.outcomes.iter().filter_map(|outcome| Some(one(outcome, outcome.fixed.as_deref()?))).collect()
}

fn one(outcome: &SourceReport, fixed: &str) -> String {
    let before = outcome.checked.mask.show_all(&outcome.text);
    let after = mask_of(fixed).show_all(fixed);
    let (before, after) = (before.tokenize_lines(), after.tokenize_lines());
    let shown = lines_of_endpoints(&outcome.text);
    // lines that break elsewhere, or were hidden: nothing to rely on
    let is_known = before.len() == outcome.text.lines().count();
    let may_show = |line: usize| {
        let lines = shown.get(shown.partition_point(|lines| lines.end <= line));
        is_known && lines.is_some_and(|lines| lines.contains(&line))
    };
    let mut text = format!("--- {}\n+++ {}\n", header('a', outcome), header('b', outcome));
    for hunk in hunks(&changes(&before, &after), may_show) {
        let _ = writeln!(text, "{}", UnifiedHunkHeader::new(&hunk));
        for change in hunk.iter().flat_map(|op| op.iter_changes(&before[..], &after[..])) {
            let line = change.value();
            let _ = write!(text, "{}{line}", change.tag());
            if !line.ends_with_newline() {
                text.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
    text
}

/// By one algorithm: `TextDiff` brings all five along, in variants that take 140 KB.
fn changes(before: &[&str], after: &[&str]) -> Vec<DiffOp> {
    let mut changes = Compact::new(Replace::new(Capture::new()), before, after);
    match myers::diff(&mut changes, before, 0..before.len(), after, 0..after.len()) {
        Ok(()) => changes.into_inner().into_inner().into_ops(),
        Err(never) => match never {},
    }
}

/// As `git apply` takes it below `a` or `b`: relative, without a dot, with a tab behind it where there is a
/// space in it, and like a string in C where there is something in it that could not be seen.
fn header(side: char, outcome: &SourceReport) -> String {
    let name = outcome.source.name();
    let name = name.trim_start_matches("./").trim_start_matches('/');
    if !name.contains(|character| is_invisible(character) || matches!(character, '"' | '\\')) {
        let end = if name.contains(' ') { "\t" } else { "" };
        return format!("{side}/{name}{end}");
    }
    let mut quoted = format!("\"{side}/");
    for character in name.chars() {
        if is_invisible(character) {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(quoted, "\\{byte:03o}");
            }
        } else {
            quoted.extend(matches!(character, '"' | '\\').then_some('\\'));
            quoted.push(character);
        }
    }
    quoted + "\""
}

fn mask_of(text: &str) -> Mask {
    let terms =
        Terms { policy: &modelendpoint_core::endpoint::policy::NONE, namespace: "", generation: None };
    check(text, terms).mask
}

/// The lines, from 0, of documents with nothing but endpoints in them, and the `---` around these. Beside
/// what can't be known to hold no secret, only what changes is shown.
fn lines_of_endpoints(source: &str) -> Vec<Range<usize>> {
    let text: Vec<_> = source.lines().collect();
    let lines = Lines::of(source);
    let is_separator = |line: usize| text.get(line).is_some_and(|text| text.trim_end() == "---");
    let documents = parse(source);
    let open = documents.iter().flatten().filter(|document| {
        let manifests = Manifests::of(document);
        !manifests.endpoints.is_empty() && manifests.skipped == 0 && manifests.unknown.is_empty()
    });
    open.map(|document| {
        let span = &document.node(document.root()).span;
        let end = source.get(..span.end).unwrap_or_default().trim_end().len();
        let (first, last) = (lines.position(span.start).line - 1, lines.position(end).line - 1);
        let before = usize::from(first > 0 && is_separator(first - 1));
        first - before..last + 1 + usize::from(is_separator(last + 1))
    })
    .collect()
}

/// Changes with up to three lines around them, as far as these may be shown.
fn hunks(ops: &[DiffOp], may_show: impl Fn(usize) -> bool) -> Vec<Vec<DiffOp>> {
    const AROUND: usize = 3;
    let (mut hunks, mut hunk) = (Vec::new(), Vec::new());
    for (at, op) in ops.iter().enumerate() {
        let DiffOp::Equal { old_index, new_index, len } = *op else {
            hunk.push(*op);
            continue;
        };
        let part =
            |skip, len| DiffOp::Equal { old_index: old_index + skip, new_index: new_index + skip, len };
        let shown = |line: &usize| may_show(old_index + line);
        let (is_first, is_last) = (at == 0, at + 1 == ops.len());
        let behind = if is_first { 0 } else { (0..len).take(AROUND).take_while(shown).count() };
        let before = if is_last { 0 } else { (0..len).rev().take(AROUND).take_while(shown).count() };
        if !is_first && !is_last && behind + before >= len {
            hunk.push(*op);
            continue;
        }
        if !is_first {
            hunk.extend((behind > 0).then(|| part(0, behind)));
            hunks.push(std::mem::take(&mut hunk));
        }
        hunk.extend((before > 0).then(|| part(len - before, before)));
    }
    if !hunk.is_empty() {
        hunks.push(hunk);
    }
    hunks
}
