//! The text of manifests and of a policy in, JSON for a page out: what `modelendpoint check` says, in a browser.
//!
//! The functions that judge are those of the command-line tool and of the served webhook.

use serde_json::{Value as Json, json};
use wasm_bindgen::prelude::wasm_bindgen;

use modelendpoint_core::endpoint::gate::Decision;
use modelendpoint_core::endpoint::rules::Applicability;
use modelendpoint_core::endpoint::{Field, Generation, Policy};
use modelendpoint_lint::check::{Checked, Terms, name_of};
use modelendpoint_lint::finding::{Finding, OTHERS};
use modelendpoint_lint::fix::{Extent, take_suggestion};
use modelendpoint_lint::manifests::Manifests;
use modelendpoint_lint::{check, fix, providers};
use modelendpoint_policy::Mistake;
use modelendpoint_yaml::parse;
use modelendpoint_yaml::source::Lines;

/// The version of the webhook that gives the same verdicts.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// `{"findings": [...], "stored": [...], "providers": [...], "skipped": 0}`, or `{"mistakes": [...]}` where the policy is none. An
/// empty policy allows everything.
#[wasm_bindgen(js_name = check)]
#[must_use]
pub fn judged(manifests: &str, policy: &str, namespace: &str) -> String {
    let answer = match read_policy(policy) {
        Err(mistakes) => json!({ "mistakes": mistakes.iter().map(mistake).collect::<Vec<_>>() }),
        Ok(policy) => {
            let terms = Terms { policy: &policy, namespace, generation: None };
            let checked = check::check(manifests, terms);
            let lines = Lines::of(manifests);
            let findings = checked.findings.iter().map(|finding| shown(finding, &lines, &checked));
            json!({
                "findings": findings.collect::<Vec<_>>(),
                "stored": stored(manifests, terms),
                "providers": known_providers(manifests),
                "skipped": checked.count.skipped,
            })
        }
    };
    answer.to_string()
}

/// The manifests with every correction that is sure, or with guesses too; `undefined` if that changes nothing.
#[wasm_bindgen(js_name = fix)]
#[must_use]
pub fn fixed(manifests: &str, policy: &str, namespace: &str, guess: bool) -> Option<String> {
    let policy = read_policy(policy).ok()?;
    let terms = Terms { policy: &policy, namespace, generation: None };
    fix::fix(manifests, terms, Extent { guesses: guess, defaults: false }).map(|fixed| fixed.text)
}

/// The manifests with the suggestion of one of the findings.
#[wasm_bindgen]
#[must_use]
pub fn take(manifests: &str, policy: &str, namespace: &str, finding: usize) -> Option<String> {
    let policy = read_policy(policy).ok()?;
    let checked = check::check(manifests, Terms { policy: &policy, namespace, generation: None });
    take_suggestion(manifests, checked.findings.get(finding)?)
}

fn read_policy(text: &str) -> Result<Policy, Vec<Mistake>> {
    if text.trim().is_empty() { Ok(Policy::NONE) } else { modelendpoint_policy::parse(text) }
}

fn mistake(mistake: &Mistake) -> Json {
    json!({ "line": mistake.line, "column": mistake.column, "why": mistake.why })
}

fn shown(finding: &Finding, lines: &Lines<'_>, checked: &Checked) -> Json {
    let context = finding.context.clone().unwrap_or_else(|| lines.around(&finding.at));
    let (excerpt, at) = checked.mask.show(lines.text(), &context, &finding.at);
    let (start, end) = (lines.position(finding.at.start), lines.position(finding.at.end));
    let has_page = !OTHERS.iter().any(|(id, _)| *id == finding.id);
    json!({
        "rule": finding.id,
        "severity": finding.level.word(),
        "title": finding.title(),
        "remedy": finding.remedy,
        "suggestion": finding.suggestion.as_ref().map(|suggestion| &suggestion.value),
        "isGuess": finding.suggestion.as_ref().is_some_and(|suggestion| suggestion.applicability == Applicability::Unsafe),
        "page": has_page.then(|| format!("rules/{}.html", finding.id)),
        "line": start.line,
        "column": start.column,
        "endLine": end.line,
        "endColumn": end.column,
        // around what is marked, so that a page need not count
        "excerpt": [&excerpt[..at.start], &excerpt[at.clone()], &excerpt[at.end..]],
        "select": [utf16(lines.text(), finding.at.start), utf16(lines.text(), finding.at.end)],
    })
}

/// An offset as a text field of a browser counts.
fn utf16(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().encode_utf16().count()
}

/// What becomes of each endpoint.
fn stored(manifests: &str, terms: Terms<'_>) -> Vec<Json> {
    let mut stored = Vec::new();
    for document in parse(manifests).iter().flatten() {
        for manifest in Manifests::of(document).endpoints {
            let name = name_of(document, manifest, terms);
            let spec = manifest.spec(document);
            let decision = Decision::on_create(spec, &terms.policy.here(&name.namespace));
            let fields = Field::ALL.into_iter().filter_map(|field| {
                let change = decision.mutation.change.as_ref().filter(|change| change.field == field);
                let written = spec.value(field);
                let value = change.map(|change| &*change.value).or_else(|| written.text().copied())?;
                Some(json!({ "path": field.path(), "value": value, "setBy": change.map(|change| change.id) }))
            });
            stored.push(json!({
                "namespace": name.namespace,
                "name": name.name,
                "refused": decision.is_refused(),
                "fields": fields.collect::<Vec<_>>(),
            }));
        }
    }
    stored
}

/// The known providers that the endpoints lead to, each once for each Modelplane, with what to write for it.
fn known_providers(manifests: &str) -> Vec<Json> {
    let mut known = Vec::new();
    for document in parse(manifests).iter().flatten() {
        for manifest in Manifests::of(document).endpoints {
            let spec = manifest.spec(document);
            let Some(provider) = providers::of(&spec) else { continue };
            let write = match spec.generation() {
                Some(Generation::Url) => providers::url(provider).map(|url| format!("url: {url}\n")),
                _ => providers::spec(provider),
            };
            let page = format!("providers/{}.html", provider.slug());
            let shown = json!({ "name": provider.name, "page": page, "write": write, "note": provider.note });
            if !known.contains(&shown) {
                known.push(shown);
            }
        }
    }
    known
}
