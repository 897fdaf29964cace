//! Text in, one tree per document out. An alias leads to the node of its anchor, so that no document
//! grows beyond its text.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};

/// One document of a stream.
#[derive(Debug)]
pub struct Document<'a> {
    nodes: Vec<Node<'a>>,
}

/// A node's place in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(usize);

#[derive(Debug)]
pub struct Node<'a> {
    pub kind: Kind<'a>,
    /// Where it is written, in bytes, without anchor and tag.
    pub span: Range<usize>,
    /// How many aliases lead here.
    pub aliases: usize,
    /// Its tag, without `!!` or `!`.
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
    /// Where the value stands: for an alias, where the alias is written, not its anchor.
    pub written: Range<usize>,
    pub is_alias: bool,
}

/// Why a document can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub why: String,
    /// Where, in bytes.
    pub at: usize,
}

/// Reads every document; goes on behind a broken one where that is possible.
#[must_use]
pub fn parse(text: &str) -> Vec<Result<Document<'_>, Broken>> {
    let mut parser = Parser::new_from_str(text);
    let mut documents = Vec::new();
    let mut builder = Builder::default();
    while let Some(event) = parser.next_event() {
        match event {
            Ok((Event::DocumentEnd, _)) => documents.push(Ok(std::mem::take(&mut builder).finish())),
            Ok((event, span)) => builder.take(event, &span),
            Err(error) => {
                documents.push(Err(Broken::from(&error)));
                builder = Builder::default();
                if !matches!(parser.proceed_next_document(), Ok(true)) {
                    break;
                }
            }
        }
    }
    documents
}

impl<'a> Document<'a> {
    /// What the document is, as a whole.
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

    /// The entry of a mapping by its key, the last one of several; where none has it, that of the
    /// mappings that `<<` merges in.
    #[must_use]
    pub fn get(&self, mapping: NodeId, key: &str) -> Option<&Entry> {
        self.own(mapping, key).or_else(|| self.merged(mapping, key, MERGES))
    }

    /// The entry that stands in the mapping itself.
    #[must_use]
    pub fn own(&self, mapping: NodeId, key: &str) -> Option<&Entry> {
        self.entries(mapping).iter().rev().find(|entry| self.is_key(entry, key))
    }

    /// How often the mapping itself has the key.
    #[must_use]
    pub fn count(&self, mapping: NodeId, key: &str) -> usize {
        self.entries(mapping).iter().filter(|entry| self.is_key(entry, key)).count()
    }

    #[must_use]
    pub fn entries(&self, mapping: NodeId) -> &[Entry] {
        match &self.node(mapping).kind {
            Kind::Mapping { entries, .. } => entries,
            _ => &[],
        }
    }

    fn is_key(&self, entry: &Entry, key: &str) -> bool {
        matches!(&self.node(entry.key).kind, Kind::Scalar { text, .. } if text == key)
    }

    fn merged(&self, mapping: NodeId, key: &str, depth: usize) -> Option<&Entry> {
        let merge = self.own(mapping, "<<").filter(|_| depth > 0)?;
        let sources = match &self.node(merge.value).kind {
            Kind::Sequence(sources) => sources.as_slice(),
            _ => std::slice::from_ref(&merge.value),
        };
        let find = |source: &NodeId| self.own(*source, key).or_else(|| self.merged(*source, key, depth - 1));
        sources.iter().find_map(find)
    }
}

/// How deep mappings are merged into each other; an anchor can hold itself.
const MERGES: usize = 8;

impl From<&ScanError> for Broken {
    fn from(error: &ScanError) -> Self {
        Broken { why: error.info(), at: error.marker().byte_offset().unwrap_or_default() }
    }
}

#[derive(Default)]
struct Builder<'a> {
    nodes: Vec<Node<'a>>,
    /// Collections that are open, with the key that waits for its value.
    open: Vec<(NodeId, Option<NodeId>)>,
    anchors: HashMap<usize, NodeId>,
}

impl<'a> Builder<'a> {
    fn take(&mut self, event: Event<'a>, span: &Span) {
        let span = span.byte_range().unwrap_or_default();
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
        let tag = tag.map(|tag| tag.suffix().to_owned());
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
