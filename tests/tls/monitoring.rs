//! `/metrics` has every metric that `deploy/components/monitoring` uses.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use test_support::client::{Client, FINE, MALFORMED, create, get};
use test_support::pairs::Authority;
use test_support::webhook::{Webhook, eventually};

const RULES: &str = include_str!("../../deploy/components/monitoring/prometheus-rule.yaml");
const RULE_TESTS: &str = include_str!("../../deploy/components/monitoring/prometheus-rule.test.yaml");
const OPERATIONS: &str = include_str!("../../docs/operations.md");
const DASHBOARD: &str = include_str!("../../deploy/components/monitoring/modelendpoint-webhook.json");

/// What other programs expose. The tests of the audit, and those in tests/deploy with a real API server, look at these.
const ELSEWHERE: [&str; 2] = ["modelendpoint_audit_", "apiserver_"];

#[tokio::test]
async fn alerts_and_dashboard_ask_for_series_that_exist() {
    let webhook = Webhook::self_signed(&[]).await;
    let exposition = webhook.ops("/metrics").await.body;
    let exposed: BTreeSet<_> = exposition
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let asked: BTreeSet<_> = RULES
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .chain(DASHBOARD.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(|word| word.starts_with("modelendpoint_webhook_") || word.starts_with("process_"))
        .collect();
    assert!(asked.len() > 10, "{asked:?}");
    assert_eq!(asked.difference(&exposed).collect::<Vec<_>>(), Vec::<&&str>::new());
}

#[test]
fn every_panel_says_what_it_shows_even_if_there_is_nothing() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let lacks = |panel: &Value, pointer: &str| {
        panel.pointer(pointer).and_then(Value::as_str).is_none_or(str::is_empty)
    };
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        for pointer in
            ["/title", "/description", "/fieldConfig/defaults/unit", "/fieldConfig/defaults/noValue"]
        {
            assert!(!lacks(panel, pointer), "{} lacks {pointer}", panel["title"]);
        }
        let targets = panel["targets"].as_array().expect("targets");
        assert!(
            !targets.is_empty() && targets.iter().all(|target| !lacks(target, "/legendFormat")),
            "{panel}"
        );
    }
    let rows = panels.iter().filter(|panel| panel["type"] == "row").map(|row| &row["title"]);
    assert_eq!(rows.collect::<Vec<_>>(), ["Outages", "Audit"]);
}

#[test]
fn every_alert_has_a_section_of_its_own_in_the_runbook() {
    const PAGE: &str = "https://github.com/modelplane/modelendpoint-webhook/blob/main/docs/operations.md#";
    let after = |text: &'static str, prefix: &'static str| -> Vec<String> {
        text.lines().filter_map(|line| line.trim().strip_prefix(prefix)).map(str::to_lowercase).collect()
    };
    let alerts = after(RULES, "- alert: ");
    let linked: Vec<_> = after(RULES, "runbook_url: ");
    assert_eq!(linked, alerts.iter().map(|alert| format!("{PAGE}{alert}")).collect::<Vec<_>>());
    let sections = after(OPERATIONS, "### ModelEndpoint");
    let sections: BTreeSet<_> = sections.iter().map(|name| format!("modelendpoint{name}")).collect();
    assert_eq!(sections, alerts.into_iter().collect());
}

#[tokio::test]
#[ignore = "needs promtool, of Debian's package prometheus: .ci/run installs it"]
async fn every_name_and_unit_is_as_prometheus_itself_would_have_it() {
    let webhook = Webhook::self_signed(&[]).await;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool runs");
    let exposition = webhook.ops("/metrics").await.body;
    let mut input = promtool.stdin.take().expect("stdin is piped");
    input.write_all(exposition.as_bytes()).await.expect("promtool reads");
    drop(input);
    let output = promtool.wait_with_output().await.expect("promtool ends");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*said), (Some(0), ""));
}

#[tokio::test]
#[ignore = "needs promtool, of Debian's package prometheus: .ci/run installs it"]
async fn the_alerts_fire_when_they_should() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = |name: &str| directory.path().join(name);
    fs::write(file("rules.yaml"), groups()).expect("a file");
    fs::write(file("rules.test.yaml"), RULE_TESTS).expect("a file");
    for arguments in [["check", "rules", "rules.yaml"], ["test", "rules", "rules.test.yaml"]] {
        let output = Command::new("promtool").current_dir(directory.path()).args(arguments).output().await;
        let output = output.expect("promtool runs");
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
    }
}

