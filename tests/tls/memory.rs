//! Clients can't make the server use more memory than docs/serving.md says.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use test_support::client::{Client, FINE, allowed, create};
use test_support::webhook::{Webhook, eventually};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const ANONYMOUS: &str = "process_anonymous_memory_bytes";
const IN_FLIGHT: &str = "modelendpoint_webhook_requests_in_flight";
const SLOW_BODY: &str = r#"modelendpoint_webhook_shed_total{reason="slow_body"}"#;

/// From docs/serving.md: head, small body, the buffers for reading them, and the connection itself.
const MOST_BY_CONNECTION: u64 = 120 * KIB;
/// With the two buffers that are kept, and the overhead of the allocator.
const MOST_BY_LARGE_BODIES: u64 = (24 + 4 + 8) * MIB;
/// Memory that the allocator keeps for later.
const SLACK: u64 = 4 * MIB;

/// Opens a connection, and sends a request with a head of 15 KiB and a body without its last byte.
async fn unfinished(client: &Client, body: u64) -> TlsStream<TcpStream> {
    let mut stream = client.stream().await.expect("the server accepts");
    // The server may cut a client while the client is still sending.
    let _ = async {
        stream.write_all(&unfinished_request(body)).await?;
        // Without this, the end of what was written may stay with the client.
        stream.flush().await
    }
    .await;
    stream
}

fn unfinished_request(body: u64) -> Vec<u8> {
    let filler = "x".repeat(15_000);
    let head = format!(
        "POST /validate?timeout=30s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         X: {filler}\r\nContent-Length: {body}\r\n\r\n"
    );
    let mut bytes = head.into_bytes();
    bytes.resize(bytes.len() + usize::try_from(body).expect("it fits") - 1, b' ');
    bytes
}

#[tokio::test]
async fn many_connections_take_no_more_than_is_said() {
    const CLIENTS: u64 = 500;
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let client = webhook.client();
    drop(client.post("/validate", &create("u-1", FINE)).await);
    let before = webhook.metric(ANONYMOUS).await;
    let mut held = Vec::new();
    for _ in 0..CLIENTS {
        held.push(client.stream().await.expect("the server accepts"));
    }
    // All handshakes come first: 500 of them can take a debug build longer than the 5 seconds that a request has.
    let request = unfinished_request(32 * KIB);
    for stream in &mut held {
        stream.write_all(&request).await.expect("the server reads");
        // Without this, the end of what was written may stay with the client.
        stream.flush().await.expect("the server reads");
    }
    eventually(CLIENTS, async || webhook.metric(IN_FLIGHT).await).await;
    let taken = webhook.metric(ANONYMOUS).await - before;
    println!("{CLIENTS} clients with 32 KiB each: {} KiB by connection", taken / KIB / CLIENTS);
    assert!(taken < CLIENTS * MOST_BY_CONNECTION + SLACK, "{taken} bytes");
}

#[tokio::test]
async fn large_bodies_share_36_mib_and_a_small_review_is_answered_beside_them() {
    const CLIENTS: u64 = 12;
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let client = webhook.client();
    drop(client.post("/validate", &create("u-1", FINE)).await);
    let before = webhook.metric(ANONYMOUS).await;
    let mut held = Vec::new();
    for _ in 0..CLIENTS {
        held.push(unfinished(&client, 7 * MIB).await);
    }
    let taken = webhook.metric(ANONYMOUS).await - before;
    let in_flight = webhook.metric(IN_FLIGHT).await;
    println!("{CLIENTS} clients with 7 MiB each, {in_flight} in flight: {} MiB", taken / MIB);
    assert!(taken < MOST_BY_LARGE_BODIES + CLIENTS * MOST_BY_CONNECTION + SLACK, "{taken} bytes");
    assert_eq!(client.post("/validate", &create("u-2", FINE)).await.review(), allowed("u-2"));
}

/// Three bodies of the maximum size take all the room.
#[tokio::test]
async fn bodies_that_stall_make_way_for_one_that_is_complete_and_their_clients_are_told() {
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let client = webhook.client();
    let held = tokio::join!(
        unfinished(&client, 7 * MIB),
        unfinished(&client, 7 * MIB),
        unfinished(&client, 7 * MIB)
    );
    let mut large = create("u-3", FINE);
    large["request"]["object"]["status"] = "x".repeat(usize::try_from(6 * MIB).expect("it fits")).into();
    assert_eq!(client.post("/validate?timeout=30s", &large).await.review(), allowed("u-3"));
    let made_way = webhook.metric(SLOW_BODY).await;
    assert!((1..=3).contains(&made_way), "{made_way}");

    let mut said = Vec::new();
    for mut slow in <[_; 3]>::from(held) {
        let mut answer = Vec::new();
        let _ = slow.read_to_end(&mut answer).await;
        said.push(String::from_utf8_lossy(&answer).into_owned());
    }
    let sentence =
        "The body arrived too slowly while others waited for its room in memory: try again in a second.\n";
    let told = said.iter().filter(|said| {
        said.starts_with("HTTP/1.1 503 Service Unavailable\r\n")
            && said.contains("retry-after: 1\r\n")
            && said.ends_with(sentence)
    });
    assert_eq!(told.count() as u64, made_way, "{said:#?}");
}

#[tokio::test]
async fn no_buffer_is_larger_than_what_arrived_of_its_body_allows() {
    const CLIENTS: u64 = 200;
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let client = webhook.client();
    // Memory that was used for other bodies and freed must not stay with clients that send little.
    let mut large = create("u-1", FINE);
    large["request"]["object"]["status"] = "x".repeat(usize::try_from(6 * MIB).expect("it fits")).into();
    for _ in 0..4 {
        assert_eq!(client.post("/validate?timeout=30s", &large).await.review(), allowed("u-1"));
    }
    let before = webhook.metric(ANONYMOUS).await;
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
    let taken = webhook.metric(ANONYMOUS).await.saturating_sub(before);
    println!("{CLIENTS} clients with 33 KiB of 7 MiB, among large reviews: {} MiB", taken / MIB);
    assert!(taken < MOST_BY_LARGE_BODIES + CLIENTS * MOST_BY_CONNECTION + SLACK, "{taken} bytes");
}
