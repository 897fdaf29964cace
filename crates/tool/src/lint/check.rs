//! A source in, what the webhook would say of its ModelEndpoints out.
//!
//! The verdict is the served webhook's by construction: the same functions judge the same two fields.

use std::borrow::Cow;
use std::ops::Range;

use super::finding::{BROKEN, Finding, Level, Name, TWICE, VERSION};
use super::manifests::{Manifest, Manifests, key};
use super::mask::Mask;
use modelendpoint_core::endpoint::mutation::{self, Mutation, Ownership, Warning};
use modelendpoint_core::endpoint::quote::Quoted;
use modelendpoint_core::endpoint::rules::{self, Severity, Subject, Violation};
use modelendpoint_core::endpoint::{Field, Policy, Spec, Value};
use modelendpoint_yaml::source::Lines;
use modelendpoint_yaml::spelling::locate;
use modelendpoint_yaml::{Broken, Document, Kind, NodeId, parse};

/// What the manifests are held against.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    pub policy: &'a Policy,
    /// The namespace of manifests that name none.
    pub namespace: &'a str,
}

/// What was found in a source.
#[derive(Debug, Default)]
pub struct Checked {
    pub findings: Vec<Finding>,
    pub mask: Mask,
    pub count: Count,
}

/// How many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub endpoints: usize,
    pub refused: usize,
    pub warned: usize,
    pub changed: usize,
    /// Objects of other kinds.
    pub skipped: usize,
}

/// What the webhook makes of a spec that is created.
#[derive(Debug)]
pub struct Review<'a> {
    pub mutation: Mutation<'a>,
    pub violations: Vec<Violation>,
    /// Which piece of its field's stored value each violation is about.
    pub places: Vec<Option<Range<usize>>>,
}

impl<'a> Review<'a> {
    #[must_use]
    pub fn of(spec: Spec<'a>, terms: Terms<'_>, namespace: &str) -> Self {
        let mutation = mutation::mutate(spec, None, || Ownership::Unknown);
        let path = mutation.change.as_ref().map(|change| Value::Text(change.path.as_str()));
        let stored = Spec { rewrite_path: path.unwrap_or(spec.rewrite_path), ..spec };
        let subject = Subject::of(stored, None, (terms.policy, namespace));
        let violations = rules::judge(&subject);
        let places = violations.iter().map(|violation| subject.place(violation.rule)).collect();
        Review { mutation, violations, places }
    }

    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.violations.iter().any(|violation| violation.severity == Severity::Deny)
    }
}

/// Checks every ModelEndpoint of a source.
#[must_use]
pub fn check(source: &str, terms: Terms<'_>) -> Checked {
    let mut checked = Checked::default();
    let lines = Lines::of(source);
    for document in parse(source) {
        match document {
            Ok(document) => check_document(&lines, &document, terms, &mut checked),
            Err(broken) => checked.findings.push(Finding::from(broken)),
        }
    }
    checked.mask.seal();
    checked.findings.sort_by_key(|finding| finding.at.start);
    checked
}

fn check_document(lines: &Lines<'_>, document: &Document<'_>, terms: Terms<'_>, checked: &mut Checked) {
    let manifests = Manifests::of(document);
    checked.count.skipped += manifests.skipped;
    for (node, version) in manifests.unknown {
        let mut finding = Finding::new(
            VERSION,
            Level::Deny,
            format!("this ModelEndpoint of {} is not checked: only v1alpha1 is known", Quoted(&version)),
        );
        "write `modelplane.ai/v1alpha1`, or use a newer modelendpoint-webhook"
            .clone_into(&mut finding.instead);
        finding.at = document.node(node).span.clone();
        finding.context = Some(finding.at.clone());
        checked.findings.push(finding);
    }
    if !manifests.endpoints.is_empty() {
        for node in document.nodes() {
            checked.mask.hide(lines.text(), document, node);
        }
    }
    for manifest in manifests.endpoints {
        for field in [Field::Url, Field::RewritePath] {
            if let Some(entry) = manifest.entry(document, field) {
                checked.mask.hide_all_but_the_path(lines.text(), document, entry.value);
            }
        }
        let place = Place { lines, source: lines.text(), document, manifest };
        checked.count.endpoints += 1;
        check_endpoint(&place, terms, checked);
    }
}

