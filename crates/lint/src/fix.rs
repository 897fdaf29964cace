//! A source in, the corrected source out, to the requested extent.
//!
//! Everything else stays as it is, byte for byte. The result is parsed again: if it is not as intended, nothing is
//! changed.

use std::collections::HashSet;
use std::ops::Range;

use crate::check::{Terms, name_of};
use crate::finding::Finding;
use crate::manifests::{Manifest, Manifests, key};
use crate::migrate::insert_api;
use modelendpoint_core::endpoint::gate::Decision;
use modelendpoint_core::endpoint::mutation::DEFAULT;
use modelendpoint_core::endpoint::policy::Here;
use modelendpoint_core::endpoint::rules::{Applicability, Suggestion, Violation};
use modelendpoint_core::endpoint::{Field, Spec};
use modelendpoint_yaml::spelling::spell;
use modelendpoint_yaml::{Broken, Document, Entry, Kind, NodeId, ScalarStyle, parse};

/// What a fix writes in addition to certain corrections: slashes, white space, the canonical form of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Write guesses too.
    pub guesses: bool,
    /// Write the defaults of missing values, which then no longer follow their url.
    pub defaults: bool,
}

/// A fixed source.
#[derive(Debug, PartialEq, Eq)]
pub struct Fixed {
    pub text: String,
    /// The number of changed values.
    pub count: usize,
}

/// The source with corrected endpoints. `None` if there is nothing to change.
#[must_use]
pub fn fix(source: &str, terms: Terms<'_>, extent: Extent) -> Option<Fixed> {
    let mut fixed = fix_once(source, terms, extent)?;
    // If an alias was replaced with a value, its anchor may still need a correction.
    for _ in 1..ROUNDS {
        match fix_once(&fixed.text, terms, extent) {
            Some(again) => fixed = Fixed { count: fixed.count + again.count, ..again },
            None => break,
        }
    }
    Some(fixed)
}

/// The source with the value that a finding suggests. `None` if it suggests none, or if the endpoint shares the value
/// with others.
#[must_use]
pub fn take_suggestion(source: &str, finding: &Finding) -> Option<String> {
    let (field, value) = (finding.field?, &finding.suggestion.as_ref()?.value);
    parse(source).iter().flatten().find_map(|document| {
        let endpoints = Manifests::of(document).endpoints;
        let manifest = *endpoints.iter().find(|manifest| {
            let entry = manifest.own_entry(document, field);
            entry.is_some_and(|entry| document.node(entry.value).span.contains(&finding.at.start))
        })?;
        apply(source, edits_for(source, document, &[Wish { manifest, field, value: value.clone() }]))
    })
}

/// A correction can uncover one more.
const ROUNDS: usize = 4;

fn fix_once(source: &str, terms: Terms<'_>, extent: Extent) -> Option<Fixed> {
    let mut edits = Vec::new();
    let documents = parse(source);
    for document in documents.iter().flatten() {
        let mut wishes = Vec::new();
        let endpoints = Manifests::of(document).endpoints;
        for manifest in endpoints.iter().filter(|manifest| is_only_theirs(document, **manifest, &endpoints)) {
            wishes.extend(wishes_for(document, *manifest, terms, extent));
        }
        edits.extend(edits_for(source, document, &wishes));
    }
    let count = edits.len();
    let text = apply(source, edits)?;
    says_what_it_should(&documents, &parse(&text), terms, extent).then_some(Fixed { text, count })
}

/// Whether an anchored spec is used only as the spec of endpoints.
fn is_only_theirs(document: &Document<'_>, manifest: Manifest, endpoints: &[Manifest]) -> bool {
    let Some(spec) = manifest.spec_node(document) else { return false };
    let aliases = document.node(spec).aliases;
    let users = || endpoints.iter().filter(|endpoint| endpoint.spec_node(document) == Some(spec)).count();
    aliases == 0 || users() == aliases + 1
}

/// A field that should have another value.
struct Wish {
    manifest: Manifest,
    field: Field,
    value: String,
}

/// Corrected values.
type Wanted = Vec<(Field, String)>;

fn wishes_for(document: &Document<'_>, manifest: Manifest, terms: Terms<'_>, extent: Extent) -> Vec<Wish> {
    let namespace = name_of(document, manifest, terms).namespace;
    let wanted = wanted(manifest.spec(document), &terms.policy.here(&namespace), extent);
    wanted.into_iter().map(|(field, value)| Wish { manifest, field, value }).collect()
}