#[tokio::test]
#[ignore = "needs prometheus, of Debian's package prometheus: .ci/run installs it"]
async fn a_real_prometheus_reads_the_metrics_and_answers_every_question_of_alerts_and_dashboard() {
    let ca = Authority::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("ca.crt");
    fs::write(&file, ca.pem()).expect("a file");
    let file = file.to_str().expect("UTF-8");
    let webhook = Webhook::self_signed(&["--client-ca", file, "--client-name", "kube-apiserver"]).await;
    let (caller, stranger) = (ca.client("kube-apiserver", &[]), ca.client("jane", &[]));
    let [caller, stranger] = [caller, stranger].map(|pair| webhook.client().presenting(&pair));
    let prometheus = Prometheus::scraping(webhook.ops).await;
    eventually(json!(["up", ""]), async || {
        let targets = prometheus.ask("/api/v1/targets").await;
        let target = &targets["data"]["activeTargets"][0];
        json!([target["health"], target["lastError"]])
    })
    .await;

    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let questions = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let questions = questions.map(|target| target["expr"].as_str().expect("an expression"));
    // The audit is another program. Its own tests compare its metrics with the dashboard.
    for question in questions.filter(|question| !ELSEWHERE.iter().any(|other| question.contains(other))) {
        let question = question.replace("$__rate_interval", "10s").replace("$__range", "10s");
        let question = question.replace("$cluster", ".*").replace("$namespace", ".*").replace("$job", ".+");
        assert!(!question.contains('$'), "{question}");
        eventually(true, async || {
            call_in_every_way(&caller, &stranger).await;
            let answer = prometheus.query(&question).await;
            assert_eq!(answer["status"], "success", "{question}: {answer}");
            answer["data"]["result"].as_array().is_some_and(|series| !series.is_empty())
        })
        .await;
    }

    let health = async || {
        let rules = prometheus.ask("/api/v1/rules").await;
        let rules = rules["data"]["groups"][0]["rules"].as_array().cloned().unwrap_or_default();
        rules.iter().map(|rule| json!([rule["name"], rule["health"], rule["lastError"]])).collect::<Vec<_>>()
    };
    let alerts = RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let expected: Vec<_> = alerts.map(|alert| json!([alert, "ok", null])).collect();
    assert!(!expected.is_empty());
    eventually(expected, health).await;
}

/// Changes every metric that a client can change.
async fn call_in_every_way(caller: &Client, stranger: &Client) {
    let mut connection = caller.connect().await;
    connection.post("/validate", &create("u-1", FINE)).await;
    connection.post("/validate", &create("u-2", MALFORMED)).await;
    connection.post("/validate", &create("u-6", "http://h.example:443/")).await;
    let mut bare = create("u-3", FINE);
    bare["request"]["object"]["spec"] = json!({ "url": FINE });
    connection.post("/mutate", &bare).await;
    connection.post("/mutate?timeout=1ms", &create("u-4", FINE)).await;
    stranger.post("/validate", &create("u-5", FINE)).await;
}

/// The rules in the format of Prometheus, as the operator derives them from a `PrometheusRule`.
fn groups() -> String {
    let (_, spec) = RULES.split_once("\nspec:\n").expect("a spec");
    spec.lines().map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned() + "\n").collect()
}

struct Prometheus {
    address: SocketAddr,
    _child: Child,
    _directory: tempfile::TempDir,
}

impl Prometheus {
    async fn scraping(ops: SocketAddr) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| Path::join(directory.path(), name).display().to_string();
        fs::write(path("rules.yaml"), groups()).expect("a file");
        let config = json!({
            "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
            "rule_files": [path("rules.yaml")],
            "scrape_configs": [{
                "job_name": "modelendpoint-webhook",
                "static_configs": [{ "targets": [ops.to_string()], "labels": { "pod": "a" } }],
            }],
        });
        // JSON is valid YAML.
        fs::write(path("prometheus.yml"), config.to_string()).expect("a file");
        // Prometheus does not say which port it got, so give it one that was free a moment ago.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = free.expect("a free port");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", path("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", path("data")))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("prometheus runs");
        let prometheus = Self { address, _child: child, _directory: directory };
        eventually(true, async || tokio::net::TcpStream::connect(address).await.is_ok()).await;
        eventually(200, async || get(address, "/-/ready").await.status).await;
        prometheus
    }

    async fn ask(&self, path: &str) -> Value {
        serde_json::from_str(&get(self.address, path).await.body).expect("JSON")
    }

    async fn query(&self, expression: &str) -> Value {
        let encoded = expression.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02X}"));
        self.ask(&format!("/api/v1/query?query={encoded}")).await
    }
}
