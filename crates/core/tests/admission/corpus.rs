//! The webhook against the consumers of what it admits: each sample of tests/corpus was run through
//! Modelplane, the API server and the gateway, and labelled by what they did.

use modelendpoint_core::admission::Hook;
use serde_json::{Value, json};

use crate::reviews;

/// One sample, run through both webhooks.
struct Run {
    sample: Value,
    mutate_warnings: Vec<String>,
    stored: Value,
    allowed: bool,
    denied_fields: Vec<String>,
    message: String,
    warnings: Vec<String>,
}

fn run(corpus: &str) -> Vec<Run> {
    corpus
        .lines()
        .map(|line| {
            let sample: Value = serde_json::from_str(line).expect("a sample");
            let review = reviews::create(&sample["spec"]);
            let mutated = reviews::ask(Hook::Mutate, &review);
            let stored = reviews::stored(&review, &mutated);
            let mut second = review.clone();
            second["request"]["object"] = stored.clone();
            let verdict = reviews::ask(Hook::Validate, &second);
            Run {
                sample,
                mutate_warnings: mutated.warnings,
                stored,
                allowed: verdict.allowed,
                denied_fields: verdict.denied_fields(),
                message: verdict.status.message.clone().unwrap_or_default(),
                warnings: verdict.warnings,
            }
        })
        .collect()
}

fn urls() -> Vec<Run> {
    run(include_str!("../../../../tests/corpus/urls.jsonl"))
}

fn rewrite_paths() -> Vec<Run> {
    run(include_str!("../../../../tests/corpus/rewrite_paths.jsonl"))
}

fn disagreements(runs: &[Run], field: &str) -> Vec<String> {
    let by_schema = |run: &&Run| run.sample["expected"]["by"].is_null();
    runs.iter()
        .filter(by_schema)
        .filter_map(|run| {
            let expected = &run.sample["expected"];
            let agrees = match expected["verdict"].as_str() {
                Some("allow") => run.allowed,
                Some("deny") => {
                    !run.allowed
                        && !run.denied_fields.is_empty()
                        && run.denied_fields.iter().all(|f| f == field)
                }
                Some("ambiguous") => true,
                other => panic!("a verdict {other:?}"),
            };
            (!agrees).then(|| {
                format!(
                    "{} {} {} {:?} {}",
                    run.sample["spec"], run.sample["why"], expected, run.denied_fields, run.message
                )
            })
        })
        .collect()
}

#[test]
fn the_verdict_on_every_url_is_what_the_consumers_say() {
    let runs = urls();
    assert_eq!(runs.len(), 1051);
    let disagreements = disagreements(&runs, "spec.url");
    assert!(disagreements.is_empty(), "{} disagreements:\n{}", disagreements.len(), disagreements.join("\n"));
}

#[test]
fn the_verdict_on_every_rewrite_path_is_what_the_consumers_say() {
    let runs = rewrite_paths();
    assert_eq!(runs.len(), 314);
    let disagreements = disagreements(&runs, "spec.rewritePath");
    assert!(disagreements.is_empty(), "{} disagreements:\n{}", disagreements.len(), disagreements.join("\n"));
}

#[test]
fn every_default_is_the_certain_one() {
    let mut certain = 0;
    for run in urls().iter().filter(|run| run.sample["spec"].get("rewritePath").is_none()) {
        let Some(default) = run.sample["expected"]["default_rewrite_path"].as_str() else { continue };
        certain += 1;
        assert_eq!(run.stored["spec"]["rewritePath"], default, "{}", run.sample["spec"]);
        assert_eq!(run.mutate_warnings, Vec::<String>::new(), "{}", run.sample["spec"]);
    }
    assert_eq!(certain, 291, "the number of samples with a certain default");
}

#[test]
fn every_rewrite_path_is_stored_in_normal_form() {
    let mut compared = 0;
    for run in rewrite_paths().iter().filter(|run| run.allowed) {
        let Some(acceptable) = run.sample["expected"]["normalised_any"].as_array() else { continue };
        compared += 1;
        assert!(
            acceptable.contains(&run.stored["spec"]["rewritePath"]),
            "{}: {}",
            run.sample["spec"],
            run.stored
        );
    }
    assert_eq!(compared, 181, "the number of samples with a normal form");
}

#[test]
fn what_is_composed_passes_without_a_patch_or_a_word() {
    let mut composed = 0;
    for run in urls().iter().chain(&rewrite_paths()).filter(|run| run.sample["category"] == "composed") {
        if run.sample["spec"].get("rewritePath").is_none() {
            continue;
        }
        composed += 1;
        let (sample, none) = (&run.sample["spec"], Vec::<String>::new());
        assert_eq!((&run.stored["spec"], run.allowed), (sample, true));
        assert_eq!((&run.mutate_warnings, &run.warnings), (&none, &none), "{sample}");
    }
    assert_eq!(composed, 8, "the number of composed samples");
}

#[test]
fn what_works_is_admitted_in_silence_but_for_the_warnings_that_are_due() {
    let http_on_443 = json!(["http_on_tls_port"]);
    for run in urls().iter().filter(|run| run.allowed) {
        let told = run.warnings.iter().any(|warning| warning.contains("[url-http-on-443]"));
        assert_eq!(told, run.sample["expected"]["warn"] == http_on_443, "{}", run.sample["spec"]);
    }
}
