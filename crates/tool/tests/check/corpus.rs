//! `check` gives the verdict of the running webhook, for every sample of the corpus.

use modelendpoint_core::admission::{self, Hook};
use modelendpoint_core::endpoint::Policy;
use modelendpoint_core::endpoint::policy;
use modelendpoint_lint::check::{Terms, check};
use modelendpoint_lint::finding::{Finding, Level, MISSING, UNKNOWN_FIELD};
use modelendpoint_lint::fix::{Extent, fix};
use serde_json::{Value, json};

const TERMS: Terms<'static> = Terms { policy: &policy::NONE, namespace: "default", generation: None };
const ALL: Extent = Extent { guesses: true, defaults: true };

fn samples() -> Vec<Value> {
    let corpus = [
        include_str!("../../../../tests/corpus/urls.jsonl"),
        include_str!("../../../../tests/corpus/rewrite_paths.jsonl"),
    ];
    let lines = corpus.iter().flat_map(|file| file.lines());
    lines.map(|line| serde_json::from_str::<Value>(line).expect("a sample")["spec"].clone()).collect()
}

fn object(spec: &Value) -> Value {
    json!({
        "apiVersion": "modelplane.ai/v1alpha1",
        "kind": "ModelEndpoint",
        "metadata": { "name": "qwen", "namespace": "ml-team" },
        "spec": spec,
    })
}

fn served(hook: Hook, object: &Value) -> Value {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u",
            "kind": { "group": "modelplane.ai", "version": "v1alpha1", "kind": "ModelEndpoint" },
            "name": "qwen",
            "namespace": "ml-team",
            "operation": "CREATE",
            "object": object,
        },
    });
    let answer =
        admission::answer(&Policy::NONE, hook, review.to_string().as_bytes()).expect("an answer").review;
    serde_json::from_slice::<Value>(&answer).expect("JSON")["response"].clone()
}

/// The stored object, and the messages of the webhooks as a person reads them.
fn through_the_webhook(spec: &Value) -> (Value, Vec<String>) {
    use base64::Engine as _;
    let mut object = object(spec);
    let mutated = served(Hook::Mutate, &object);
    if let Some(patch) = mutated["patch"].as_str() {
        let patch = base64::engine::general_purpose::STANDARD.decode(patch).expect("base64");
        let patch: json_patch::Patch = serde_json::from_slice(&patch).expect("a patch");
        json_patch::patch(&mut object, &patch).expect("the patch applies");
    }
    let validated = served(Hook::Validate, &object);
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let mut said = texts(&mutated["warnings"]);
    said.extend(texts(&validated["warnings"]));
    for cause in validated["status"]["details"]["causes"].as_array().into_iter().flatten() {
        let part = |key: &str| cause[key].as_str().expect("text").to_owned();
        said.push(format!("denied {}: {}", part("field"), part("message")));
    }
    said.sort();
    (object["spec"].clone(), said)
}

/// If the schema refuses the object, the webhook is never called.
fn is_of_the_webhook(finding: &Finding) -> bool {
    ![MISSING, UNKNOWN_FIELD].contains(&finding.id)
}

/// The same message from a finding.
fn words(finding: &Finding) -> Option<String> {
    let field = finding.field.expect("a field").path();
    let advice = finding.advice();
    let text = || format!("{field}: {}; {} [{}]", finding.problem, advice.expect("advice"), finding.id);
    match finding.level {
        Level::Deny => Some(format!("denied {}", text())),
        Level::Warn => Some(text()),
        Level::Change => None,
    }
}

/// Ways to write the same object.
fn spellings(object: &Value) -> [String; 2] {
    let Some(spec) = object["spec"].as_object() else { return [in_ascii(object), in_ascii(object)] };
    let fields: Vec<_> = spec.iter().map(|(key, value)| format!("  {key}: {}", in_ascii(value))).collect();
    let fields = fields.join("\n");
    let yaml = format!(
        "apiVersion: modelplane.ai/v1alpha1\nkind: ModelEndpoint\nmetadata:\n  name: qwen\n  namespace: ml-team\nspec:\n{fields}"
    );
    [in_ascii(object), yaml]
}

/// JSON that is also valid YAML, whatever characters it contains.
fn in_ascii(json: &Value) -> String {
    let escape = |character: char| {
        if character == ' ' || character.is_ascii_graphic() {
            return character.to_string();
        }
        character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
    };
    json.to_string().chars().map(escape).collect::<Vec<_>>().concat()
}

#[test]
fn every_sample_is_judged_as_by_the_served_webhook() {
    let samples = samples();
    assert_eq!(samples.len(), 1365);
    for spec in samples {
        let (_, said) = through_the_webhook(&spec);
        for manifest in spellings(&object(&spec)) {
            let mut found: Vec<_> = check(&manifest, TERMS)
                .findings
                .iter()
                .filter(|finding| is_of_the_webhook(finding))
                .filter_map(words)
                .collect();
            found.sort();
            assert_eq!(found, said, "{manifest}");
        }
    }
}

#[test]
fn a_fix_writes_what_is_stored_and_leaves_nothing_to_fix() {
    let mut fixed_samples = 0;
    for spec in samples() {
        let (stored, said) = through_the_webhook(&spec);
        let refused = said.iter().any(|said| said.starts_with("denied"));
        for manifest in spellings(&object(&spec)) {
            // A guess changes more than the webhook would.
            let extent = Extent { guesses: refused, ..ALL };
            let Some(fixed) = fix(&manifest, TERMS, extent).map(|fixed| fixed.text) else {
                assert!(refused || stored == spec, "not fixed: {manifest}");
                continue;
            };
            fixed_samples += 1;
            assert_eq!(fix(&fixed, TERMS, extent), None, "twice: {manifest}");
            if !refused {
                let json: Option<Value> = serde_json::from_str(&fixed).ok();
                assert!(json.is_none_or(|json| json["spec"] == stored), "{manifest}: {fixed}");
                assert_eq!(check(&fixed, TERMS).count.changed, 0, "{fixed}");
            }
        }
    }
    assert!(fixed_samples > 500, "only {fixed_samples} samples have something to fix");
}
