//! A source in, what the webhook would say about its ModelEndpoints out.
//!
//! The verdict equals that of the running webhook, because the same functions judge the same fields.

use std::borrow::Cow;
use std::ops::Range;

use crate::finding::{BROKEN, Finding, Level, MISSING, Name, TAGGED, TWICE, VERSION as VERSION_UNKNOWN};
use crate::generation::of_other_generation;
use crate::manifests::{Manifest, Manifests, Unknown, key};
use crate::mask::Mask;
use crate::schema;
use modelendpoint_core::endpoint::gate::{Decision, GROUP, KIND, VERSION};
use modelendpoint_core::endpoint::mutation::Warning;
use modelendpoint_core::endpoint::quote::Quoted;
use modelendpoint_core::endpoint::rules::Severity;
use modelendpoint_core::endpoint::{Field, Generation, Policy, Spec};
use modelendpoint_yaml::source::Lines;
use modelendpoint_yaml::spelling::locate;
use modelendpoint_yaml::{Document, Kind, NodeId, parse};

/// What the manifests are checked against.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    pub policy: &'a Policy,
    /// The namespace for manifests without one.
    pub namespace: &'a str,
    /// The fields that the cluster has. `None` if that is unknown: then the fields of each endpoint decide.
    pub generation: Option<Generation>,
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

/// Checks every ModelEndpoint of a source.
#[must_use]
pub fn check(source: &str, terms: Terms<'_>) -> Checked {
    let mut checked = Checked::default();
    let lines = Lines::of(source);
    for document in parse(source) {
        match document {
            Ok(document) => check_document(&lines, &document, terms, &mut checked),
            Err(broken) => {
                let is_template = ["{{", "{%"].iter().any(|opening| source.contains(opening));
                let finding = Finding::from(broken);
                checked.findings.push(if is_template {
                    finding.with_remedy("render the template first, for example with `helm template`")
                } else {
                    finding
                });
            }
        }
    }
    checked.seal();
    checked
}

fn check_document(lines: &Lines<'_>, document: &Document<'_>, terms: Terms<'_>, checked: &mut Checked) {
    let manifests = Manifests::of(document);
    checked.mask.hide_in(lines.text(), document, &manifests);
    checked.count.skipped += manifests.skipped;
    for unknown in manifests.unknown {
        let mut finding = unknown_version(&unknown);
        finding.at = document.node(unknown.at).span.clone();
        finding.context = Some(finding.at.clone());
        checked.findings.push(finding);
    }
    for node in manifests.tagged {
        let mut finding = Finding::new(
            TAGGED,
            Level::Deny,
            "this ModelEndpoint can't be checked: kubectl decodes the tagged value, so it may send something \
             other than what is written",
        )
        .with_remedy("write the value without the tag");
        finding.at = document.node(node).span.clone();
        checked.findings.push(finding);
    }
    for manifest in manifests.endpoints {
        let located = Located { lines, source: lines.text(), document, manifest };
        checked.count.endpoints += 1;
        check_endpoint(&located, terms, checked);
    }
}

fn unknown_version(unknown: &Unknown) -> Finding {
    let Unknown { api_version, kind, .. } = unknown;
    let (problem, remedy) = if kind == KIND && api_version.starts_with(GROUP) {
        (
            format!("this {KIND} of {} is not checked: only {VERSION} is known", Quoted(api_version)),
            format!("write `{GROUP}/{VERSION}`, or use a newer modelendpoint-webhook"),
        )
    } else {
        (
            format!(
                "this {} of {} is not checked: no cluster has this kind",
                Quoted(kind),
                Quoted(api_version)
            ),
            format!("write `kind: {KIND}` and `apiVersion: {GROUP}/{VERSION}`, upper and lower case as here"),
        )
    };
    Finding::new(VERSION_UNKNOWN, Level::Deny, problem).with_remedy(remedy)
}

fn check_endpoint(located: &Located<'_>, terms: Terms<'_>, checked: &mut Checked) {
    let Located { document, manifest, .. } = *located;
    let name = name_of(document, manifest, terms);
    let spec = manifest.spec(document);
    if let Some(finding) = of_other_generation(&spec, terms.generation) {
        checked.keep(vec![located.found(finding, &name)], &name);
        return;
    }
    let decision = Decision::on_create(spec, &terms.policy.here(&name.namespace));
    let mut findings = located.duplicates();
    findings.extend(schema::findings(document, manifest).into_iter().map(|(mut finding, node)| {
        let span = document.node(node).span.clone();
        finding.at = if finding.id == MISSING { span.start..span.start } else { span };
        if finding.id != MISSING {
            finding.context = Some(located.context(finding.at.start, &finding.at, finding.at.end));
        }
        finding
    }));
    findings.extend(findings_of(&decision, spec).into_iter().map(|(piece, mut finding)| {
        (finding.at, finding.context) = located.place(&finding, piece);
        finding
    }));
    checked.add(&decision, findings, &name);
}

impl Checked {
    /// Sorts the findings. Call this before anything is shown.
    pub(crate) fn seal(&mut self) {
        self.mask.seal();
        self.findings.sort_by_key(|finding| finding.at.start);
    }

    /// Counts and adds the findings about an endpoint.
    pub fn add(&mut self, decision: &Decision<'_>, findings: Vec<Finding>, name: &Name) {
        self.count.changed += usize::from(decision.mutation.change.is_some());
        self.keep(findings, name);
    }

