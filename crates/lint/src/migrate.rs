//! Manifests for Modelplane before 0.5 in, manifests for Modelplane 0.5 out, with what is left to do by hand.
//!
//! Comments, order and everything else stay as they are, byte for byte. The result is parsed again: an endpoint that
//! would not be as intended is left alone.

use std::borrow::Cow;

use modelendpoint_core::endpoint::migration::{Migrated, Obstacle, migrate as migrate_spec};
use modelendpoint_core::endpoint::{DEFAULT_PREFIX, Field, Generation, Value};
use modelendpoint_yaml::source::Lines;
use modelendpoint_yaml::spelling::spell;
use modelendpoint_yaml::{Document, Entry, Kind, ScalarStyle, parse};

use crate::check::{Checked, Located, Terms, name_of};
use crate::finding::{Finding, Level, MIGRATION};
use crate::fix::{Edit, apply, insert, is_in_flow, replace_key, replace_value};
use crate::manifests::{Manifest, Manifests};

/// The result for a source.
#[derive(Debug, Default)]
pub struct Migration {
    /// What is left to do, and what could not be migrated. The positions are those in the original source.
    pub checked: Checked,
    /// The new source. `None` if nothing changes.
    pub migrated: Option<String>,
}

/// Rewrites every endpoint that has a url.
#[must_use]
pub fn migrate(source: &str, terms: Terms<'_>) -> Migration {
    let mut migration = Migration::default();
    let (lines, mut edits, mut expected) = (Lines::of(source), Vec::new(), Vec::new());
    for document in parse(source) {
        match document {
            Ok(document) => {
                edits.extend(migrate_document(
                    &lines,
                    &document,
                    terms,
                    &mut migration.checked,
                    &mut expected,
                ));
            }
            Err(broken) => migration.checked.findings.push(Finding::from(broken)),
        }
    }
    migration.checked.seal();
    migration.migrated = apply(source, edits);
    if migration.migrated.as_deref().is_some_and(|migrated| all_led(migrated) != expected) {
        let problem = "the file cannot be migrated without changing other parts of it";
        let finding = Finding::new(MIGRATION, Level::Deny, problem);
        migration.checked.findings = vec![Finding { remedy: Some("migrate it by hand".into()), ..finding }];
        migration.checked.count.refused += std::mem::take(&mut migration.checked.count.changed);
        migration.migrated = None;
    }
    migration
}

fn migrate_document(
    lines: &Lines<'_>,
    document: &Document<'_>,
    terms: Terms<'_>,
    checked: &mut Checked,
    expected: &mut Vec<Led>,
) -> Vec<Edit> {
    let manifests = Manifests::of(document);
    checked.mask.hide_in(lines.text(), document, &manifests);
    checked.count.skipped += manifests.skipped;
    let mut edits = Vec::new();
    for manifest in manifests.endpoints {
        checked.count.endpoints += 1;
        let spec = manifest.spec(document);
        if spec.generation() != Some(Generation::Url) {
            expected.push(led(document, manifest));
            continue;
        }
        let outcome = migrate_spec(&spec).and_then(|migrated| {
            let own =
                edits_for(lines.text(), document, manifest, &migrated).ok_or_else(|| by_hand(&migrated))?;
            Ok((own, migrated))
        });
        let finding = match outcome {
            Ok((own, Migrated { origin, prefix })) => {
                let is_written = manifest.entry(document, Field::RewritePath).is_some();
                let is_left_out = !is_written && prefix == DEFAULT_PREFIX;
                let prefix = if is_left_out { Value::Absent } else { Value::Text(prefix) };
                expected.push([Value::Absent, Value::Absent, Value::Text(origin), prefix]);
                checked.count.changed += 1;
                edits.extend(own);
                left_to_do()
            }
            Err(obstacle) => {
                expected.push(led(document, manifest));
                checked.count.refused += 1;
                refusal(obstacle)
            }
        };
        let located = Located { lines, source: lines.text(), document, manifest };
        checked.findings.push(located.found(finding, &name_of(document, manifest, terms)));
    }
    edits
}

/// What only a person knows: the server's name for the model, and its key.
fn left_to_do() -> Finding {
    let problem = "is migrated, and without `model` and `credential` the server gets neither name nor key \
                   that it knows";
    let remedy = "add `model` with the server's name for it, and `credential` if it asks for a key";
    let finding = Finding::new(MIGRATION, Level::Warn, problem);
    Finding { field: Some(Field::Url), remedy: Some(remedy.into()), ..finding }
}

fn refusal(Obstacle { field, problem, remedy }: Obstacle) -> Finding {
    let finding = Finding::new(MIGRATION, Level::Deny, problem);
    Finding { field: Some(field), remedy: Some(remedy), ..finding }
}

