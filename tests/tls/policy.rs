//! The server uses a policy that changes while it serves.

use std::fs;
use std::path::Path;

use rustix::fs::{CWD, FileType, mknodat};
use serde_json::json;

use test_support::client::{Reply, create};
use test_support::webhook::{Webhook, binary, eventually};

const HASH: &str = "modelendpoint_webhook_policy_hash";
const REFUSED: &str = r#"modelendpoint_webhook_policy_reloads_total{result="failure"}"#;
const SWAPPED: &str = r#"modelendpoint_webhook_policy_reloads_total{result="success"}"#;

const ONLY_EXAMPLE: &str = "allow:\n- namespaces: ['*']\n  hosts: ['*.example.com']\n";
const NO_LIMITS: &str = "rules: {}\n";

async fn allows(webhook: &Webhook, url: &str) -> bool {
    let reply: Reply = webhook.client().connect().await.post("/validate", &create("u-1", url)).await;
    reply.review()["response"]["allowed"] == json!(true)
}

fn flag(file: &Path) -> [&str; 2] {
    ["--policy", file.to_str().expect("a path in UTF-8")]
}

#[tokio::test]
async fn a_policy_is_followed_by_its_content_and_a_broken_one_changes_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("policy.yaml");
    fs::write(&file, ONLY_EXAMPLE).expect("a file");
    let webhook = Webhook::self_signed(&flag(&file)).await;
    let inside = "http://vault.security.svc.cluster.local:8200/";
    assert!(allows(&webhook, "https://api.example.com/v1").await);
    assert!(!allows(&webhook, inside).await);
    let first = webhook.metric(HASH).await;

    for broken in ["", "rules: {url-port: de", "allow:\n- hosts: ['https://h']\n"] {
        let before = webhook.metric(REFUSED).await;
        fs::write(&file, broken).expect("a file");
        eventually(before + 1, async || webhook.metric(REFUSED).await).await;
        assert!(!allows(&webhook, inside).await, "{broken}");
        assert_eq!(webhook.metric(HASH).await, first);
    }
    fs::remove_file(&file).expect("a file");
    webhook.logged("cannot read --policy").await;
    assert!(!allows(&webhook, inside).await);
    mknodat(CWD, &file, FileType::Fifo, 0o600.into(), 0).expect("a pipe");
    webhook.logged("it is a pipe, not a regular file").await;
    assert!(!allows(&webhook, inside).await);
    fs::remove_file(&file).expect("a file");

    fs::write(&file, NO_LIMITS).expect("a file");
    eventually(1, async || webhook.metric(SWAPPED).await).await;
    assert!(allows(&webhook, inside).await);
    assert_ne!(webhook.metric(HASH).await, first);

    // Replicas with the same policy report the same hash.
    let other = Webhook::self_signed(&flag(&file)).await;
    assert_eq!(other.metric(HASH).await, webhook.metric(HASH).await);
    let none = Webhook::self_signed(&[]).await;
    assert_eq!(none.metric(HASH).await, 0);
}

/// Whether a bad endpoint is admitted, and the message that its author reads.
async fn outcome(webhook: &Webhook, namespace: &str) -> (bool, bool) {
    let mut review = create("u-1", "http://[::1");
    review["request"]["namespace"] = json!(namespace);
    let reply = webhook.client().connect().await.post("/validate", &review).await;
    let response = &reply.review()["response"];
    let warned = response["warnings"].to_string().contains("would be refused: spec.url: ");
    (response["allowed"] == json!(true), warned)
}

#[tokio::test]
async fn what_is_not_enforced_is_admitted_counted_and_logged_and_a_policy_differs_for_a_namespace() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("policy.yaml");
    fs::write(&file, "overrides:\n- {namespaces: [strict], enforcement: deny}\n- {namespaces: [soft], enforcement: warn}\n")
        .expect("a file");
    let webhook = Webhook::self_signed(&[&flag(&file)[..], &["--enforcement", "audit"]].concat()).await;
    assert_eq!(outcome(&webhook, "other").await, (true, false));
    assert_eq!(outcome(&webhook, "soft").await, (true, true));
    assert_eq!(outcome(&webhook, "strict").await, (false, false));
    let counted = async |name: &str| webhook.metric(&format!("modelendpoint_webhook_{name}")).await;
    assert_eq!(counted(r#"unenforced_denials_total{rule="url-syntax"}"#).await, 2);
    assert_eq!(counted(r#"denials_total{rule="url-syntax"}"#).await, 1);
    assert!(webhook.logged("would be denied").await.contains(r#"rules="url-syntax""#));

    // The flag still applies after the policy was reloaded.
    fs::write(&file, NO_LIMITS).expect("a file");
    eventually(1, async || webhook.metric(SWAPPED).await).await;
    assert_eq!(outcome(&webhook, "strict").await, (true, false));
}

#[tokio::test]
async fn a_broken_policy_is_told_at_the_start() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("policy.yaml");
    fs::write(&file, "rules:\n  url-prt: off\n").expect("a file");
    let serve = ["serve", "--self-signed", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];
    let run = tokio::process::Command::new(binary()).args(serve).args(flag(&file)).output();
    let output = run.await.expect("the binary starts");
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    let place = format!("{}:2:3: there is no rule `url-prt`", file.display());
    assert!(error.contains(&place), "{error}");
}
