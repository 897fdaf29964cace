//! Limits that would take long, or much memory, to reach with their default values.

use std::time::{Duration, Instant};

use modelendpoint_core::admission;
use modelendpoint_webhook::server::limits::Limits;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::in_process::serve;
use test_support::client::{FINE, Reply, allowed, create};
use test_support::webhook::eventually;

#[tokio::test]
async fn an_idle_connection_is_closed_in_good_order() {
    let idle = Duration::from_millis(300);
    let server = serve(admission::answer, Limits { idle, ..Limits::new(10) });
    let mut used = server.client.connect().await;
    assert_eq!(used.post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));
    let mut fresh = server.client.stream().await.expect("the server accepts");
    let started = Instant::now();
    let mut said = Vec::new();
    let end = fresh.read_to_end(&mut said).await;
    assert_eq!(end.expect("a farewell, not a cut"), 0);
    assert!(started.elapsed() > idle / 2, "after {:?}", started.elapsed());
    eventually(true, async || used.is_closed()).await;
}

#[tokio::test]
async fn a_connection_that_is_old_ends_with_its_next_answer_and_is_not_cut() {
    let age = Duration::from_millis(300);
    let server = serve(admission::answer, Limits { age, ..Limits::new(10) });
    let mut connection = server.client.connect().await;
    let closing = ("connection".to_owned(), "close".to_owned());
    let mut answered = 0;
    eventually(true, async || {
        let reply = connection.post("/validate", &create("u-1", FINE)).await;
        assert_eq!(reply.review(), allowed("u-1"));
        answered += 1;
        reply.headers.contains(&closing)
    })
    .await;
    assert!(answered > 1, "the first answer was the last one");
    eventually(true, async || connection.is_closed()).await;
}

#[tokio::test]
async fn an_old_connection_without_a_request_stays_for_its_next_one() {
    let age = Duration::from_millis(100);
    let server = serve(admission::answer, Limits { age, ..Limits::new(10) });
    let mut idle = server.client.connect().await;
    assert_eq!(idle.post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));
    let mut other = server.client.connect().await;
    // When the other connection is asked to close, this older one has also exceeded the limit.
    eventually(true, async || {
        other
            .post("/validate", &create("u-2", FINE))
            .await
            .headers
            .iter()
            .any(|(name, _)| name == "connection")
    })
    .await;
    assert!(!idle.is_closed());
    let reply = idle.post("/validate", &create("u-3", FINE)).await;
    assert_eq!((reply.review(), reply.headers[0].0.as_str()), (allowed("u-3"), "connection"));
}

#[tokio::test]
async fn a_client_that_never_closes_does_not_keep_a_connection_that_the_server_has_closed() {
    let server = serve(admission::answer, Limits { idle: Duration::from_millis(100), ..Limits::new(10) });
    let mut stream = server.client.stream().await.expect("the server accepts");
    let mut said = Vec::new();
    assert_eq!(stream.read_to_end(&mut said).await.expect("a farewell"), 0);
    eventually(true, async || {
        server.counts(r#"modelendpoint_webhook_connections{listener="https"} 0"#).await
    })
    .await;
}

#[tokio::test]
async fn without_room_for_a_large_body_it_is_shed_and_small_ones_are_not() {
    let limits = Limits { large_bodies_bytes: 100_000, ..Limits::new(10) };
    let server = serve(admission::answer, limits);
    let mut large = create("u-1", FINE);
    large["request"]["object"]["metadata"]["annotations"] = json!({ "filler": "x".repeat(3_000_000) });
    let headers = [("content-type", "text/plain; charset=utf-8"), ("retry-after", "1")];
    let reply = server.client.post("/validate", &large).await;
    let without_close: Vec<_> =
        reply.headers.iter().filter(|(name, _)| name != "connection").cloned().collect();
    let sentence = "Too many large requests are under way: try again in a second.\n";
    assert_eq!(Reply { headers: without_close, ..reply }, Reply::new(503, &headers, sentence));
    let small = server.client.post("/validate", &create("u-2", FINE)).await;
    assert_eq!(small.review(), allowed("u-2"));
    assert!(server.counts(r#"modelendpoint_webhook_shed_total{reason="memory"} 1"#).await);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = serve(admission::answer, Limits::new(10));
    let mut stream = server.client.stream().await.expect("the server accepts");
    let head = format!("POST /validate HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    let mut said = vec![0; 1024];
    let read = stream.read(&mut said).await.expect("an answer");
    let said = String::from_utf8_lossy(&said[..read]).into_owned();
    assert!(said.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{said}");
}
