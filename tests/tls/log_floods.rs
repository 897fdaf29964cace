//! Clients that try to fill the log. It is limited, and says how many lines it leaves out.

use rustix::process::Signal;
use tokio::task::JoinSet;

use test_support::client::{Client, MALFORMED, create, json_request};
use test_support::pairs::Authority;
use test_support::webhook::{Webhook, eventually};

fn suppressed(kind: &str) -> String {
    format!("modelendpoint_webhook_log_lines_suppressed_total{{kind=\"{kind}\"}}")
}

/// How many lines the log says it left out.
fn told(webhook: &Webhook, kind: &str) -> u64 {
    let of_kind = format!("there were too many of this kind kind=\"{kind}\" lines=");
    let told = |line: &String| line.split_once(&of_kind)?.1.parse::<u64>().ok();
    webhook.log().iter().filter_map(told).sum()
}

fn lines(webhook: &Webhook, part: &str) -> u64 {
    webhook.log().iter().filter(|line| line.contains(part)).count() as u64
}

/// Makes this many handshakes by clients that do not trust the server's certificate.
async fn fail_handshakes(webhook: &Webhook, clients: usize) {
    let stranger = Client::new(webhook.https, vec![Authority::new().certificate()]);
    for _ in 0..clients {
        assert!(stranger.stream().await.is_err(), "the stranger refuses");
    }
}

#[tokio::test]
async fn three_hundred_failed_handshakes_are_few_lines_and_the_others_are_counted() {
    const REFUSED: &str = "does the caBundle of the webhook configuration match it?";
    for format in ["text", "json"] {
        let webhook = Webhook::self_signed(&["--log-format", format]).await;
        fail_handshakes(&webhook, 300).await;
        let left_out = async || webhook.metric(&suppressed("handshake")).await + lines(&webhook, REFUSED);
        eventually(300, left_out).await;
        let left_out = webhook.metric(&suppressed("handshake")).await;
        assert!(left_out >= 200, "{left_out}");
        webhook.logged("log lines were left out").await;
        if format == "text" {
            eventually(left_out, async || told(&webhook, "handshake")).await;
        }
    }
}

#[tokio::test]
async fn what_was_left_out_last_is_told_when_the_process_ends() {
    let mut webhook = Webhook::self_signed(&["--drain", "0s"]).await;
    fail_handshakes(&webhook, 100).await;
    let left_out = webhook.metric(&suppressed("handshake")).await;
    assert!(left_out > 0);
    webhook.signal(Signal::TERM);
    assert_eq!(webhook.exit().await.code(), Some(0));
    eventually(true, async || told(&webhook, "handshake") >= left_out).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_many_kinds_is_bounded_by_kind_and_none_hides_another() {
    const EACH: usize = 1_500;
    let webhook = Webhook::self_signed(&[]).await;
    let mut clients = JoinSet::new();
    for _ in 0..2 {
        let client = webhook.client();
        clients.spawn(async move {
            let mut connection = client.connect().await;
            for _ in 0..EACH {
                assert_eq!(connection.post("/validate", &create("u", MALFORMED)).await.status, 200);
                let refused = connection.send(json_request("/validate", "[]")).await.expect("an answer");
                assert_eq!(refused.status, 400);
            }
        });
    }
    fail_handshakes(&webhook, 100).await;
    clients.join_all().await;
    for (kind, part, all) in [
        ("denial", " INFO denied ", 2 * EACH),
        ("refusal", " INFO refused ", 2 * EACH),
        ("handshake", "caBundle", 100),
    ] {
        let written_or_told = async || lines(&webhook, part) + told(&webhook, kind);
        eventually(all as u64, written_or_told).await;
        assert!(lines(&webhook, part) > 0, "{kind}");
        assert!(told(&webhook, kind) > 0, "{kind}");
    }
    assert_eq!(webhook.metric("modelendpoint_webhook_log_lines_dropped_total").await, 0);
}
