//! Large bodies that arrive slowly or never do not keep honest reviews from being answered.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use test_support::client::{Client, FINE, allowed, create};
use test_support::webhook::Webhook;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const RESIDENT: &str = "process_resident_memory_bytes";
/// The memory for large bodies in docs/serving.md, plus 8 MiB that the allocator may keep.
const MOST: u64 = (24 + 4 + 8 + 8) * 1024 * 1024;
/// Twice the memory for a connection there: a client that was cut connects again while the server still discards its
/// earlier bytes.
const MOST_BY_CLIENT: u64 = 2 * 112 * 1024;
/// One attack at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

/// How a client occupies memory.
#[derive(Debug, Clone, Copy)]
enum Slow {
    /// Chunks without a declared length, then only a few more bytes.
    Chunked,
    /// It declares 7 MiB, and sends none of them.
    OnlyDeclared,
    /// It sends 7 MiB except for the last byte.
    AllButTheEnd,
    /// A little faster than the minimum rate.
    Trickling,
    /// It sends one byte more than there is room for, so the server has to wait.
    OneTooMany,
}

impl Slow {
    /// What it sends at once, what it then sends again and again, and how often.
    fn bytes(self) -> (Vec<u8>, Vec<u8>, Duration) {
        let declared = |bytes| [head("Content-Length: 7340032"), vec![b' '; bytes]].concat();
        let chunk =
            |bytes: usize| [format!("{bytes:x}\r\n").into_bytes(), vec![b' '; bytes], b"\r\n".to_vec()];
        let chunked = [head("Transfer-Encoding: chunked"), chunk(300 * KIB).concat()].concat();
        match self {
            Self::Chunked => (chunked, chunk(100).concat(), Duration::from_millis(50)),
            Self::OnlyDeclared => (declared(0), Vec::new(), Duration::from_secs(1)),
            Self::AllButTheEnd => (declared(7 * MIB - 1), Vec::new(), Duration::from_secs(1)),
            Self::Trickling => (declared(40 * KIB), vec![b' '; 16 * KIB], Duration::from_millis(100)),
            Self::OneTooMany => (declared(64 * KIB + 1), Vec::new(), Duration::from_secs(1)),
        }
    }
}

fn head(length: &str) -> Vec<u8> {
    let head = format!(
        "POST /validate?timeout=30s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         {length}\r\n\r\n"
    );
    head.into_bytes()
}

/// Attacks forever: a client that was cut connects again.
async fn attack(client: Client, slow: Slow) {
    let (first, again, every) = slow.bytes();
    loop {
        // Whatever the server does, the attack continues until the connection ends.
        let _ = async {
            let (mut reader, mut writer) = tokio::io::split(client.stream().await?);
            let writing = async {
                writer.write_all(&first).await?;
                let mut ticks = interval(every);
                loop {
                    ticks.tick().await;
                    writer.write_all(&again).await?;
                    writer.flush().await?;
                }
            };
            let mut said = Vec::new();
            tokio::select! {
                written = writing => written,
                read = reader.read_to_end(&mut said) => read.map(drop),
            }
        }
        .await;
        sleep(Duration::from_millis(100)).await;
    }
}

fn review(uid: &str, bytes: usize) -> Value {
    let mut review = create(uid, FINE);
    review["request"]["object"]["metadata"]["annotations"] =
        serde_json::json!({ "filler": "x".repeat(bytes) });
    review
}

/// How many of these reviews were not answered within the API server's default timeout, and the time of the slowest
/// answer.
async fn late(webhook: &Webhook, bytes: usize, reviews: usize) -> (usize, Duration) {
    let (mut late, mut slowest) = (0, Duration::ZERO);
    let review = review("u-honest", bytes);
    for _ in 0..reviews {
        let began = Instant::now();
        let posted = async {
            let mut connection = webhook.client().try_connect().await.ok()?;
            connection
                .send(test_support::client::json_request("/validate?timeout=10s", review.to_string()))
                .await
                .ok()
        };
        match timeout(Duration::from_secs(10), posted).await {
            Ok(Some(reply)) if reply.status == 200 => assert_eq!(reply.review(), allowed("u-honest")),
            _ => late += 1,
        }
        slowest = slowest.max(began.elapsed());
    }
    (late, slowest)
}