    /// Counts and keeps what was found about an endpoint that nothing changes.
    pub fn keep(&mut self, findings: Vec<Finding>, name: &Name) {
        let has = |level| usize::from(findings.iter().any(|finding| finding.level == level));
        self.count.refused += has(Level::Deny);
        self.count.warned += has(Level::Warn);
        for mut finding in findings {
            finding.endpoint = Some(name.clone());
            self.findings.push(finding);
        }
    }
}

/// The endpoint's name, or the prefix of its generated name, and its namespace.
#[must_use]
pub fn name_of(document: &Document<'_>, manifest: Manifest, terms: Terms<'_>) -> Name {
    let metadata = |key| manifest.metadata(document, key).filter(|text| !text.is_empty());
    let name = metadata("name").or_else(|| metadata("generateName")).unwrap_or_default();
    Name { namespace: metadata("namespace").unwrap_or(terms.namespace).to_owned(), name: name.to_owned() }
}

/// The findings for a decision, each with the part of the written value that it is about.
#[must_use]
pub fn findings_of(decision: &Decision<'_>, written: Spec<'_>) -> Vec<(Option<Range<usize>>, Finding)> {
    let mut findings = Vec::new();
    match (&decision.mutation.warning, &decision.mutation.change) {
        (Some(Warning { id, field, problem, remedy }), _) => {
            let finding = Finding::new(id, Level::Warn, problem.clone()).with_remedy(*remedy);
            findings.push((None, Finding { field: Some(*field), ..finding }));
        }
        (None, Some(change)) => {
            let value = Quoted(&change.value);
            let finding =
                Finding::new(change.id, Level::Change, format!("is not set, and is stored as {value}"));
            findings.push((None, Finding { field: Some(change.field), ..finding }));
        }
        (None, None) => {}
    }
    for violation in &decision.violations {
        let level = match violation.severity {
            Severity::Deny => Level::Deny,
            Severity::Warn => Level::Warn,
        };
        let field = violation.rule.field;
        let finding = Finding::new(violation.rule.id, level, violation.problem.clone())
            .with_remedy(violation.remedy.clone());
        let length = written.value(field).text().map_or(0, |text| text.len());
        // The stored value can have one slash more than the written one.
        let piece = violation.part.clone().map(|part| part.start.min(length)..part.end.min(length));
        findings.push((
            piece,
            Finding { field: Some(field), suggestion: violation.suggestion.clone(), ..finding },
        ));
    }
    findings
}

/// An endpoint in its source.
pub(crate) struct Located<'a> {
    pub(crate) lines: &'a Lines<'a>,
    pub(crate) source: &'a str,
    pub(crate) document: &'a Document<'a>,
    pub(crate) manifest: Manifest,
}

impl Located<'_> {
    /// A finding about a whole field, with its position.
    pub(crate) fn found(&self, mut finding: Finding, name: &Name) -> Finding {
        (finding.at, finding.context) = self.place(&finding, None);
        finding.endpoint = Some(name.clone());
        finding
    }

    /// The position of a finding, and what to show around it. The position of a missing field is that of its
    /// neighbour.
    fn place(&self, finding: &Finding, piece: Option<Range<usize>>) -> (Range<usize>, Option<Range<usize>>) {
        let entry = |field| self.manifest.entry(self.document, field);
        let found = finding.field.and_then(entry);
        let Some(entry) = found.or_else(|| entry(Field::Url)).or_else(|| entry(Field::Origin)) else {
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

    /// The whole lines, or only the field if other values share the lines, as in JSON on one line.
    fn context(&self, start: usize, at: &Range<usize>, end: usize) -> Range<usize> {
        let lines = self.lines.around(at);
        let before = self.source.get(lines.start..start).unwrap_or_default();
        if before.contains(['{', ',']) { start..end.max(at.end) } else { lines }
    }

    /// The parts of the object, and the fields, that appear twice.
    fn duplicates(&self) -> Vec<Finding> {
        let object = ["metadata", "spec"].map(|part| (self.manifest.object(), part, None));
        let fields = Field::ALL.into_iter().filter_map(|field| {
            let parent = self.manifest.parent(self.document, field)?;
            Some((parent, key(field), Some(field)))
        });
        let all = object.into_iter().chain(fields);
        all.filter(|(mapping, key, _)| self.document.is_twice(*mapping, key))
            .filter_map(|(mapping, key, field)| {
                let subject = if field.is_some() { String::new() } else { format!("`{key}` ") };
                let message = format!("{subject}appears twice, and which one counts depends on the parser");
                let mut finding = Finding::new(TWICE, Level::Deny, message).with_remedy("write it once");
                finding.field = field;
                (finding.at, finding.context) = if field.is_some() {
                    self.place(&finding, None)
                } else {
                    let at = self.document.node(self.document.get(mapping, key)?.key).span.clone();
                    (at.clone(), Some(self.context(at.start, &at, at.end)))
                };
                Some(finding)
            })
            .collect()
    }
}

/// The bytes as text, or a finding if they are not text.
///
/// # Errors
/// If they are not UTF-8.
pub fn read(bytes: Vec<u8>) -> Result<String, Box<Finding>> {
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        let is_utf_16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let why: Cow<'_, str> = if is_utf_16 { "it is UTF-16".into() } else { "it is not UTF-8".into() };
        let finding = Finding::new(BROKEN, Level::Deny, format!("the file can't be read: {why}"));
        Box::new(finding.with_remedy("save it as UTF-8"))
    })
}
