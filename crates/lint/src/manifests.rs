//! A document in, its ModelEndpoints out, and a count of the other objects.

use std::collections::HashSet;

use modelendpoint_core::endpoint::gate::{Gate, KIND, Operation, Resource, Write, gate};
use modelendpoint_core::endpoint::{Field, Spec, Value};
use modelendpoint_yaml::{Document, Entry, Kind, NodeId};

/// The objects in a document.
#[derive(Debug, Default)]
pub struct Manifests {
    pub endpoints: Vec<Manifest>,
    pub unknown: Vec<Unknown>,
    /// Nodes of ModelEndpoints, or of what may be one, with a YAML tag that can change what kubectl reads.
    pub tagged: Vec<NodeId>,
    /// Objects of other kinds.
    pub skipped: usize,
}

/// A ModelEndpoint of the version that the webhook knows.
#[derive(Debug, Clone, Copy)]
pub struct Manifest {
    object: NodeId,
}

/// A ModelEndpoint of a version that the webhook does not know.
#[derive(Debug)]
pub struct Unknown {
    /// The position of the version.
    pub at: NodeId,
    pub api_version: String,
    pub kind: String,
}

/// How deeply lists may be nested.
const LISTS: usize = 8;

/// The type of an object, or the type that a list gives its items.
#[derive(Debug, Clone, Copy, Default)]
struct Type<'a> {
    kind: &'a str,
    api_version: &'a str,
}

impl Manifests {
    #[must_use]
    pub fn of(document: &Document<'_>) -> Self {
        let mut manifests = Self::default();
        manifests.take(document, document.root(), Type::default(), LISTS, &mut HashSet::new());
        manifests
    }

    fn take(
        &mut self,
        document: &Document<'_>,
        object: NodeId,
        listed_as: Type<'_>,
        depth: usize,
        seen: &mut HashSet<NodeId>,
    ) {
        let is_again = document.node(object).aliases > 0 && !seen.insert(object);
        if is_again || document.value(object) == Value::Absent {
            return;
        }
        if let Some(node) = tag_on_type(document, object) {
            self.tagged.push(node);
            return;
        }
        let text_or = |key, otherwise| document.text(object, key).unwrap_or(otherwise);
        let kind = text_or("kind", listed_as.kind);
        let api_version = text_or("apiVersion", listed_as.api_version);
        // As in apimachinery's unstructured lists, any object with a list of items is a list, whatever its kind.
        let items = document.get(object, "items").map(|items| &document.node(items.value).kind);
        if let Some(Kind::Sequence(items)) = items {
            let item = Type { kind: kind.strip_suffix("List").unwrap_or(kind), api_version };
            for id in items.iter().filter(|_| depth > 0) {
                self.take(document, *id, item, depth - 1, seen);
            }
            return;
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let manifest = Manifest { object };
        let created = Write {
            resource: Resource::of(group, version, kind),
            operation: Operation::Create,
            is_subresource: false,
            new: Some(manifest.spec(document)),
            old: None,
        };
        match gate(&created) {
            Gate::Judge => match document.odd_tag(object) {
                Some(node) => self.tagged.push(node),
                None => self.endpoints.push(manifest),
            },
            Gate::UnknownVersion => self.unknown.push(Unknown {
                at: document.get(object, "apiVersion").map_or(object, |entry| entry.value),
                api_version: api_version.to_owned(),
                kind: kind.to_owned(),
            }),
            // Without an `apiVersion`, which kubectl requires.
            Gate::Foreign if api_version.is_empty() && kind.eq_ignore_ascii_case(KIND) => {
                self.unknown.push(Unknown { at: object, api_version: String::new(), kind: kind.to_owned() });
            }
            Gate::Pass | Gate::Foreign | Gate::Unreadable(_) => self.skipped += 1,
        }
    }
}

/// A tag at the top of an object that can change its keys or its kind.
fn tag_on_type(document: &Document<'_>, object: NodeId) -> Option<NodeId> {
    let entries = document.entries(object).iter();
    let keys = entries.map(|entry| entry.key).filter(|key| document.has_odd_tag(*key));
    let types = ["kind", "apiVersion", "items"].into_iter().filter_map(|key| document.get(object, key));
    let types = types.map(|entry| entry.value).filter(|value| document.has_odd_tag(*value));
    keys.chain(types).next()
}

impl Manifest {
    /// What the webhook would receive.
    #[must_use]
    pub fn spec<'a>(self, document: &'a Document<'_>) -> Spec<'a> {
        Spec::read(|field| {
            self.entry(document, field).map_or(Value::Absent, |entry| document.value(entry.value))
        })
    }

    /// Where a field is written.
    #[must_use]
    pub fn entry<'a>(self, document: &'a Document<'_>, field: Field) -> Option<&'a Entry> {
        document.get(self.parent(document, field)?, key(field))
    }

    /// Where a field is written, unless it is merged in from elsewhere.
    #[must_use]
    pub(crate) fn own_entry<'a>(self, document: &'a Document<'_>, field: Field) -> Option<&'a Entry> {
        document.own(self.parent(document, field)?, key(field))
    }

    /// The mapping that contains a field.
    #[must_use]
    pub(crate) fn parent(self, document: &Document<'_>, field: Field) -> Option<NodeId> {
        let (_, above) = field.keys().split_last()?;
        above.iter().try_fold(self.object, |node, key| document.get(node, key).map(|entry| entry.value))
    }

    #[must_use]
    pub(crate) fn spec_node(self, document: &Document<'_>) -> Option<NodeId> {
        document.get(self.object, "spec").map(|spec| spec.value)
    }

    #[must_use]
    pub fn object(self) -> NodeId {
        self.object
    }

    /// A text in its metadata.
    #[must_use]
    pub fn metadata<'a>(self, document: &'a Document<'_>, key: &str) -> Option<&'a str> {
        document.text(document.get(self.object, "metadata")?.value, key)
    }
}

/// The field's key in that mapping.
#[must_use]
pub fn key(field: Field) -> &'static str {
    field.keys().last().copied().unwrap_or_default()
}