async fn honest_reviews_are_answered_under(attacks: &[(Slow, usize)]) {
    const REVIEWS: usize = 20;
    let _alone = ALONE.lock().await;
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    assert_eq!(late(&webhook, 1_500 * KIB, 2).await.0, 0);
    let before = webhook.metric(RESIDENT).await;
    let mut attackers = JoinSet::new();
    for (slow, clients) in attacks {
        for _ in 0..*clients {
            attackers.spawn(attack(webhook.client(), *slow));
        }
    }
    // Give the attack time to develop.
    sleep(Duration::from_secs(1)).await;
    let small = late(&webhook, 200 * KIB, REVIEWS).await;
    let large = late(&webhook, 1_500 * KIB, REVIEWS).await;
    let taken = webhook.metric(RESIDENT).await.saturating_sub(before);
    let cut = webhook.metric(r#"modelendpoint_webhook_shed_total{reason="slow_body"}"#).await;
    println!(
        "{attacks:?}: of {REVIEWS} reviews each, late were {small:?} of 200 KiB and {large:?} of 1.5 MiB; \
         {cut} bodies cut, {} MiB",
        taken / 1024 / 1024
    );
    let most = REVIEWS / 20;
    assert!(small.0 <= most && large.0 <= most, "{attacks:?}: {small:?} {large:?}");
    let clients: usize = attacks.iter().map(|(_, clients)| clients).sum();
    assert!(taken < MOST + clients as u64 * MOST_BY_CLIENT, "{attacks:?}: {taken} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_slow_bodies_starve_nobody() {
    for slow in [Slow::Chunked, Slow::OnlyDeclared, Slow::AllButTheEnd, Slow::Trickling] {
        honest_reviews_are_answered_under(&[(slow, 4)]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_slow_bodies_starve_nobody() {
    for slow in [Slow::Chunked, Slow::OnlyDeclared, Slow::AllButTheEnd, Slow::Trickling] {
        honest_reviews_are_answered_under(&[(slow, 12)]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_slow_bodies_starve_nobody() {
    for slow in [Slow::Chunked, Slow::OnlyDeclared, Slow::Trickling] {
        honest_reviews_are_answered_under(&[(slow, 100)]).await;
    }
    honest_reviews_are_answered_under(&[(Slow::OneTooMany, 400)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_bodies_of_all_kinds_starve_nobody() {
    let all = [
        (Slow::Chunked, 25),
        (Slow::OnlyDeclared, 25),
        (Slow::AllButTheEnd, 4),
        (Slow::Trickling, 25),
        (Slow::OneTooMany, 50),
    ];
    honest_reviews_are_answered_under(&all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_reviews_wait_for_each_other_and_all_are_answered() {
    const REVIEWS: usize = 20;
    let _alone = ALONE.lock().await;
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let review = review("u-1", 1_500 * KIB);
    let mut answers = JoinSet::new();
    for _ in 0..REVIEWS {
        let (client, review) = (webhook.client(), review.clone());
        answers.spawn(async move { client.post("/validate?timeout=30s", &review).await.status });
    }
    assert_eq!(answers.join_all().await, vec![200; REVIEWS]);
}

#[tokio::test]
async fn a_body_slower_than_the_least_rate_is_given_up() {
    let webhook = Webhook::self_signed(&[]).await;
    let mut stream = webhook.client().stream().await.expect("the server accepts");
    stream.write_all(&head("Content-Length: 7340032")).await.expect("the server reads");
    let began = Instant::now();
    let mut ticks = interval(Duration::from_millis(100));
    let mut said = vec![0; 1024];
    // 10 KiB per second. The minimum is 128 KiB per second after the first 5 s.
    let read = loop {
        tokio::select! {
            _ = ticks.tick() => stream.write_all(&[b' '; KIB]).await.expect("the server reads"),
            read = stream.read(&mut said) => break read.expect("an answer"),
        }
    };
    let said = String::from_utf8_lossy(&said[..read]).into_owned();
    assert!(said.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(9), "after {:?}", began.elapsed());
}
