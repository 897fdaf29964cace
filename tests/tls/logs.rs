//! The log has one line for each denial and failure, and a client can't forge a line.

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use test_support::client::{FINE, MALFORMED, PATIENCE, create, json_request};
use test_support::webhook::{Webhook, eventually};

/// A review whose every name tries to end the line and to begin another.
fn forging(uid: &str) -> Value {
    let mut review = create(uid, MALFORMED);
    let forged = format!("x\r\n2026-11-23T00:00:00Z  INFO forged\u{1b}[2K\u{85}\u{2028}{HIDDEN}");
    for field in ["name", "namespace"] {
        review["request"][field] = json!(forged);
    }
    review["request"]["userInfo"]["username"] = json!(forged);
    review
}

/// Characters that change the direction of text, or that are invisible.
const HIDDEN: &str = "\u{ad}\u{61c}\u{200b}\u{200d}\u{200f}\u{202e}\u{2060}\u{2066}\u{3164}\u{e000}\u{fe0f}\u{feff}\u{fff9}\u{e0041}\u{e0100}";

#[tokio::test]
async fn a_denial_is_one_line_of_json_with_all_that_matters() {
    let webhook = Webhook::self_signed(&["--log-format", "json"]).await;
    let mut connection = webhook.client().connect().await;
    connection.post("/validate", &create("u-fine", FINE)).await;
    connection.post("/validate", &create("u-denied", MALFORMED)).await;
    let line: Value = serde_json::from_str(&webhook.logged("u-denied").await).expect("JSON");
    let mut expected = json!({
        "level": "INFO",
        "message": "denied",
        "uid": "u-denied",
        "user": "jane",
        "namespace": "ml-team",
        "name": "qwen",
        "operation": "CREATE",
        "hook": "/validate",
        "rules": "url-syntax",
        "dryRun": false,
    });
    expected["timestamp"] = line["timestamp"].clone();
    expected["latency_seconds"] = line["latency_seconds"].clone();
    assert_eq!(line, expected);
    assert!(line["latency_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{line}");
    assert!(!webhook.log().iter().any(|line| line.contains("u-fine")), "what is allowed is for debug");
}

#[tokio::test]
async fn a_review_that_a_rule_warned_about_is_one_line_with_the_rule() {
    let webhook = Webhook::self_signed(&["--log-format", "json"]).await;
    webhook.client().post("/validate", &create("u-warned", "http://h.example:443/")).await;
    let mut line: Value = serde_json::from_str(&webhook.logged("u-warned").await).expect("JSON");
    for varying in ["timestamp", "latency_seconds"] {
        assert!(line.as_object_mut().is_some_and(|line| line.remove(varying).is_some()), "{varying}");
    }
    let expected = json!({
        "level": "INFO",
        "message": "allowed with warnings",
        "uid": "u-warned",
        "user": "jane",
        "namespace": "ml-team",
        "name": "qwen",
        "operation": "CREATE",
        "hook": "/validate",
        "rules": "",
        "warned": "url-http-on-443",
        "dryRun": false,
    });
    assert_eq!(line, expected);
}

/// The latency is a number, and the only value that differs from run to run.
#[tokio::test]
async fn a_denial_is_one_line_of_text_with_all_that_matters() {
    let webhook = Webhook::self_signed(&[]).await;
    let mut update = create("u-denied", MALFORMED);
    update["request"]["operation"] = json!("UPDATE");
    update["request"]["oldObject"] = create("", FINE)["request"]["object"].clone();
    update["request"]["object"]["spec"]["rewritePath"] = json!("a");
    update["request"]["dryRun"] = json!(true);
    webhook.client().post("/validate", &update).await;
    let line = webhook.logged("u-denied").await;
    let (time, line) = line.split_once(' ').expect("a time");
    assert_eq!((time.len(), time.ends_with('Z')), ("2026-11-23T06:27:00.000000Z".len(), true), "{time}");
    let (line, latency) = line.rsplit_once(' ').expect("a latency");
    let latency = latency.strip_prefix("latency_seconds=").and_then(|seconds| seconds.parse::<f64>().ok());
    assert!(latency.is_some_and(|seconds| seconds > 0.0), "{line} {latency:?}");
    let expected = " INFO denied uid=\"u-denied\" user=\"jane\" namespace=\"ml-team\" name=\"qwen\" \
                    operation=\"UPDATE\" hook=\"/validate\" rules=\"url-syntax,rewrite-path-absolute\" \
                    dryRun=true";
    assert_eq!(line, expected);
}

#[tokio::test]
async fn a_failure_is_one_line_with_the_uid() {
    let webhook = Webhook::self_signed(&["--log-format", "json"]).await;
    let mut failing = create("u-failed", FINE);
    failing["request"]["object"] = json!(null);
    webhook.client().post("/validate", &failing).await;
    let mut line: Value = serde_json::from_str(&webhook.logged("u-failed").await).expect("JSON");
    for varying in ["timestamp", "latency_seconds"] {
        assert!(line.as_object_mut().is_some_and(|line| line.remove(varying).is_some()), "{varying}");
    }
    let expected = json!({
        "level": "INFO",
        "message": "failed",
        "uid": "u-failed",
        "user": "jane",
        "namespace": "ml-team",
        "name": "qwen",
        "operation": "CREATE",
        "hook": "/validate",
        "rules": "",
        "dryRun": false,
        "notice": "request.object is missing or not an object",
    });
    assert_eq!(line, expected);
}

#[tokio::test]
async fn allowed_requests_are_logged_at_debug() {
    let webhook = Webhook::self_signed(&["--log-level", "debug"]).await;
    webhook.client().post("/mutate", &create("u-fine", FINE)).await;
    let line = webhook.logged("u-fine").await;
    assert!(line.contains(r#"DEBUG allowed uid="u-fine" user="jane" namespace="ml-team""#), "{line}");
}

#[tokio::test]
async fn nobody_can_forge_a_line() {
    for format in ["text", "json"] {
        let webhook = Webhook::self_signed(&["--log-format", format]).await;
        let mut connection = webhook.client().connect().await;
        connection.post("/validate", &forging("u-forged")).await;
        connection.post("/validate", &create("u-after", MALFORMED)).await;
        webhook.logged("u-after").await;
        let log = webhook.log();
        let forged: Vec<_> = log.iter().filter(|line| line.contains("forged")).collect();
        assert_eq!(forged.len(), 1, "{format}: {log:#?}");
        assert!(forged[0].contains("u-forged"), "{format}: {log:#?}");
        let raw = |line: &&String| line.chars().any(|c| c.is_control() || HIDDEN.contains(c));
        assert_eq!(log.iter().find(raw), None, "{format}");
        for field in ["user", "namespace", "name"] {
            let of_field = forged[0].split(field).nth(1).unwrap_or_default();
            let code_point = if format == "json" { "<U+202E>" } else { "\\u{202e}" };
            assert!(of_field.contains(code_point), "{format} {field}: {}", forged[0]);
        }
    }
}

#[tokio::test]
async fn a_long_value_is_cut() {
    let webhook = Webhook::self_signed(&["--log-format", "json"]).await;
    let mut review = create("u-long", MALFORMED);
    review["request"]["name"] = json!("ä".repeat(10_000));
    webhook.client().post("/validate", &review).await;
    let line: Value = serde_json::from_str(&webhook.logged("u-long").await).expect("JSON");
    assert_eq!(line["name"], json!("ä".repeat(256)));
}

#[tokio::test]
async fn passwords_in_a_url_are_never_logged() {
    let webhook = Webhook::self_signed(&["--log-level", "trace"]).await;
    let mut connection = webhook.client().connect().await;
    for path in ["/mutate", "/validate"] {
        connection.post(path, &create("u-secret", "http://jane:hunter2@[::1")).await;
        connection.post(path, &create("u-secret", "http://jane:hunter2@example.org/v1")).await;
        let cut = create("u-cut", "http://jane:hunter2@example.org/v1").to_string();
        let cut = cut[..cut.len() - 3].to_owned();
        connection.send(json_request(path, cut)).await.expect("an answer");
    }
    connection.post("/validate", &create("u-last", MALFORMED)).await;
    webhook.logged("u-last").await;
    assert_eq!(webhook.log().iter().find(|line| line.contains("hunter2")), None);
}

#[tokio::test]
async fn a_call_without_a_review_is_one_line() {
    let webhook = Webhook::self_signed(&[]).await;
    webhook.client().connect().await.send(json_request("/mutate", "[]")).await.expect("an answer");
    let line = webhook.logged("refused").await;
    assert!(line.contains(r#"INFO refused hook="/mutate" status=400 reason=""#), "{line}");
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_certificate_is_a_hint_about_the_ca_bundle() {
    let webhook = Webhook::self_signed(&[]).await;
    let stranger = test_support::client::Client::new(
        webhook.https,
        vec![test_support::pairs::Authority::new().certificate()],
    );
    assert!(stranger.stream().await.is_err(), "the stranger refuses");
    webhook.logged("does the caBundle of the webhook configuration match it?").await;
}

#[tokio::test]
async fn a_log_that_nobody_reads_holds_up_no_answer_and_what_it_lacks_is_counted() {
    const CLIENTS: usize = 8;
    const EACH: usize = 1_200;
    // Lines at level debug have no limit.
    let webhook = Webhook::self_signed(&["--log-level", "debug"]).await;
    webhook.log_is_read(false);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let client = webhook.client();
        clients.spawn(async move {
            let mut connection = client.connect().await;
            for _ in 0..EACH {
                assert_eq!(connection.post("/validate", &create("u", FINE)).await.status, 200);
            }
        });
    }
    let answered = timeout(4 * PATIENCE, clients.join_all()).await;
    assert!(answered.is_ok(), "some answers wait for the log");
    let dropped = webhook.metric("modelendpoint_webhook_log_lines_dropped_total").await;
    assert!(dropped > 0, "more lines were waiting than have room");
    webhook.log_is_read(true);
    let logged = async || webhook.log().iter().filter(|line| line.contains("DEBUG allowed")).count() as u64;
    eventually((CLIENTS * EACH) as u64 - dropped, logged).await;
}
