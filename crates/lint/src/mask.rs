//! A source in, the parts of it that may be shown out: nothing that could be a password or a token.

use std::ops::Range;

use crate::manifests::Manifests;
use modelendpoint_core::endpoint::Field;
use modelendpoint_core::endpoint::url::Url;
use modelendpoint_yaml::spelling::locate;
use modelendpoint_yaml::{Document, Kind, NodeId};

/// Pieces of a source that are never shown, in bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask(Vec<Range<usize>>);

impl Mask {
    /// Hides what could be secret in a document with endpoints.
    pub(crate) fn hide_in(&mut self, source: &str, document: &Document<'_>, manifests: &Manifests) {
        if manifests.endpoints.is_empty() && manifests.tagged.is_empty() {
            return;
        }
        for node in document.nodes() {
            self.hide(source, document, node);
        }
        let fields = manifests.endpoints.iter().flat_map(|manifest| {
            Field::ALL.into_iter().filter_map(|field| Some((field, manifest.entry(document, field)?.value)))
        });
        for (field, value) in fields {
            match field {
                // Somebody may have pasted the key itself.
                Field::SecretName | Field::SecretKey => self.hide_all(document, value),
                _ => self.hide_all_but_the_path(source, document, value),
            }
        }
    }

    /// Hides what is secret in a value that is a url, in any field.
    fn hide(&mut self, source: &str, document: &Document<'_>, value: NodeId) {
        if matches!(&document.node(value).kind, Kind::Scalar { text, .. } if text.contains("://")) {
            self.hide_all_but_the_path(source, document, value);
        }
    }

    /// Hides a value.
    fn hide_all(&mut self, document: &Document<'_>, value: NodeId) {
        self.0.push(document.node(value).span.clone());
    }

    /// Hides what could be secret in a value that should be a url or a path.
    fn hide_all_but_the_path(&mut self, source: &str, document: &Document<'_>, value: NodeId) {
        let node = document.node(value);
        let Kind::Scalar { text, style } = &node.kind else { return };
        for secret in Url::split(text).secrets() {
            if secret.is_empty() {
                continue;
            }
            let spelling = source.get(node.span.clone()).unwrap_or_default();
            let hidden = locate(spelling, *style, text, secret)
                .map_or(node.span.clone(), |at| node.span.start + at.start..node.span.start + at.end);
            self.0.push(hidden);
        }
    }

    /// Sorts and merges the hidden pieces. Call this before anything is shown.
    pub(crate) fn seal(&mut self) {
        self.0.sort_by_key(|hidden| (hidden.start, hidden.end));
        self.0.dedup_by(|next, before| {
            let is_in = next.start < before.end;
            before.end = if is_in { before.end.max(next.end) } else { before.end };
            is_in
        });
    }

    /// A piece of the source with `…` for what is hidden, and the position of `at` in it.
    #[must_use]
    pub fn show(&self, source: &str, piece: &Range<usize>, at: &Range<usize>) -> (String, Range<usize>) {
        let mut shown = String::with_capacity(piece.len());
        let mut next = piece.start;
        // The position of a place of the source in the text that is shown so far.
        let mut start = None;
        let mut end = None;
        let first = self.0.partition_point(|hidden| hidden.end <= piece.start);
        for hidden in self.0.iter().skip(first).take_while(|hidden| hidden.start < piece.end) {
            let from = hidden.start.max(next);
            let to = hidden.end.min(piece.end);
            if from >= to {
                continue;
            }
            mark(&mut start, at.start, next..from, shown.len());
            mark(&mut end, at.end, next..from, shown.len());
            shown.push_str(source.get(next..from).unwrap_or_default());
            let before = shown.len();
            shown.push('…');
            if start.is_none() && at.start < to {
                start = Some(before);
            }
            if end.is_none() && at.end <= to {
                end = Some(shown.len());
            }
            next = to;
        }
        mark(&mut start, at.start, next..piece.end, shown.len());
        mark(&mut end, at.end, next..piece.end, shown.len());
        shown.push_str(source.get(next..piece.end).unwrap_or_default());
        let start = start.unwrap_or(shown.len());
        let end = end.unwrap_or(shown.len()).max(start);
        (shown, start..end)
    }

    /// Whether something in a piece of the source is hidden.
    pub(crate) fn touches(&self, piece: &Range<usize>) -> bool {
        let first = self.0.partition_point(|hidden| hidden.end <= piece.start);
        self.0.get(first).is_some_and(|hidden| hidden.start < piece.end)
    }
}

fn mark(found: &mut Option<usize>, wanted: usize, piece: Range<usize>, shown: usize) {
    if found.is_none() && wanted >= piece.start && wanted <= piece.end {
        *found = Some(shown + wanted - piece.start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_hidden_once() {
        let mut mask = Mask(vec![7..9, 1..4, 3..5, 1..2, 5..6]);
        mask.seal();
        assert_eq!(mask, Mask(vec![1..5, 5..6, 7..9]));
        assert_eq!(mask.show("0123456789", &(0..10), &(0..0)).0, "0……6…9");
        let touched = (0..10).filter(|at| mask.touches(&(*at..at + 1)));
        assert_eq!(touched.collect::<Vec<_>>(), [1, 2, 3, 4, 5, 7, 8]);
    }

    #[test]
    fn what_is_hidden_is_one_character_and_a_place_moves_with_it() {
        let source = "url: http://user:s3cret@h:0/?key=s3cret";
        let mask = Mask(vec![12..23, 29..39]);
        let show = |at: Range<usize>| {
            let (shown, at) = mask.show(source, &(0..source.len()), &at);
            assert_eq!(shown, "url: http://…@h:0/?…");
            shown[at].to_owned()
        };
        assert_eq!(show(24..25), "h");
        assert_eq!(show(26..27), "0");
        assert_eq!(show(12..23), "…");
        assert_eq!(show(14..16), "…");
        assert_eq!(show(29..39), "…");
        assert_eq!(show(5..39), "http://…@h:0/?…");
        assert_eq!(mask.show(source, &(24..29), &(26..27)), ("h:0/?".to_owned(), 2..3));
    }
}