fn check_endpoint(place: &Place<'_>, terms: Terms<'_>, checked: &mut Checked) {
    let Place { document, manifest, .. } = *place;
    let name = name_of(document, manifest, terms);
    let spec = manifest.spec(document);
    let review = Review::of(spec, terms, &name.namespace);
    let mut findings = place.duplicates();
    findings.extend(review.findings(spec).into_iter().map(|(piece, mut finding)| {
        (finding.at, finding.context) = place.of(&finding, piece);
        finding
    }));
    checked.add(&review, findings, &name);
}

impl Checked {
    /// Counts and keeps what was found about an endpoint.
    pub fn add(&mut self, review: &Review<'_>, findings: Vec<Finding>, name: &Name) {
        let has = |level| usize::from(findings.iter().any(|finding| finding.level == level));
        self.count.refused += has(Level::Deny);
        self.count.warned += has(Level::Warn);
        self.count.changed += usize::from(review.mutation.change.is_some());
        for mut finding in findings {
            finding.endpoint = Some(name.clone());
            self.findings.push(finding);
        }
    }
}

/// The endpoint's name, or what it will begin with, and the namespace that it goes to.
#[must_use]
pub fn name_of(document: &Document<'_>, manifest: Manifest, terms: Terms<'_>) -> Name {
    let metadata = |key| manifest.metadata(document, key).filter(|text| !text.is_empty());
    let name = metadata("name").or_else(|| metadata("generateName")).unwrap_or_default();
    Name { namespace: metadata("namespace").unwrap_or(terms.namespace).to_owned(), name: name.to_owned() }
}

impl Review<'_> {
    /// What there is to say, each with the piece of the written value that it is about.
    #[must_use]
    pub fn findings(&self, written: Spec<'_>) -> Vec<(Option<Range<usize>>, Finding)> {
        let mut findings = Vec::new();
        match (&self.mutation.warning, &self.mutation.change) {
            (Some(Warning { id, message }), _) => {
                let (what, instead) = message.rsplit_once("; ").unwrap_or((message, ""));
                let mut finding = Finding::new(id, Level::Warn, what.to_owned());
                finding.field = Some(Warning::FIELD);
                instead.clone_into(&mut finding.instead);
                findings.push((None, finding));
            }
            (None, Some(change)) => {
                let path = Quoted(change.path.as_str());
                let message = format!("is not written, and is stored as {path}");
                let mut finding = Finding::new(change.id, Level::Change, message);
                finding.field = Some(Field::RewritePath);
                findings.push((None, finding));
            }
            (None, None) => {}
        }
        for (violation, place) in self.violations.iter().zip(&self.places) {
            let (what, instead) = violation.halves();
            let level = match violation.severity {
                Severity::Deny => Level::Deny,
                Severity::Warn => Level::Warn,
            };
            let mut finding = Finding::new(violation.rule.id, level, what.to_owned());
            finding.field = Some(violation.rule.field);
            instead.clone_into(&mut finding.instead);
            finding.meant.clone_from(&violation.meant);
            let length = match violation.rule.field {
                Field::Url => written.url.text(),
                Field::RewritePath => written.rewrite_path.text(),
            }
            .map_or(0, |text| text.len());
            // the stored value can have a slash more than the written one
            let piece = place.clone().map(|place| place.start.min(length)..place.end.min(length));
            findings.push((piece, finding));
        }
        findings
    }
}

/// An endpoint in its source.
struct Place<'a> {
    lines: &'a Lines<'a>,
    source: &'a str,
    document: &'a Document<'a>,
    manifest: Manifest,
}

