//! How much memory clients can make the server hold: what docs/serving.md says, and no more.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use test_support::client::{Client, FINE, allowed, create};
use test_support::webhook::Webhook;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const RESIDENT: &str = "process_resident_memory_bytes";
const IN_FLIGHT: &str = "modelendpoint_webhook_requests_in_flight";
const SLOW_BODY: &str = r#"modelendpoint_webhook_shed_total{reason="slow_body"}"#;

/// Of docs/serving.md: head, small body, and what it takes to read them.
const MOST_BY_CONNECTION: u64 = 112 * KIB;
/// With the two buffers that are kept for the next ones, and what the allocator leaves between all of them.
const MOST_BY_LARGE_BODIES: u64 = (24 + 4 + 8) * MIB;
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
async fn large_bodies_share_36_mib_and_the_slowest_make_way_for_one_that_is_complete() {
    const CLIENTS: u64 = 12;
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let client = webhook.client();
    drop(client.post("/validate", &create("u-1", FINE)).await);
    let before = webhook.metric(RESIDENT).await;
    let mut held = Vec::new();
    for _ in 0..CLIENTS {
        held.push(unfinished(&client, 7 * MIB, "30s").await);
    }
    let taken = webhook.metric(RESIDENT).await - before;
    let in_flight = webhook.metric(IN_FLIGHT).await;
    println!("{CLIENTS} clients with 7 MiB each, {in_flight} in flight: {} MiB", taken / MIB);
    assert!(taken < MOST_BY_LARGE_BODIES + CLIENTS * MOST_BY_CONNECTION + SLACK, "{taken} bytes");
    assert_eq!(client.post("/validate", &create("u-2", FINE)).await.review(), allowed("u-2"));

    let mut large = create("u-3", FINE);
    large["request"]["object"]["status"] = "x".repeat(usize::try_from(6 * MIB).expect("it fits")).into();
    assert_eq!(client.post("/validate?timeout=30s", &large).await.review(), allowed("u-3"));
    assert!(webhook.metric(SLOW_BODY).await > 0, "somebody made way");

    let mut said = Vec::new();
    for mut slow in held {
        let mut answer = Vec::new();
        let _ = slow.read_to_end(&mut answer).await;
        said.push(String::from_utf8_lossy(&answer).into_owned());
    }
    let made_way = said.iter().find(|said| said.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    let made_way = made_way.unwrap_or_else(|| panic!("nobody is told: {said:#?}"));
    assert!(made_way.contains("retry-after: 1\r\n"), "{made_way}");
    let sentence =
        "The body arrived too slowly while others waited for its room in memory: try again in a second.\n";
    assert!(made_way.ends_with(sentence), "{made_way}");
}

#[tokio::test]
async fn no_buffer_is_larger_than_what_arrived_of_its_body_allows() {
    const CLIENTS: u64 = 200;
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let client = webhook.client();
    // What others have read into and freed must not end up with those that send little.
    let mut large = create("u-1", FINE);
    large["request"]["object"]["status"] = "x".repeat(usize::try_from(6 * MIB).expect("it fits")).into();
    for _ in 0..4 {
        assert_eq!(client.post("/validate?timeout=30s", &large).await.review(), allowed("u-1"));
    }
    let before = webhook.metric(RESIDENT).await;
    let mut held = Vec::new();
    for _ in 0..CLIENTS {
        let mut slow = client.stream().await.expect("the server accepts");
        let request = "POST /validate?timeout=30s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                    Content-Length: 7340032\r\n\r\n";
        let started = [request.as_bytes().to_vec(), vec![b' '; 33 * 1024]].concat();
        slow.write_all(&started).await.expect("the server reads");
        held.push(slow);
        assert_eq!(client.post("/validate?timeout=30s", &large).await.review(), allowed("u-1"));
    }
    let taken = webhook.metric(RESIDENT).await.saturating_sub(before);
    println!("{CLIENTS} clients with 33 KiB of 7 MiB, among large reviews: {} MiB", taken / MIB);
    assert!(taken < MOST_BY_LARGE_BODIES + CLIENTS * MOST_BY_CONNECTION + SLACK, "{taken} bytes");
}