/// The values to write by hand, if the manifest is written in a way that can't be edited.
fn by_hand(Migrated { origin, prefix }: &Migrated) -> Obstacle {
    let remedy = format!("write `origin: {origin}` and `prefix: {prefix}` under `api` by hand");
    let problem = Cow::Borrowed("is written with an alias or a merge, which is left alone");
    Obstacle { field: Field::Url, problem, remedy: remedy.into() }
}

/// The url becomes the origin, and a rewritePath the prefix. If there is no rewritePath, the prefix is added unless
/// it is the default.
fn edits_for(
    source: &str,
    document: &Document<'_>,
    manifest: Manifest,
    migrated: &Migrated,
) -> Option<Vec<Edit>> {
    let url = plain_entry(document, manifest, Field::Url)?;
    let in_flow = is_in_flow(document, manifest);
    let mut edits = vec![
        replace_key(document, url, "origin", in_flow)?,
        replace_value(source, document, url, &migrated.origin, in_flow)?,
    ];
    let api = Api { prefix: &migrated.prefix, in_flow };
    match manifest.entry(document, Field::RewritePath) {
        Some(_) => {
            let path = plain_entry(document, manifest, Field::RewritePath)?;
            let value = replace_value(source, document, path, &migrated.prefix, in_flow)?;
            let at = document.node(path.key).span.start..value.at.end;
            edits.push(Edit { at, with: api.written(document, path, &indent_of(source, document, path)?)? });
        }
        None if migrated.prefix == DEFAULT_PREFIX => {}
        None => edits.push(insert_api(source, document, url, in_flow, &migrated.prefix)?),
    }
    Some(edits)
}

/// A new `api` with this prefix, after an entry of the spec and in its style.
pub(crate) fn insert_api(
    source: &str,
    document: &Document<'_>,
    after: &Entry,
    in_flow: bool,
    prefix: &str,
) -> Option<Edit> {
    let text = Api { prefix, in_flow }.written(document, after, &indent_of(source, document, after)?)?;
    insert(source, document, after, in_flow, &text)
}

/// An entry that is not shared with anything else.
fn plain_entry<'a>(document: &'a Document<'_>, manifest: Manifest, field: Field) -> Option<&'a Entry> {
    let entry = manifest.own_entry(document, field)?;
    let spec = document.node(manifest.spec_node(document)?);
    (!entry.is_alias && spec.aliases == 0 && document.node(entry.value).aliases == 0).then_some(entry)
}

struct Api<'a> {
    prefix: &'a str,
    in_flow: bool,
}

impl Api<'_> {
    /// `api` with the prefix in it, in the style of the entry.
    fn written(&self, document: &Document<'_>, like: &Entry, indent: &str) -> Option<String> {
        let style = |node| match &document.node(node).kind {
            Kind::Scalar { style, .. } => Some(*style),
            _ => None,
        };
        let (key_style, value_style) = (style(like.key)?, style(like.value)?);
        let is_block = matches!(value_style, ScalarStyle::Literal | ScalarStyle::Folded);
        let value_style = if is_block { ScalarStyle::Plain } else { value_style };
        let key = |name| spell(name, key_style, self.in_flow);
        let (api, prefix, value) = (key("api"), key("prefix"), spell(self.prefix, value_style, self.in_flow));
        Some(if self.in_flow {
            format!("{api}: {{{prefix}: {value}}}")
        } else {
            format!("{api}:\n{indent}  {prefix}: {value}")
        })
    }
}

/// The text before a key on its line.
fn indent_of(source: &str, document: &Document<'_>, entry: &Entry) -> Option<String> {
    let before = source.get(..document.node(entry.key).span.start)?;
    let line = before.rsplit('\n').next()?.trim_start_matches('\u{feff}');
    Some(" ".repeat(line.chars().count()))
}

/// The fields that a migration is about.
type Led = [Value<String>; 4];

fn led(document: &Document<'_>, manifest: Manifest) -> Led {
    let spec = manifest.spec(document);
    [Field::Url, Field::RewritePath, Field::Origin, Field::Prefix]
        .map(|field| spec.value(field).map(str::to_owned))
}

/// The fields of every endpoint of a source, in order.
fn all_led(source: &str) -> Vec<Led> {
    let documents = parse(source);
    let endpoints = documents.iter().flatten().flat_map(|document| {
        let endpoints = Manifests::of(document).endpoints;
        endpoints.into_iter().map(|manifest| led(document, manifest)).collect::<Vec<_>>()
    });
    endpoints.collect()
}
