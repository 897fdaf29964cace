//! Compares the webhook with the consumers of endpoints with an origin: each sample of tests/corpus/origins.jsonl was
//! run through the API server, Modelplane's composition and the gateway's schemas.

use modelendpoint_core::admission::Hook;
use serde_json::{Value, json};

use crate::reviews::{self, AdmissionResponse};

/// One sample, run through both webhooks.
struct Run {
    sample: Value,
    mutated: AdmissionResponse,
    stored: Value,
    verdict: AdmissionResponse,
}

fn runs() -> Vec<Run> {
    include_str!("../../../../tests/corpus/origins.jsonl")
        .lines()
        .map(|line| {
            let sample: Value = serde_json::from_str(line).expect("a sample");
            let mut review = reviews::create(&sample["admitted"]);
            review["request"]["object"]["metadata"]["labels"] = sample["metadata"]["labels"].clone();
            let mutated = reviews::ask(Hook::Mutate, &review);
            let mut second = review.clone();
            second["request"]["object"] = reviews::stored(&review, &mutated);
            let verdict = reviews::ask(Hook::Validate, &second);
            reviews::assert_one_call_says_the_same(&review, &mutated, &verdict);
            Run { sample, mutated, stored: second["request"]["object"]["spec"].clone(), verdict }
        })
        .collect()
}

impl Run {
    fn expected(&self) -> &Value {
        &self.sample["expected"]
    }

    /// The verdict of `/validate`.
    fn said(&self) -> &'static str {
        match (self.verdict.allowed, self.warned_of().is_empty()) {
            (false, _) => "deny",
            (true, false) => "warn",
            (true, true) => "allow",
        }
    }

    /// The rules that `/validate` warned about.
    fn warned_of(&self) -> Vec<&str> {
        let id = |warning: &'_ str| warning.rfind('[').map(|at| at + 1..warning.len() - 1);
        self.verdict.warnings.iter().map(|warning| &warning[id(warning).expect("a rule's id")]).collect()
    }

    fn agrees(&self) -> bool {
        let expected = self.expected();
        if expected["normalised"].is_object() {
            return self.stored == expected["normalised"] && self.verdict.allowed;
        }
        let is_left_alone = self.stored == self.sample["admitted"];
        is_left_alone
            && match expected["verdict"].as_str() {
                Some("allow") => self.mutated.allowed && self.verdict.allowed,
                // What the schema refuses never reaches `/validate`.
                Some("deny") if expected["by"] == "schema" => true,
                Some("deny") => !self.verdict.allowed,
                Some("ambiguous") => self.said() == expected["chosen"],
                other => panic!("a verdict {other:?}"),
            }
    }

    /// The names in `expected.warn` of the rules that warned.
    fn warnings_due(&self) -> Vec<&'static str> {
        let due = |rule: &str| {
            let port = self.stored["origin"].as_str().is_some_and(|origin| origin.starts_with("https"));
            match rule {
                "credential-in-plaintext" => Some("credential_in_plaintext"),
                "origin-port-scheme" if port => Some("https_on_http_port"),
                "origin-port-scheme" => Some("http_on_tls_port"),
                _ => None,
            }
        };
        let mut due: Vec<_> = self.warned_of().into_iter().filter_map(due).collect();
        due.sort_unstable();
        due
    }
}

#[test]
fn the_verdict_on_every_origin_is_what_the_consumers_say() {
    let runs = runs();
    assert_eq!(runs.len(), 399);
    let disagreements: Vec<_> = runs
        .iter()
        .filter(|run| !run.agrees())
        .map(|run| {
            let said = run.verdict.status.message.as_deref().unwrap_or_default();
            format!(
                "{} {} stored {}: {} {said}",
                run.sample["admitted"],
                run.expected(),
                run.stored,
                run.said()
            )
        })
        .collect();
    assert!(disagreements.is_empty(), "{} disagreements:\n{}", disagreements.len(), disagreements.join("\n"));
}

#[test]
fn what_is_due_is_warned_of_and_what_works_is_not() {
    let mut after_change = Vec::new();
    for run in runs().iter().filter(|run| run.verdict.allowed) {
        let expected = run.expected();
        let warn =
            if expected["normalised"].is_object() { &expected["normalised_warn"] } else { &expected["warn"] };
        assert_eq!(json!(run.warnings_due()), *warn, "{}", run.sample);
        let may_warn =
            |word: &str| expected["may_warn"].as_array().is_some_and(|words| words.contains(&json!(word)));
        for rule in run.warned_of() {
            let is_welcome = match rule {
                // The corpus does not list the warnings that are welcome after a change.
                "provider-credential" | "provider-prefix" if expected["normalised"].is_object() => {
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    let (origin, prefix) = (text(&run.stored["origin"]), text(&run.stored["api"]["prefix"]));
                    after_change.push((rule.to_owned(), format!("{origin}{prefix}")));
                    true
                }
                "cluster-label" => run.sample["metadata"]["labels"]["modelplane.ai/cluster"].is_string(),
                "prefix-version-twice" => may_warn("prefix_doubled"),
                "prefix-empty-segment" => expected["verdict"] == "ambiguous",
                "provider-credential" => may_warn("provider_credential"),
                "provider-prefix" => may_warn("provider_prefix"),
                "provider-schema" => may_warn("provider_schema"),
                "credential-in-plaintext" | "origin-port-scheme" => true,
                _ => false,
            };
            assert!(is_welcome, "{rule}: {}", run.sample);
        }
    }
    let after_change: Vec<_> =
        after_change.iter().map(|(rule, place)| (rule.as_str(), place.as_str())).collect();
    assert_eq!(
        after_change,
        [
            ("provider-credential", "https://api.x.ai/v1"),
            ("provider-credential", "https://api.openai.com/v1"),
            ("provider-prefix", "https://api.groq.com:443/v1"),
            ("provider-credential", "https://api.groq.com:443/v1"),
        ]
    );
}

#[test]
fn what_the_schema_refuses_is_refused_in_words_before() {
    let runs = runs();
    let by_schema = runs.iter().filter(|run| run.expected()["by"] == "schema");
    let is_text = |run: &&Run| {
        let admitted = &run.sample["admitted"];
        admitted["origin"].is_string() && admitted["api"]["prefix"].is_string()
    };
    let mut in_words = 0;
    for run in by_schema.filter(is_text).filter(|run| run.expected()["normalised"].is_null()) {
        let (origin, prefix) = (&run.sample["admitted"]["origin"], &run.sample["admitted"]["api"]["prefix"]);
        let is_refused = !run.mutated.allowed;
        // The rest is too long, has an unknown schema, or an incomplete credential.
        let is_about_these =
            run.mutated.denied_fields().iter().all(|f| f == "spec.origin" || f == "spec.api.prefix");
        assert!(is_about_these, "{}", run.sample);
        in_words += usize::from(is_refused);
        if let Some(meant) = run.expected()["suggest"].as_object() {
            let said = run.mutated.status.message.clone().unwrap_or_default();
            let lines = format!(
                "write `origin: {}` and `prefix: {}` under `api`",
                meant["origin"].as_str().unwrap_or_default(),
                meant["prefix"].as_str().unwrap_or_default()
            );
            assert!(said.contains(&lines), "{origin} {prefix}: {said}");
        }
    }
    assert_eq!(in_words, 71, "the number of samples that are refused in words");
}