/// The intended values of the fields: corrected by the rules, and then as the webhook stores them.
fn wanted(spec: Spec<'_>, here: &Here<'_>, extent: Extent) -> Wanted {
    let mut wanted = Wanted::new();
    for _ in 0..ROUNDS {
        let decision = Decision::on_create(over(&wanted, spec), here);
        let mut corrected = Wanted::new();
        for Violation { rule, suggestion, .. } in &decision.violations {
            let is_new = corrected.iter().all(|(field, _)| *field != rule.field);
            let meant = suggestion.as_ref().filter(|meant| is_new && extent.takes(meant));
            corrected.extend(meant.map(|meant| (rule.field, meant.value.clone())));
        }
        if corrected.is_empty() {
            let change = decision.mutation.change.filter(|change| extent.defaults || change.id != DEFAULT);
            let change = change.map(|change| (change.field, change.value.into_owned()));
            if let Some(change) = change {
                set(&mut wanted, change);
            }
            break;
        }
        for change in corrected {
            set(&mut wanted, change);
        }
    }
    wanted.sort_by_key(|(field, _)| Field::ALL.iter().position(|other| other == field));
    wanted
}

fn set(wanted: &mut Wanted, (field, value): (Field, String)) {
    wanted.retain(|(other, _)| *other != field);
    wanted.push((field, value));
}

fn over<'a>(wanted: &'a Wanted, spec: Spec<'a>) -> Spec<'a> {
    wanted.iter().fold(spec, |spec, (field, value)| spec.with(*field, value))
}

impl Extent {
    fn takes(self, meant: &Suggestion) -> bool {
        self.guesses || meant.applicability == Applicability::Safe
    }
}

/// Bytes to replace.
#[derive(PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) at: Range<usize>,
    pub(crate) with: String,
}

fn edits_for(source: &str, document: &Document<'_>, wishes: &[Wish]) -> Vec<Edit> {
    let mut edits = Vec::new();
    for wish in wishes {
        let url = wish.manifest.own_entry(document, Field::Url);
        match (wish.manifest.own_entry(document, wish.field), wish.field) {
            (Some(entry), _) => edits.extend(replace(source, document, entry, wish, wishes)),
            // It is merged in from elsewhere, and others may use it too.
            (None, field) if wish.manifest.entry(document, field).is_some() => {}
            (None, Field::Prefix) => edits.extend(insert_prefix(source, document, wish)),
            (None, _) => edits.extend(url.and_then(|url| insert_field(source, document, url, wish))),
        }
    }
    edits
}

fn replace(
    source: &str,
    document: &Document<'_>,
    entry: &Entry,
    wish: &Wish,
    wishes: &[Wish],
) -> Option<Edit> {
    let node = document.node(entry.value);
    let Kind::Scalar { style, .. } = &node.kind else { return None };
    let in_flow = is_in_flow(document, wish.manifest);
    if entry.is_alias {
        // Its anchor gets the same value, if all its users want that value.
        let shared = shares(document, entry.value, wish, wishes);
        let spelled = spell(&wish.value, *style, in_flow);
        return (!shared).then(|| Edit { at: entry.written.clone(), with: spelled });
    }
    if node.aliases > 0 && !shares(document, entry.value, wish, wishes) {
        return None;
    }
    replace_value(source, document, entry, &wish.value, in_flow)
}

/// Replaces a value, and keeps its style.
pub(crate) fn replace_value(
    source: &str,
    document: &Document<'_>,
    entry: &Entry,
    value: &str,
    in_flow: bool,
) -> Option<Edit> {
    let node = document.node(entry.value);
    let Kind::Scalar { style, .. } = &node.kind else { return None };
    let mut at = node.span.clone();
    if at.is_empty() {
        // `rewritePath:` with nothing after it.
        let colon = source.get(at.start..)?.starts_with(':').then_some(at.start + 1)?;
        return Some(Edit { at: colon..colon, with: format!(" {}", spell(value, *style, in_flow)) });
    }
    if is_block(*style) {
        at.start = block_header(source, document.node(entry.key).span.end)?;
        at.end = at.start + source.get(at.clone())?.trim_end().len();
    }
    Some(Edit { at, with: spell(value, *style, in_flow) })
}

/// Replaces a key, and keeps its style.
pub(crate) fn replace_key(document: &Document<'_>, entry: &Entry, name: &str, in_flow: bool) -> Option<Edit> {
    let node = document.node(entry.key);
    let Kind::Scalar { style, .. } = &node.kind else { return None };
    Some(Edit { at: node.span.clone(), with: spell(name, *style, in_flow) })
}

