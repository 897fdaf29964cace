//! Text in, one tree per document out. An alias points to the node of its anchor, so that no document grows beyond
//! its text.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};
use serde::de::IgnoredAny;

/// One document of a stream.
#[derive(Debug)]
pub struct Document<'a> {
    nodes: Vec<Node<'a>>,
}

/// The index of a node in its document. A node comes before the nodes in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

#[derive(Debug)]
pub struct Node<'a> {
    pub kind: Kind<'a>,
    /// The position in bytes, without anchor and tag.
    pub span: Range<usize>,
    /// The number of aliases that point here.
    pub aliases: usize,
    /// Its tag, resolved: `tag:yaml.org,2002:str` for `!!str`, `!x` for `!x`.
    pub tag: Option<String>,
}

#[derive(Debug)]
pub enum Kind<'a> {
    Scalar {
        text: Cow<'a, str>,
        style: ScalarStyle,
    },
    Sequence(Vec<NodeId>),
    Mapping {
        entries: Vec<Entry>,
        flow: bool,
    },
    /// Nothing: an empty document.
    Nothing,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: NodeId,
    pub value: NodeId,
    /// The position of the value. For an alias, it is that of the alias and not of its anchor.
    pub written: Range<usize>,
    pub is_alias: bool,
}

/// Why a document can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub why: String,
    /// The position, in bytes.
    pub at: usize,
}

/// Reads every document. After a broken one, it continues if possible.
#[must_use]
pub fn parse(text: &str) -> Vec<Result<Document<'_>, Broken>> {
    let mut documents = Vec::new();
    for piece in json_values(text) {
        parse_piece(text, piece, &mut documents);
    }
    documents
}

/// Splits JSON values that follow each other without a separator, as `jq` writes them and kubectl reads them.
/// Everything else is one piece.
fn json_values(text: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut next = 0;
    if text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        let begin = text.len() - text.trim_start_matches('\u{feff}').len();
        let mut values = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<IgnoredAny>();
        while let Some(Ok(_)) = values.next() {
            let end = begin + values.byte_offset();
            pieces.push(next..end);
            next = end;
        }
    }
    if pieces.is_empty() || !text[next..].trim().is_empty() {
        pieces.push(next..text.len());
    }
    pieces
}

/// YAML 1.1, which kubectl reads, ends a line at these characters; YAML 1.2 does not. So what looks like a
/// comment here can be a field there. JSON has no such lines.
fn foreign_line_break(text: &str, piece: &Range<usize>) -> Option<Broken> {
    let written = &text[piece.clone()];
    let (at, found) =
        written.char_indices().find(|(_, c)| matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}'))?;
    if serde_json::from_str::<IgnoredAny>(written.trim_start_matches('\u{feff}')).is_ok() {
        return None;
    }
    let code = u32::from(found);
    Some(Broken {
        why: format!(
            "kubectl ends the line at the invisible character U+{code:04X}; delete it, or write it as \\u{code:04x} in double quotes"
        ),
        at: piece.start + at,
    })
}

fn parse_piece<'a>(text: &'a str, piece: Range<usize>, documents: &mut Vec<Result<Document<'a>, Broken>>) {
    if let Some(broken) = foreign_line_break(text, &piece) {
        documents.push(Err(broken));
        return;
    }
    let mut parser = Parser::new_from_str(&text[piece.clone()]);
    let begin = || Builder { offset: piece.start, ..Builder::default() };
    let mut builder = begin();
    while let Some(event) = parser.next_event() {
        match event {
            Ok((Event::DocumentEnd, _)) => {
                documents.push(Ok(std::mem::replace(&mut builder, begin()).finish()));
            }
            Ok((event, span)) => builder.take(event, &span),
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or_default() + piece.start;
                documents.push(Err(Broken { why: error.info(), at }));
                builder = begin();
                if !matches!(parser.proceed_next_document(), Ok(true)) {
                    break;
                }
            }
        }
    }
}

