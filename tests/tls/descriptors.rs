//! File descriptors: the server gets as many as the connections need if it is allowed to, and otherwise accepts fewer
//! connections.

use std::net::Ipv4Addr;

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use tokio::net::TcpStream;

use test_support::client::{FINE, allowed, create, tcp_from};
use test_support::webhook::{Webhook, eventually};

const CONNECTIONS: &str = r#"modelendpoint_webhook_connections{listener="https"}"#;
const SLOW_GAVE_WAY: &str = r#"modelendpoint_webhook_shed_total{reason="slow_client"}"#;
const NEW_GAVE_WAY: &str = r#"modelendpoint_webhook_shed_total{reason="new_client"}"#;
/// For the operators' port, files, the runtime, and newcomers that wait.
const RESERVE: u64 = 64 + 64 + 2 * 64;

#[tokio::test]
async fn the_soft_limit_is_raised_to_what_the_connections_need() {
    let webhook = Webhook::self_signed_after("ulimit -S -n 200", &["--max-connections", "300"]).await;
    assert_eq!(webhook.metric("process_max_fds").await, 300 + RESERVE);
    assert_eq!(warnings(&webhook), Vec::<String>::new());
}

#[tokio::test]
async fn a_limit_that_is_high_enough_is_left_alone() {
    let webhook = Webhook::self_signed_after("ulimit -S -n 600", &["--max-connections", "300"]).await;
    assert_eq!(webhook.metric("process_max_fds").await, 600);
}

#[tokio::test]
async fn under_a_low_hard_limit_there_are_fewer_connections_and_always_a_reserve() {
    let webhook = Webhook::self_signed_after("ulimit -n 328", &[]).await;
    let possible = 328 - RESERVE;
    let line = webhook.logged("fewer connections than --max-connections").await;
    assert!(line.contains(&format!("wanted=4096 possible={possible}")), "{line}");
    webhook.is_ready().await;

    let mut silent = Vec::new();
    for number in 0..200 {
        let source = Ipv4Addr::new(127, 0, 0, 2 + number % 2);
        silent.push(tcp_from(source, webhook.https).await.expect("the kernel accepts"));
    }
    eventually(true, async || webhook.metric(CONNECTIONS).await >= possible).await;
    assert!(webhook.metric("process_open_fds").await < 328);
    assert_eq!(webhook.client().post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));
    assert_eq!(webhook.log().iter().find(|line| line.contains("cannot accept")), None);
}

#[tokio::test]
async fn without_descriptors_the_open_connections_are_served_and_it_recovers() {
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let mut kept = webhook.client().connect().await;
    kept.post("/validate", &create("u-1", FINE)).await;
    let before = nofile(&webhook, None);
    let open = webhook.metric("process_open_fds").await;
    // Leave a few more than are open now.
    let few = Rlimit { current: Some(open + 4), maximum: before.maximum };
    nofile(&webhook, Some(few));

    let mut silent = Vec::new();
    for _ in 0..30 {
        silent.push(TcpStream::connect(webhook.https).await.expect("the kernel accepts"));
    }
    webhook.logged("cannot accept connections").await;
    assert_eq!(kept.post("/validate", &create("u-2", FINE)).await.review(), allowed("u-2"));
    // The silent connections are less useful, so they are ended first, one after the other.
    assert_eq!(webhook.client().post("/validate", &create("u-3", FINE)).await.review(), allowed("u-3"));

    drop(silent);
    nofile(&webhook, Some(before));
    assert_eq!(webhook.client().post("/validate", &create("u-4", FINE)).await.review(), allowed("u-4"));
    let gave_way = webhook.metric(NEW_GAVE_WAY).await + webhook.metric(SLOW_GAVE_WAY).await;
    assert!(gave_way > 0, "somebody gave way");
}

/// The limit of open files of a running server, after it was set to `new`.
fn nofile(webhook: &Webhook, new: Option<Rlimit>) -> Rlimit {
    let new = new.unwrap_or_else(|| getrlimit(Resource::Nofile));
    prlimit(Some(webhook.pid()), Resource::Nofile, new).expect("a process of ours")
}

fn warnings(webhook: &Webhook) -> Vec<String> {
    webhook.log().into_iter().filter(|line| line.contains("WARN")).collect()
}
