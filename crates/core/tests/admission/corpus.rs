//! Compares the webhook with the consumers of an endpoint: each sample of tests/corpus was run through Modelplane,
//! the API server and the gateway, and labelled with what they did.

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
            reviews::assert_one_call_says_the_same(&review, &mutated, &verdict);
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

impl Run {
    /// The verdict of `/validate`.
    fn verdict(&self) -> &'static str {
        match (self.allowed, self.warnings.is_empty()) {
            (false, _) => "deny",
            (true, false) => "warn",
            (true, true) => "allow",
        }
    }

    /// The rules that `/validate` warned about.
    fn warned_of(&self) -> Vec<&str> {
        let id = |warning: &str| warning.rfind('[').map(|at| at + 1..warning.len() - 1);
        self.warnings.iter().map(|warning| &warning[id(warning).expect("a rule's id")]).collect()
    }
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
                // docs/decisions/02-where-the-consumers-leave-room.md
                Some("ambiguous") => run.verdict() == expected["chosen"],
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
fn every_sample_that_leaves_room_has_a_choice() {
    let runs: Vec<_> = urls().into_iter().chain(rewrite_paths()).collect();
    let count = |chosen: &str| runs.iter().filter(|run| run.sample["expected"]["chosen"] == chosen).count();
    assert_eq!(["allow", "deny", "warn"].map(count), [16, 76, 7]);
}

#[test]
fn what_works_is_admitted_in_silence_but_for_the_warnings_that_are_due() {
    let mut advised = Vec::new();
    for run in urls().iter().filter(|run| run.allowed) {
        let is_due = run.sample["expected"]["warn"] == json!(["http_on_tls_port"]);
        let due: &[&str] = if is_due { &["url-http-on-443"] } else { &[] };
        let (advice, others): (Vec<_>, Vec<_>) =
            run.warned_of().into_iter().partition(|id| ADVICE.contains(id));
        assert_eq!(others, due, "{}", run.sample["spec"]);
        let url = run.sample["spec"]["url"].as_str().unwrap_or_default();
        advised.extend(advice.into_iter().map(|id| (id.to_owned(), url.to_owned())));
    }
    let advised: Vec<_> = advised.iter().map(|(id, url)| (id.as_str(), url.as_str())).collect();
    assert_eq!(advised, ADVISED);
}

/// Warnings about urls that can be routed but lead to no model. The corpus does not cover these.
const ADVICE: [&str; 6] =
    ["url-version", "url-provider", "url-operation", "url-path-typo", "url-laptop-name", "url-ip-typo"];

const ADVISED: [(&str, &str); 30] = [
    ("url-laptop-name", "http://gateway.docker.internal:8000/v1"),
    ("url-version", "https://api.example.com/v1@"),
    ("url-version", "https://api.example.com/V1/"),
    ("url-operation", "https://api.example.com/chat/completions"),
    ("url-operation", "https://api.example.com/v1/completions"),
    ("url-version", "https://api.example.com/v1/../"),
    ("url-version", "https://api.example.com/v1;x"),
    ("url-path-typo", "https://api.example.com/v1;"),
    ("url-version", "http://10.0.0.5:8000/v1;x"),
    ("url-version", "http://[2001:db8::10]/v1;x"),
    ("url-version", "https://api.example.com/v1%"),
    ("url-version", "https://api.example.com/v1%00"),
    ("url-provider", "https://api.groq.com"),
    ("url-provider", "https://api.deepseek.com/beta"),
    ("url-provider", "https://api.deepinfra.com/v1/openai"),
    ("url-provider", "https://api.deepinfra.com/v1/openai/"),
    ("url-provider", "https://api.perplexity.ai"),
    ("url-provider", "https://api.perplexity.ai/"),
    (
        "url-provider",
        "https://us-central1-aiplatform.googleapis.com/v1/projects/my-project/locations/us-central1/endpoints/openapi",
    ),
    ("url-provider", "https://my-resource.openai.azure.com"),
    ("url-provider", "https://my-resource.services.ai.azure.com/models"),
    ("url-provider", "https://bedrock-runtime.us-west-2.amazonaws.com"),
    ("url-provider", "https://api.replicate.com/v1"),
    ("url-provider", "https://ark.cn-beijing.volces.com/api/v3"),
    ("url-provider", "https://qianfan.baidubce.com/v2"),
    ("url-provider", "https://dbc-a1b2c3d4-e5f6.cloud.databricks.com/serving-endpoints"),
    ("url-provider", "https://inference.generativeai.us-chicago-1.oci.oraclecloud.com/20231130/actions/chat"),
    ("url-path-typo", "https://api.example.com/v1,https://api2.example.com/v1"),
    ("url-version", "https://gateway.ai.cloudflare.co8m/v1/0123456789abcdef/my-gateway/openai"),
    (
        "url-version",
        "https://aiplatform.googleapis.comm/v1/projects/my-project/locations/global/endpoints/openapi",
    ),
];