impl<'a> Document<'a> {
    /// The root node of the document.
    #[must_use]
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id.0]
    }

    /// Every node, each once.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// The entry of a mapping by its key, as kubectl finds it: the last one counts, whether it is an entry or merged
    /// in by a `<<`.
    #[must_use]
    pub fn get(&self, mapping: NodeId, key: &str) -> Option<&Entry> {
        self.find(mapping, key, &mut Vec::new())
    }

    /// The same, if it is in the mapping itself.
    #[must_use]
    pub fn own(&self, mapping: NodeId, key: &str) -> Option<&Entry> {
        let counts =
            |entry: &&Entry| self.is_key(entry, key) || self.merged(entry, key, &mut Vec::new()).is_some();
        let entry = self.entries(mapping).iter().rev().find(counts)?;
        self.is_key(entry, key).then_some(entry)
    }

    /// Whether the key appears more than once, so that parsers differ in which one counts: several times in the
    /// mapping itself, or before a `<<` that also has it.
    #[must_use]
    pub fn is_twice(&self, mapping: NodeId, key: &str) -> bool {
        let mut is_known = false;
        self.entries(mapping).iter().any(|entry| {
            let is_own = self.is_key(entry, key);
            let is_again = is_known && (is_own || self.merged(entry, key, &mut Vec::new()).is_some());
            is_known |= is_own;
            is_again
        })
    }

    /// The first node, among this one and all below it, with a tag that can change what kubectl reads. `!!str` on
    /// text, `!!map` on a mapping and `!!seq` on a sequence change nothing.
    #[must_use]
    pub fn odd_tag(&self, top: NodeId) -> Option<NodeId> {
        let mut seen = HashSet::new();
        let mut open = vec![top];
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            if self.has_odd_tag(id) {
                return Some(id);
            }
            match &self.node(id).kind {
                Kind::Sequence(items) => open.extend(items.iter().rev()),
                Kind::Mapping { entries, .. } => {
                    open.extend(entries.iter().rev().flat_map(|entry| [entry.value, entry.key]));
                }
                Kind::Scalar { .. } | Kind::Nothing => {}
            }
        }
        None
    }

    /// Whether the node itself has such a tag.
    #[must_use]
    pub fn has_odd_tag(&self, id: NodeId) -> bool {
        let node = self.node(id);
        let plain = match node.kind {
            Kind::Scalar { .. } => "tag:yaml.org,2002:str",
            Kind::Sequence(_) => "tag:yaml.org,2002:seq",
            Kind::Mapping { .. } => "tag:yaml.org,2002:map",
            Kind::Nothing => "",
        };
        node.tag.as_deref().is_some_and(|tag| tag != plain)
    }

    #[must_use]
    pub fn entries(&self, mapping: NodeId) -> &[Entry] {
        match &self.node(mapping).kind {
            Kind::Mapping { entries, .. } => entries,
            _ => &[],
        }
    }

    /// Whether the entry has this key.
    #[must_use]
    pub fn is_key(&self, entry: &Entry, key: &str) -> bool {
        matches!(&self.node(entry.key).kind, Kind::Scalar { text, .. } if text == key)
    }

    fn find(&self, mapping: NodeId, key: &str, seen: &mut Vec<NodeId>) -> Option<&Entry> {
        self.entries(mapping).iter().rev().find_map(|entry| {
            if self.is_key(entry, key) { Some(entry) } else { self.merged(entry, key, seen) }
        })
    }

    /// The entry that a `<<` merges in, from the first mapping that has it.
    fn merged(&self, merge: &Entry, key: &str, seen: &mut Vec<NodeId>) -> Option<&Entry> {
        let is_merge = matches!(&self.node(merge.key).kind,
            Kind::Scalar { text, style: ScalarStyle::Plain } if text == "<<");
        if !is_merge {
            return None;
        }
        let sources = match &self.node(merge.value).kind {
            Kind::Sequence(sources) => sources.as_slice(),
            _ => std::slice::from_ref(&merge.value),
        };
        sources.iter().find_map(|source| {
            // An anchor can contain itself.
            if seen.len() == MERGES || seen.contains(source) {
                return None;
            }
            seen.push(*source);
            self.find(*source, key, seen)
        })
    }
}

/// The most mappings that are merged into one.
const MERGES: usize = 256;

#[derive(Default)]
struct Builder<'a> {
    /// The position in the source at which the parsed text begins.
    offset: usize,
    nodes: Vec<Node<'a>>,
    /// Open collections, each with the key that still needs its value.
    open: Vec<(NodeId, Option<NodeId>)>,
    anchors: HashMap<usize, NodeId>,
}

impl<'a> Builder<'a> {
    fn take(&mut self, event: Event<'a>, span: &Span) {
        let span = span.byte_range().unwrap_or_default();
        let span = span.start + self.offset..span.end + self.offset;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.add(Kind::Scalar { text, style }, span, anchor, tag.as_deref());
            }
            Event::SequenceStart(_, anchor, tag) => {
                let id = self.add(Kind::Sequence(Vec::new()), span, anchor, tag.as_deref());
                self.open.push((id, None));
            }
            Event::MappingStart(style, anchor, tag) => {
                let flow = style == granit_parser::StructureStyle::Flow;
                let kind = Kind::Mapping { entries: Vec::new(), flow };
                let id = self.add(kind, span, anchor, tag.as_deref());
                self.open.push((id, None));
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some((id, _)) = self.open.pop() {
                    let node = &mut self.nodes[id.0];
                    node.span.end = span.end.max(node.span.end);
                }
            }
            Event::Alias(anchor) => {
                if let Some(id) = self.anchors.get(&anchor).copied() {
                    self.nodes[id.0].aliases += 1;
                    self.attach(id, span, true);
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, kind: Kind<'a>, span: Range<usize>, anchor: usize, tag: Option<&Tag>) -> NodeId {
        let id = NodeId(self.nodes.len());
        let tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()));
        self.nodes.push(Node { kind, span: span.clone(), aliases: 0, tag });
        if anchor > 0 {
            self.anchors.insert(anchor, id);
        }
        self.attach(id, span, false);
        id
    }

    fn attach(&mut self, id: NodeId, written: Range<usize>, is_alias: bool) {
        let Some((parent, key)) = self.open.last_mut() else { return };
        match (&mut self.nodes[parent.0].kind, key.take()) {
            (Kind::Sequence(items), _) => items.push(id),
            (Kind::Mapping { .. }, None) => *key = Some(id),
            (Kind::Mapping { entries, .. }, Some(key)) => {
                entries.push(Entry { key, value: id, written, is_alias });
            }
            _ => {}
        }
    }

    fn finish(mut self) -> Document<'a> {
        if self.nodes.is_empty() {
            self.nodes.push(Node { kind: Kind::Nothing, span: 0..0, aliases: 0, tag: None });
        }
        Document { nodes: self.nodes }
    }
}
