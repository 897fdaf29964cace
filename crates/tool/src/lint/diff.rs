//! Fixed files in, a unified diff that `git apply` and `patch -p1` accept out.
//!
//! The diff contains nothing that could be secret. Changes that can't be applied without such a line are left out,
//! and reported.

use std::collections::BTreeSet;
use std::fmt::Write;

use similar::DiffOp;
use similar::algorithms::{Capture, Compact, Replace, myers};
use similar::udiff::UnifiedHunkHeader;

use super::patched::Named;
use super::run::{Report, SourceReport};
use modelendpoint_lint::shown::shown;

/// The text of the diff.
#[derive(Debug, Default)]
pub(crate) struct Diff {
    pub(crate) text: String,
    /// Why the diff does not contain all changes, for people.
    pub(crate) notes: Vec<String>,
}

/// The diff of everything that has a fix. `instead` says how to write what is left out.
#[must_use]
pub(crate) fn render(report: &Report, instead: &str) -> Diff {
    let mut diff = Diff::default();
    for outcome in &report.outcomes {
        if let Some(fixed) = &outcome.fixed {
            diff.add(outcome, fixed, instead);
        }
    }
    diff
}

impl Diff {
    fn add(&mut self, outcome: &SourceReport, fixed: &str, instead: &str) {
        let (after, left_out) = what_can_be_shown(&outcome.text, fixed);
        let before: Vec<_> = outcome.text.split_inclusive('\n').collect();
        let hunks = hunks(&changes(&before, &after), &shown(&outcome.text));
        let path = Named::of(&outcome.source);
        if !hunks.is_empty() {
            let _ = writeln!(self.text, "--- {}\n+++ {}", path.below('a'), path.below('b'));
        }
        for hunk in &hunks {
            let _ = writeln!(self.text, "{}", UnifiedHunkHeader::new(hunk));
            for change in hunk.iter().flat_map(|op| op.iter_changes(&before[..], &after[..])) {
                let line = change.value();
                let _ = write!(self.text, "{}{line}", change.tag());
                if !line.ends_with('\n') {
                    self.text.push_str("\n\\ No newline at end of file\n");
                }
            }
        }
        let name = outcome.source.name();
        if path.is_outside && !hunks.is_empty() {
            self.notes
                .push(format!("{name} is outside of the working directory; apply its part of the diff in /"));
        }
        if !left_out.is_empty() {
            let lines: Vec<_> = left_out.iter().map(ToString::to_string).collect();
            let plural = if lines.len() == 1 { "" } else { "s" };
            self.notes.push(format!(
                "the diff leaves out line{plural} {} of {name}, because a secret could be there or in the next line; \
                 {instead}",
                lines.join(", ")
            ));
        }
    }
}

/// The fixed lines, in which changes that can't be shown are undone, and the numbers of those lines, from 1.
fn what_can_be_shown<'a>(text: &'a str, fixed: &'a str) -> (Vec<&'a str>, BTreeSet<usize>) {
    let before = lines(text);
    let mut after = lines(fixed);
    let mut left_out = BTreeSet::new();
    loop {
        let count = left_out.len();
        let mut kept = Vec::with_capacity(after.len());
        for op in changes(&texts(&before), &texts(&after)) {
            let (old, new) = (&before[op.old_range()], &after[op.new_range()]);
            if matches!(op, DiffOp::Equal { .. }) {
                kept.extend_from_slice(new);
                continue;
            }
            // Git requires a line after a change, unless the change is at the end of the file.
            let is_followed = before.get(op.old_range().end).is_none_or(|next| next.shown);
            let pieces = if old.len() == new.len() { old.len() } else { 1 };
            let sizes = (old.len() / pieces.max(1), new.len() / pieces.max(1));
            for piece in 0..pieces {
                let old = &old[piece * sizes.0..][..sizes.0];
                let new = &new[piece * sizes.1..][..sizes.1];
                let is_followed = is_followed || piece + 1 < pieces;
                if is_followed && old.iter().chain(new).all(|line| line.shown) {
                    kept.extend_from_slice(new);
                } else {
                    kept.extend_from_slice(old);
                    left_out.insert(op.old_range().start + piece * sizes.0 + 1);
                }
            }
        }
        after = kept;
        // An unchanged line can now be the one after a change.
        if left_out.len() == count {
            return (texts(&after), left_out);
        }
    }
}

#[derive(Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    shown: bool,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    text.split_inclusive('\n').zip(shown(text)).map(|(text, shown)| Line { text, shown }).collect()
}

fn texts<'a>(lines: &[Line<'a>]) -> Vec<&'a str> {
    lines.iter().map(|line| line.text).collect()
}

/// Uses a single algorithm: `TextDiff` includes all five, in variants that take 140 KB.
fn changes(before: &[&str], after: &[&str]) -> Vec<DiffOp> {
    let mut changes = Compact::new(Replace::new(Capture::new()), before, after);
    match myers::diff(&mut changes, before, 0..before.len(), after, 0..after.len()) {
        Ok(()) => changes.into_inner().into_inner().into_ops(),
        Err(never) => match never {},
    }
}

/// Changes with up to three lines around them, if these may be shown.
fn hunks(ops: &[DiffOp], lines: &[bool]) -> Vec<Vec<DiffOp>> {
    const AROUND: usize = 3;
    let may_show = |line: usize| lines.get(line) == Some(&true);
    let mut hunks: Vec<Hunk> = Vec::new();
    for op in ops.iter().filter(|op| !matches!(op, DiffOp::Equal { .. })) {
        let (start, end) = (op.old_range().start, op.old_range().end);
        let before = (0..start).rev().take(AROUND).take_while(|line| may_show(*line)).count();
        let behind = (end..lines.len()).take(AROUND).take_while(|line| may_show(*line)).count();
        match hunks.last_mut() {
            Some(last) if last.end + last.behind >= start - before => {
                last.ops.push(*op);
                (last.end, last.behind) = (end, behind);
            }
            _ => hunks.push(Hunk { ops: vec![*op], start, end, before, behind }),
        }
    }
    hunks.into_iter().map(|hunk| hunk.balanced(lines.len()).with_context()).collect()
}

/// Changes that are near each other, and the number of lines to show around them, as lines of the old text.
struct Hunk {
    ops: Vec<DiffOp>,
    start: usize,
    end: usize,
    before: usize,
    behind: usize,
}

impl Hunk {
    /// Makes the number of lines before and after equal, because `patch` takes the shorter side as the edge of the
    /// file.
    fn balanced(mut self, lines: usize) -> Self {
        if self.start > self.before {
            self.behind = self.behind.min(self.before.max(1));
        }
        if self.end + self.behind < lines {
            self.before = self.before.min(self.behind);
        }
        self
    }

    fn with_context(&self) -> Vec<DiffOp> {
        let mut ops = Vec::with_capacity(2 * self.ops.len() + 1);
        let mut at = self.start - self.before;
        for op in &self.ops {
            let (old, new) = (op.old_range(), op.new_range());
            let len = old.start - at;
            ops.extend((len > 0).then(|| DiffOp::Equal { old_index: at, new_index: new.start - len, len }));
            ops.push(*op);
            at = old.end;
        }
        if let Some(last) = self.ops.last().filter(|_| self.behind > 0) {
            ops.push(DiffOp::Equal { old_index: at, new_index: last.new_range().end, len: self.behind });
        }
        ops
    }
}
