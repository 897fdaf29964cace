//! How the server leaves: nobody who is still being sent to it notices.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{FINE, Reply, allowed, create};
use crate::webhook::{Webhook, eventually};

const CLOSING: [(&str, &str); 2] = [("connection", "close"), ("content-type", "application/json")];

#[tokio::test]
async fn it_serves_on_while_it_drains_and_asks_clients_to_leave() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut webhook = Webhook::self_signed(&["--drain", "3s"]).await;
        webhook.is_ready().await;
        let client = webhook.client();
        let mut old = client.connect().await;
        assert_eq!(old.post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));
        webhook.signal(signal);
        webhook.logged("leaving").await;
        assert_eq!(webhook.ops("/readyz").await, Reply::text(503, "not ready: the server is about to stop"));
        assert_eq!(webhook.ops("/livez").await, Reply::text(200, "ok"));

        let reply = old.post("/validate", &create("u-2", FINE)).await;
        assert_eq!(reply, Reply::new(200, &CLOSING, &reply.body));
        assert_eq!(reply.review(), allowed("u-2"));
        eventually(true, async || old.is_closed()).await;
        let reply = client.post("/validate", &create("u-3", FINE)).await;
        assert_eq!(reply, Reply::new(200, &CLOSING, &reply.body));

        webhook.logged("closing").await;
        assert_eq!(webhook.exit().await.code(), Some(0));
        assert!(TcpStream::connect(webhook.https).await.is_err(), "nobody listens any more");
    }
}

#[tokio::test]
async fn what_runs_when_the_listener_closes_is_still_answered() {
    let mut webhook = Webhook::self_signed(&["--drain", "0s"]).await;
    let mut stream = webhook.client().stream().await.expect("the server accepts");
    let review = create("u-4", FINE).to_string();
    let (first, rest) = review.split_at(100);
    let head = format!(
        "POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        review.len()
    );
    stream.write_all(format!("{head}{first}").as_bytes()).await.expect("the server reads");
    eventually(1, async || webhook.metric("modelendpoint_webhook_requests_in_flight").await).await;
    webhook.signal(Signal::TERM);
    webhook.logged("closing").await;
    eventually(true, async || TcpStream::connect(webhook.https).await.is_err()).await;

    stream.write_all(rest.as_bytes()).await.expect("the server still reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer, and an end in good order");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("connection: close"), "{head}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(body).expect("JSON"), allowed("u-4"));
    assert_eq!(webhook.exit().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut webhook = Webhook::self_signed(&["--drain", "10m"]).await;
    webhook.signal(Signal::TERM);
    webhook.logged("leaving").await;
    let asked = Instant::now();
    webhook.signal(Signal::TERM);
    assert_eq!(webhook.exit().await.code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(5), "took {:?}", asked.elapsed());
}
