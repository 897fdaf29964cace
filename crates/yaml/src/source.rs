//! A position in a text, in bytes, in; its line and column out.

use std::ops::Range;

/// A text whose lines are known.
#[derive(Debug)]
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

/// A line and a column, both from 1; a column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl<'a> Lines<'a> {
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        let behind = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Lines { text, starts: std::iter::once(0).chain(behind).collect() }
    }

    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    #[must_use]
    pub fn position(&self, at: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self.starts[line - 1];
        let before = self.text.get(start..at).unwrap_or_default();
        // A byte order mark at the start does not count as a column.
        let column = before.trim_start_matches('\u{feff}').chars().count() + 1;
        Position { line, column }
    }

    /// The lines that a range touches, without the final line break.
    #[must_use]
    pub fn around(&self, range: &Range<usize>) -> Range<usize> {
        let first = self.starts.partition_point(|start| *start <= range.start) - 1;
        let last = range.end.max(range.start + 1) - 1;
        let next = self.starts.partition_point(|start| *start <= last);
        let end = self.starts.get(next).map_or(self.text.len(), |start| start - 1);
        let start = self.starts[first];
        let shown = self.text.get(start..end).unwrap_or_default();
        start..start + shown.trim_end_matches('\r').len()
    }
}
