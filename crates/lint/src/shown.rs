//! A source in; which of its lines may be shown out. This is for output like a diff, which shows more than the lines
//! of a finding.

use std::ops::Range;

use crate::manifests::{Manifest, Manifests};
use crate::mask::Mask;
use modelendpoint_yaml::{Document, Kind, Node, NodeId, parse};

/// For each line of a source, whether it may be shown: it must be a line of an endpoint without anything that could
/// be a secret, or be empty. A comment between documents, or an object of another kind, could contain anything.
#[must_use]
pub fn shown(source: &str) -> Vec<bool> {
    let (mut mask, mut endpoints) = (Mask::default(), Vec::new());
    for document in parse(source).iter().flatten() {
        let manifests = Manifests::of(document);
        mask.hide_in(source, document, &manifests);
        let is_open = manifests.skipped == 0 && manifests.unknown.is_empty() && manifests.tagged.is_empty();
        if is_open && !manifests.endpoints.is_empty() {
            endpoints.push(text_of(source, document, document.root()));
        } else {
            let objects = manifests.endpoints.into_iter().map(Manifest::object);
            endpoints.extend(objects.map(|object| text_of(source, document, object)));
        }
    }
    mask.seal();
    endpoints.sort_by_key(|endpoint| endpoint.start);
    let mut end = 0;
    let lines = source.split_inclusive('\n').map(|line| {
        let start = end;
        end += line.len();
        let at = start..start + line.trim_end().len();
        let is_open = is_bare(line) || endpoints.iter().any(|endpoint| is_line_of(source, &at, endpoint));
        is_open && !mask.touches(&(start..end))
    });
    lines.collect()
}

/// Whether a line contains only punctuation of documents, lists and mappings.
fn is_bare(line: &str) -> bool {
    line.chars().all(|character| character.is_whitespace() || "-{}[],".contains(character))
}

fn text_of(source: &str, document: &Document<'_>, node: NodeId) -> Range<usize> {
    let start = document.node(node).span.start;
    let text = source.get(start..end_of(source, document, node)).unwrap_or_default();
    start..start + text.trim_end().len()
}

/// The end of a node's text. The span of a node in block style extends to the next node, and includes comments that
/// belong to neither.
fn end_of(source: &str, document: &Document<'_>, node: NodeId) -> usize {
    let Node { span, kind, .. } = document.node(node);
    let is_in_flow = source.get(span.clone()).is_some_and(|text| text.starts_with(['{', '[']));
    // A node that is anchored elsewhere is not inside.
    let is_inside = |child: &&NodeId| {
        let at = &document.node(**child).span;
        **child > node && span.start <= at.start && at.end <= span.end
    };
    let children: Vec<_> = match kind {
        Kind::Sequence(items) if !is_in_flow => items.clone(),
        Kind::Mapping { entries, .. } if !is_in_flow => {
            entries.iter().flat_map(|entry| [entry.key, entry.value]).collect()
        }
        _ => return span.end,
    };
    let ends = children.iter().filter(is_inside).map(|child| end_of(source, document, *child));
    let aliases = document.entries(node).iter().filter(|entry| entry.is_alias).map(|entry| entry.written.end);
    ends.chain(aliases).max().unwrap_or(span.start)
}

/// Whether a line contains only text of an endpoint, and perhaps a comment after it.
fn is_line_of(source: &str, line: &Range<usize>, endpoint: &Range<usize>) -> bool {
    if line.start >= endpoint.end || line.end <= endpoint.start {
        return false;
    }
    let before = source.get(line.start..endpoint.start.max(line.start)).unwrap_or_default();
    let behind = source.get(endpoint.end.min(line.end)..line.end).unwrap_or_default();
    let behind = behind.split_once(" #").map_or(behind, |(behind, _)| behind);
    is_bare(before.trim_start_matches('\u{feff}')) && is_bare(behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line with a sign before it: `+` if it may be shown, `!` if not.
    fn signs(source: &str) -> String {
        let signs = shown(source).into_iter().map(|shown| if shown { '+' } else { '!' });
        signs
            .zip(source.split_inclusive('\n'))
            .fold(String::new(), |text, (sign, line)| text + &format!("{sign}{line}"))
    }

    fn plain(signed: &str) -> String {
        signed.split_inclusive('\n').map(|line| &line[1..]).collect()
    }

    #[test]
    fn the_lines_of_endpoints_are_shown_and_those_of_other_objects_are_not() {
        for signed in [
            "!# a comment that belongs to nobody\n+---\n+apiVersion: modelplane.ai/v1alpha1\n+kind: ModelEndpoint\n+spec:\n\
             +  # of the url\n+  url: http://h.example/\n+  rewritePath: / # last\n!# behind it\n+---\n!kind: Secret\n\
             !apiVersion: v1\n!stringData: {a: b}\n",
            "!kind: List\n!apiVersion: v1\n!items:\n+- apiVersion: modelplane.ai/v1alpha1\n+  kind: ModelEndpoint\n\
             +  spec:\n+    url: http://h.example/\n!    rewritePath: http://u:pw@h.example/\n!- kind: Secret\n\
             !  apiVersion: v1\n",
            "+{\n!  \"items\": [\n+    {\n+      \"apiVersion\": \"modelplane.ai/v1alpha1\", \"kind\": \"ModelEndpoint\",\n\
             +      \"spec\": {\"url\": \"http://h.example/\"}\n+    },\n!    {\"kind\": \"Secret\", \"apiVersion\": \"v1\"}\n\
             +  ]\n+}\n",
            "![{\"apiVersion\": \"modelplane.ai/v1alpha1\"}]\n",
            // a list of one has the span of its item
            "+kind: List\n+apiVersion: v1\n+items:\n+- apiVersion: modelplane.ai/v1alpha1\n+  kind: ModelEndpoint\n+  spec:\n\
             +    url: http://h.example/\n!# end\n",
            // An anchor that contains itself, and one that is used elsewhere.
            "+kind: List\n+apiVersion: v1\n+items: &l\n+- apiVersion: modelplane.ai/v1alpha1\n+  kind: ModelEndpoint\n\
             +  x: *l\n!# end\n",
            "!x: &s\n!  url: http://h.example/\n!kind: List\n!apiVersion: v1\n!items:\n\
             +- apiVersion: modelplane.ai/v1alpha1\n+  kind: ModelEndpoint\n+  spec: *s\n!# end\n!- kind: Secret\n",
        ] {
            assert_eq!(signs(&plain(signed)), signed);
        }
    }
}