impl Place<'_> {
    /// Where a finding is, and what to show around it. A field that is not there is at its neighbour.
    fn of(&self, finding: &Finding, piece: Option<Range<usize>>) -> (Range<usize>, Option<Range<usize>>) {
        let entry = |field| self.manifest.entry(self.document, field);
        let found = finding.field.and_then(entry);
        let Some(entry) = found.or_else(|| entry(Field::Url)) else {
            let node = self.manifest.spec_node(self.document).unwrap_or(self.manifest.object());
            let start = self.document.node(node).span.start;
            return (start..start, None);
        };
        let at = self.piece_of(entry.value, piece.filter(|_| found.is_some()));
        let key = self.document.node(entry.key).span.start;
        let value = &self.document.node(entry.value).span;
        (at.clone(), Some(self.context(key.min(value.start), &at, value.end)))
    }

    fn piece_of(&self, value: NodeId, piece: Option<Range<usize>>) -> Range<usize> {
        let node = self.document.node(value);
        let Kind::Scalar { text, style } = &node.kind else { return node.span.clone() };
        let piece = piece.unwrap_or(0..text.len());
        let spelling = self.source.get(node.span.clone()).unwrap_or_default();
        match locate(spelling, *style, text, piece) {
            Some(at) => node.span.start + at.start..node.span.start + at.end,
            None => node.span.clone(),
        }
    }

    /// The whole lines, unless other values share them, as in JSON on one line: then the field only.
    fn context(&self, start: usize, at: &Range<usize>, end: usize) -> Range<usize> {
        let lines = self.lines.around(at);
        let before = self.source.get(lines.start..start).unwrap_or_default();
        if before.contains(['{', ',']) { start..end.max(at.end) } else { lines }
    }

    /// What is there twice: parts of the object, and fields.
    fn duplicates(&self) -> Vec<Finding> {
        let object = ["metadata", "spec"].map(|part| (self.manifest.object(), part, None));
        let spec = self.manifest.spec_node(self.document);
        let fields =
            spec.map(|spec| [Field::Url, Field::RewritePath].map(|field| (spec, key(field), Some(field))));
        let all = object.into_iter().chain(fields.into_iter().flatten());
        all.filter(|(mapping, key, _)| self.document.is_twice(*mapping, key))
            .filter_map(|(mapping, key, field)| {
                let subject = if field.is_some() { String::new() } else { format!("`{key}` ") };
                let message =
                    format!("{subject}is there twice, and which one counts depends on who reads it");
                let mut finding = Finding::new(TWICE, Level::Deny, message);
                finding.field = field;
                "write it once".clone_into(&mut finding.instead);
                (finding.at, finding.context) = if field.is_some() {
                    self.of(&finding, None)
                } else {
                    let at = self.document.node(self.document.get(mapping, key)?.key).span.clone();
                    (at.clone(), Some(self.context(at.start, &at, at.end)))
                };
                Some(finding)
            })
            .collect()
    }
}

impl Finding {
    #[must_use]
    pub fn new(id: &'static str, level: Level, message: String) -> Self {
        Finding {
            id,
            level,
            field: None,
            endpoint: None,
            message,
            instead: String::new(),
            meant: None,
            at: 0..0,
            context: None,
        }
    }
}

impl From<Broken> for Finding {
    fn from(broken: Broken) -> Self {
        let mut finding =
            Finding::new(BROKEN, Level::Deny, format!("the document can't be read: {}", broken.why));
        finding.at = broken.at..broken.at;
        finding
    }
}

/// Bytes as text, or the finding that they are none.
///
/// # Errors
/// Where they are no UTF-8.
pub fn read(bytes: Vec<u8>) -> Result<String, Box<Finding>> {
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        let is_utf_16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let why: Cow<'_, str> = if is_utf_16 { "it is UTF-16".into() } else { "it is no UTF-8".into() };
        let mut finding = Finding::new(BROKEN, Level::Deny, format!("the file can't be read: {why}"));
        "save it as UTF-8".clone_into(&mut finding.instead);
        Box::new(finding)
    })
}