fn is_block(style: ScalarStyle) -> bool {
    matches!(style, ScalarStyle::Literal | ScalarStyle::Folded)
}

/// Whether all users of an anchored value want the same new value.
fn shares(document: &Document<'_>, value: NodeId, wish: &Wish, wishes: &[Wish]) -> bool {
    let users = wishes.iter().filter(|other| {
        let entry = other.manifest.own_entry(document, other.field);
        other.value == wish.value && entry.is_some_and(|entry| entry.value == value)
    });
    users.count() == document.node(value).aliases + 1
}

/// The position of the `|` or `>` of a block scalar, after its key.
fn block_header(source: &str, key_end: usize) -> Option<usize> {
    let mut at = key_end;
    loop {
        let rest = source.get(at..)?;
        let token = rest.trim_start_matches([' ', '\t', '"', '\'', ':']);
        at += rest.len() - token.len();
        if token.starts_with(['|', '>']) {
            return Some(at);
        }
        // an anchor or a tag
        if !token.starts_with(['&', '!']) {
            return None;
        }
        at += token.find([' ', '\t', '\r', '\n'])?;
    }
}

/// A new prefix, after the schema or in an `api` of its own.
fn insert_prefix(source: &str, document: &Document<'_>, wish: &Wish) -> Option<Edit> {
    let Wish { manifest, value, .. } = wish;
    let Some(api) = manifest.parent(document, Field::Prefix) else {
        let origin = manifest.own_entry(document, Field::Origin)?;
        return insert_api(source, document, origin, is_in_flow(document, *manifest), value);
    };
    let schema = manifest.own_entry(document, Field::Schema)?;
    let in_flow = matches!(document.node(api).kind, Kind::Mapping { flow: true, .. });
    let text = format!("{}: {}", key(Field::Prefix), spell(value, ScalarStyle::Plain, in_flow));
    insert(source, document, schema, in_flow, &text)
}

/// A new field after the url, written in the same style.
fn insert_field(source: &str, document: &Document<'_>, url: &Entry, wish: &Wish) -> Option<Edit> {
    let Kind::Scalar { style, .. } = &document.node(url.value).kind else { return None };
    let Kind::Scalar { style: key_style, .. } = &document.node(url.key).kind else { return None };
    let in_flow = is_in_flow(document, wish.manifest);
    let name = spell(key(wish.field), *key_style, in_flow);
    let value = spell(&wish.value, *style, in_flow);
    insert(source, document, url, in_flow, &format!("{name}: {value}"))
}

/// New text after the url's line or, if the mapping is in flow style, after the url.
pub(crate) fn insert(
    source: &str,
    document: &Document<'_>,
    url: &Entry,
    in_flow: bool,
    text: &str,
) -> Option<Edit> {
    let key_node = document.node(url.key);
    let written = source.get(..url.written.end)?.trim_end().len();
    let line_start = source.get(..key_node.span.start)?.rfind('\n').map_or(0, |at| at + 1);
    let before = source.get(line_start..key_node.span.start)?.trim_start_matches('\u{feff}');
    let break_before = |at: usize| {
        let is_crlf = source.get(..at).is_some_and(|before| before.ends_with("\r\n"));
        if is_crlf { "\r\n" } else { "\n" }
    };
    if in_flow {
        let indented = before.trim().is_empty() && line_start > 0;
        let gap = if indented { format!("{}{before}", break_before(line_start)) } else { " ".to_owned() };
        return Some(Edit { at: written..written, with: format!(",{gap}{text}") });
    }
    let indent = " ".repeat(before.chars().count());
    let next_line = source.get(written..)?.find('\n').map(|rest| written + rest + 1);
    Some(if let Some(at) = next_line {
        Edit { at: at..at, with: format!("{indent}{text}{}", break_before(at)) }
    } else {
        let line = format!("{}{indent}{text}", break_before(line_start));
        Edit { at: source.len()..source.len(), with: line }
    })
}

pub(crate) fn is_in_flow(document: &Document<'_>, manifest: Manifest) -> bool {
    let spec = manifest.spec_node(document).map(|spec| &document.node(spec).kind);
    matches!(spec, Some(Kind::Mapping { flow: true, .. }))
}

