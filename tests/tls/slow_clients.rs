//! Clients that keep the server waiting lose their connection, and nobody else does.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;

use test_support::client::{Client, Connection, FINE, PATIENCE, allowed, create, tcp_from};
use test_support::webhook::{Webhook, eventually};

const CONNECTIONS: &str = r#"modelendpoint_webhook_connections{listener="https"}"#;
const GAVE_WAY: &str = r#"modelendpoint_webhook_shed_total{reason="slow_client"}"#;
const NEW_GAVE_WAY: &str = r#"modelendpoint_webhook_shed_total{reason="new_client"}"#;

const HEAD: &[u8] = b"POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

/// Less than any limit for a client, so that no client is cut too early.
const LEAST_PATIENCE: Duration = Duration::from_secs(4);

/// Waits until the server gives up on a connection. Returns what the server sent before.
async fn given_up(mut stream: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut said = Vec::new();
    // With a reset or a plain end: the connection ends either way.
    let over = timeout(PATIENCE, stream.read_to_end(&mut said)).await;
    assert!(over.is_ok(), "the server did not give up, and said {:?}", String::from_utf8_lossy(&said));
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test]
async fn a_handshake_that_never_comes_is_given_up() {
    let webhook = Webhook::self_signed(&[]).await;
    let started = Instant::now();
    let stream = TcpStream::connect(webhook.https).await.expect("a listener");
    assert_eq!(given_up(stream).await, "");
    assert!(started.elapsed() >= LEAST_PATIENCE, "given up after {:?}", started.elapsed());
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up_however_lively() {
    let webhook = Webhook::self_signed(&[]).await;
    let mut stream = webhook.client().stream().await.expect("the server accepts");
    let started = Instant::now();
    stream.write_all(HEAD).await.expect("the server reads");
    let dribbling = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(200));
        while stream.write_all(b"X: y\r\n").await.is_ok() {
            ticks.tick().await;
        }
    };
    timeout(PATIENCE, dribbling).await.expect("the server does not read on and on");
    assert!(started.elapsed() >= LEAST_PATIENCE, "given up after {:?}", started.elapsed());
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up_with_a_sentence() {
    let webhook = Webhook::self_signed(&[]).await;
    let mut stream = webhook.client().stream().await.expect("the server accepts");
    let started = Instant::now();
    // The API server's default timeout is shorter than our limit for a body.
    let head = b"POST /validate?timeout=30s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{";
    stream.write_all(head).await.expect("the server reads");
    let said = given_up(stream).await;
    assert!(said.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{said}");
    assert!(said.ends_with("The body took too long to arrive.\n"), "{said}");
    assert!(started.elapsed() >= LEAST_PATIENCE, "given up after {:?}", started.elapsed());
}

/// Tries again if this machine was too busy to read the answer in time.
#[tokio::test]
async fn a_body_that_comes_after_the_deadline_is_shed_before_it() {
    let webhook = Webhook::self_signed(&[]).await;
    let head = b"POST /validate?timeout=3s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{";
    eventually(true, async || {
        let mut stream = webhook.client().stream().await.expect("the server accepts");
        let started = Instant::now();
        stream.write_all(head).await.expect("the server reads");
        let mut said = vec![0; 1024];
        let read = stream.read(&mut said).await.expect("an answer");
        let took = started.elapsed();
        let said = String::from_utf8_lossy(&said[..read]).into_owned();
        assert!(said.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{said}");
        assert!(said.contains("retry-after: 1\r\n"), "{said}");
        took < Duration::from_secs(3)
    })
    .await;
}

#[tokio::test]
async fn an_unread_body_does_not_keep_the_connection() {
    let webhook = Webhook::self_signed(&[]).await;
    for (path, status) in
        [("/elsewhere", "404 Not Found"), ("/validate?timeout=1ms", "503 Service Unavailable")]
    {
        let mut stream = webhook.client().stream().await.expect("the server accepts");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).await.expect("the server reads");
        let said = given_up(stream).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{said}");
        assert!(said.contains("connection: close\r\n"), "{said}");
    }
}

#[tokio::test]
async fn when_all_connections_are_taken_the_slow_give_way() {
    let webhook = Webhook::self_signed(&["--max-connections", "20"]).await;
    webhook.is_ready().await;
    let mut silent = Vec::new();
    for number in 0..20 {
        let source = Ipv4Addr::new(127, 0, 0, 2 + number % 2);
        silent.push(tcp_from(source, webhook.https).await.expect("a listener"));
    }
    eventually(20, async || webhook.metric(CONNECTIONS).await).await;
    // Longer than a client may keep the server waiting when all connections are taken.
    sleep(Duration::from_millis(1_500)).await;
    let reply = webhook.client().post("/validate", &create("u-1", FINE)).await;
    assert_eq!(reply.review(), allowed("u-1"));
    assert_eq!(webhook.metric(GAVE_WAY).await, 1, "one gave way");
}

#[tokio::test]
async fn silent_clients_do_not_keep_operators_out() {
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(webhook.ops).await.expect("the kernel accepts"));
    }
    assert_eq!(webhook.ops("/readyz").await.status, 200);
    let open = webhook.metric(r#"modelendpoint_webhook_connections{listener="ops"}"#).await;
    assert!(open <= 64, "{open} connections");
    assert!(webhook.metric(NEW_GAVE_WAY).await + webhook.metric(GAVE_WAY).await > 0, "somebody gave way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_slow_clients_do_not_hold_up_a_good_one() {
    make_room();
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let mut good = webhook.client().connect().await;
    let alone = median_latency(&mut good).await;

    let in_place = Arc::new(AtomicU32::new(0));
    let mut slow = JoinSet::new();
    for number in 0..2_000 {
        let (client, https, in_place) = (webhook.client(), webhook.https, Arc::clone(&in_place));
        slow.spawn(async move {
            if number % 3 == 0 {
                let stream = TcpStream::connect(https).await.expect("a listener");
                in_place.fetch_add(1, Relaxed);
                given_up(stream).await
            } else {
                let stream = in_the_middle(&client, number).await;
                in_place.fetch_add(1, Relaxed);
                match stream {
                    Ok(stream) => given_up(stream).await,
                    Err(error) => error.to_string(),
                }
            }
        });
    }
    eventually(2_000, async || in_place.load(Relaxed)).await;
    let open = webhook.metric(CONNECTIONS).await;
    let crowded = median_latency(&mut good).await;
    let fresh = Instant::now();
    assert_eq!(webhook.client().post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));
    println!(
        "a good client's median: {alone:?} alone, {crowded:?} after 2,000 slow ones came (x{:.1}), \
         with {open} connections open; a new connection: {:?}",
        crowded.as_secs_f64() / alone.as_secs_f64(),
        fresh.elapsed()
    );
    // The slow clients wait for 5 s or longer, so a client that had to wait for them would take longer than this.
    assert!(crowded < Duration::from_secs(1), "{crowded:?}");
    // The remaining connections are the good client's and perhaps the server's handshake with itself.
    eventually(true, async || webhook.metric(CONNECTIONS).await <= 2).await;
    drop(slow);
}

/// A connection in the middle of a head, or of a body.
async fn in_the_middle(client: &Client, number: u32) -> std::io::Result<TlsStream<TcpStream>> {
    let rest: &[u8] = if number.is_multiple_of(2) { b"" } else { b"Content-Length: 10\r\n\r\n{" };
    let mut stream = client.stream().await?;
    stream.write_all(&[HEAD, rest].concat()).await?;
    Ok(stream)
}

async fn median_latency(connection: &mut Connection) -> Duration {
    let mut latencies = Vec::new();
    for _ in 0..51 {
        let started = Instant::now();
        assert_eq!(connection.post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));
        latencies.push(started.elapsed());
    }
    latencies.sort();
    latencies[25]
}

/// All clients are in this process, and many shells allow it only 1,024 open files.
pub(crate) fn make_room() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).expect("up to the hard limit, anybody may");
}
