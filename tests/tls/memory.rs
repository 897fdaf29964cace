//! How much memory clients can make the server hold: what docs/serving.md says, and no more.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::client::{Client, FINE, allowed, create};
use crate::webhook::Webhook;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const RESIDENT: &str = "process_resident_memory_bytes";
const IN_FLIGHT: &str = "modelendpoint_webhook_requests_in_flight";
const SHED: &str = r#"modelendpoint_webhook_shed_total{reason="memory"}"#;

/// Of docs/serving.md: head, small body, and what it takes to read them.
const MOST_BY_CONNECTION: u64 = 112 * KIB;
const MOST_BY_LARGE_BODIES: u64 = 24 * MIB;
/// For what the allocator keeps for later.
const SLACK: u64 = 4 * MIB;

/// A request with a head of 15 KiB and all of a body but its last byte.
async fn unfinished(client: &Client, body: u64, timeout: &str) -> TlsStream<TcpStream> {
    let filler = "x".repeat(15_000);
    let head = format!(
        "POST /validate?timeout={timeout} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         X: {filler}\r\nContent-Length: {body}\r\n\r\n"
    );
    let mut bytes = head.into_bytes();
    bytes.resize(bytes.len() + usize::try_from(body).expect("it fits") - 1, b' ');
    let mut stream = client.stream().await.expect("the server accepts");
    // Who is shed may be cut while it still sends.
    let _ = stream.write_all(&bytes).await;
    stream
}

#[tokio::test]
async fn many_connections_take_no_more_than_is_said() {
    const CLIENTS: u32 = 500;
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let client = webhook.client();
    drop(client.post("/validate", &create("u-1", FINE)).await);
    let before = webhook.metric(RESIDENT).await;
    let mut held = Vec::new();
    for _ in 0..CLIENTS {
        held.push(unfinished(&client, 32 * KIB, "30s").await);
    }
    let (in_flight, taken) = (webhook.metric(IN_FLIGHT).await, webhook.metric(RESIDENT).await - before);
    println!(
        "{CLIENTS} clients with 32 KiB each, {in_flight} in flight: {} KiB by connection",
        taken / KIB / u64::from(CLIENTS)
    );
    assert!(in_flight > 0, "some are held");
    assert!(taken < u64::from(CLIENTS) * MOST_BY_CONNECTION + SLACK, "{taken} bytes");
}

#[tokio::test]
async fn large_bodies_share_24_mib_and_those_beyond_wait_for_it_until_their_deadline() {
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let client = webhook.client();
    drop(client.post("/validate", &create("u-1", FINE)).await);
    let before = webhook.metric(RESIDENT).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(unfinished(&client, 7 * MIB, "30s").await);
    }
    let mut beyond = unfinished(&client, 7 * MIB, "1s").await;
    let mut said = Vec::new();
    let _ = beyond.read_to_end(&mut said).await;
    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{said}");
    assert!(said.contains("retry-after: 1\r\n"), "{said}");
    assert!(said.ends_with("Too many large requests are under way: try again in a second.\n"), "{said}");
    assert_eq!(webhook.metric(SHED).await, 1);

    let taken = webhook.metric(RESIDENT).await - before;
    println!("3 clients with 7 MiB each, 1 shed: {} MiB", taken / MIB);
    assert!(taken < MOST_BY_LARGE_BODIES + 4 * MOST_BY_CONNECTION + SLACK, "{taken} bytes");
    assert_eq!(client.post("/validate", &create("u-2", FINE)).await.review(), allowed("u-2"));

    drop(held);
    let mut large = create("u-3", FINE);
    large["request"]["object"]["status"] = "x".repeat(usize::try_from(6 * MIB).expect("it fits")).into();
    assert_eq!(client.post("/validate?timeout=30s", &large).await.review(), allowed("u-3"));
}