pub(crate) fn apply(source: &str, mut edits: Vec<Edit>) -> Option<String> {
    edits.sort_by_key(|edit| (edit.at.start, edit.at.end));
    // Several endpoints can share a spec.
    edits.dedup();
    let mut fixed = String::with_capacity(source.len() + 64);
    let mut next = 0;
    for edit in &edits {
        fixed.push_str(source.get(next..edit.at.start)?);
        fixed.push_str(&edit.with);
        next = edit.at.end;
    }
    fixed.push_str(source.get(next..)?);
    (fixed != source).then_some(fixed)
}

type Parsed<'a> = Result<Document<'a>, Broken>;

/// Whether each endpoint is as intended or unchanged, and everything else is unchanged.
fn says_what_it_should(
    before: &[Parsed<'_>],
    after: &[Parsed<'_>],
    terms: Terms<'_>,
    extent: Extent,
) -> bool {
    before.len() == after.len()
        && before.iter().zip(after).all(|pair| match pair {
            (Ok(before), Ok(after)) => documents_agree(before, after, terms, extent),
            (Err(_), Err(_)) => true,
            _ => false,
        })
}

fn documents_agree(before: &Document<'_>, after: &Document<'_>, terms: Terms<'_>, extent: Extent) -> bool {
    let (old, new) = (Manifests::of(before).endpoints, Manifests::of(after).endpoints);
    let agree = |(old, new): (&Manifest, &Manifest)| {
        let (was, is) = (old.spec(before), new.spec(after));
        let namespace = name_of(before, *old, terms).namespace;
        let wanted = wanted(was, &terms.policy.here(&namespace), extent);
        let should = over(&wanted, was);
        Field::ALL
            .into_iter()
            .all(|field| [was, should].iter().any(|spec| spec.value(field) == is.value(field)))
    };
    old.len() == new.len() && old.iter().zip(&new).all(agree) && is_else_the_same(before, after, &old)
}

/// What a mapping is in an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Spec,
    Api,
    Other,
}

const API: &str = "api";

impl Part {
    /// The fields that a fix may change.
    fn fields(self) -> &'static [Field] {
        match self {
            Part::Spec => &[Field::Url, Field::RewritePath, Field::Origin, Field::Model],
            Part::Api => &[Field::Schema, Field::Prefix],
            Part::Other => &[],
        }
    }
}

/// Whether two documents are equal, except for the fields of these endpoints.
fn is_else_the_same(before: &Document<'_>, after: &Document<'_>, endpoints: &[Manifest]) -> bool {
    let endpoints: HashSet<_> = endpoints.iter().copied().map(Manifest::object).collect();
    let mut seen = HashSet::new();
    // Each with the fields that it may contain.
    let mut waiting = vec![(before.root(), after.root(), Part::Other)];
    while let Some(pair) = waiting.pop() {
        let (was, is, part) = pair;
        if !seen.insert(pair) {
            continue;
        }
        match (&before.node(was).kind, &after.node(is).kind) {
            _ if before.node(was).tag != after.node(is).tag => return false,
            (Kind::Sequence(old), Kind::Sequence(new)) if old.len() == new.len() => {
                waiting.extend(old.iter().zip(new).map(|(old, new)| (*old, *new, Part::Other)));
            }
            (Kind::Mapping { entries: old, .. }, Kind::Mapping { entries: new, .. }) => {
                let has_api = old.iter().any(|entry| before.is_key(entry, API));
                let kept = |document: &Document<'_>, entries: &[Entry]| {
                    let is_field = |entry: &&Entry| {
                        let is_new_api = part == Part::Spec && !has_api && document.is_key(entry, API);
                        is_new_api || part.fields().iter().any(|field| document.is_key(entry, key(*field)))
                    };
                    entries.iter().filter(|entry| !is_field(entry)).cloned().collect::<Vec<_>>()
                };
                let (old, new) = (kept(before, old), kept(after, new));
                if old.len() != new.len() {
                    return false;
                }
                for (old, new) in old.iter().zip(&new) {
                    let below = match part {
                        Part::Other if endpoints.contains(&was) && before.is_key(old, "spec") => Part::Spec,
                        Part::Spec if before.is_key(old, API) => Part::Api,
                        _ => Part::Other,
                    };
                    waiting.extend([(old.key, new.key, Part::Other), (old.value, new.value, below)]);
                }
            }
            (Kind::Scalar { text: old, style: was }, Kind::Scalar { text: new, style: is })
                if (old, was) == (new, is) => {}
            (Kind::Nothing, Kind::Nothing) => {}
            _ => return false,
        }
    }
    true
}
