//! Answers that nobody reads: how much memory they take in the kernel, and for how long.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::slow_clients::make_room;
use test_support::client::{FINE, create};
use test_support::webhook::{Webhook, eventually};

const KIB: u64 = 1024;
/// From docs/serving.md: the kernel's memory for a connection.
const MOST_BY_KERNEL: u64 = 208 * KIB;
/// By then, the server has given up on all of them, with much time to spare.
const SECONDS: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_reads_take_no_more_of_the_kernel_than_is_said_and_not_for_long() {
    const CLIENTS: u64 = 300;
    make_room();
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let mut streams = Vec::new();
    for _ in 0..CLIENTS {
        let stream = webhook.client().stream_over(with_little_room(webhook.https).await).await;
        streams.push(stream.expect("the server accepts"));
    }
    let mut clients: JoinSet<()> = streams.into_iter().map(|stream| pipeline(stream, review())).collect();
    assert_bounded("HTTPS", webhook.https, CLIENTS, &mut clients).await;
    eventually(true, async || open(&webhook, "https").await <= 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_do_expositions_of_the_metrics() {
    const CLIENTS: u64 = 48;
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(pipeline(with_little_room(webhook.ops).await, GET_METRICS.to_owned()));
    }
    assert_bounded("ops", webhook.ops, CLIENTS, &mut clients).await;
    eventually(1, async || open(&webhook, "ops").await).await;
}

async fn open(webhook: &Webhook, listener: &str) -> u64 {
    webhook.metric(&format!("modelendpoint_webhook_connections{{listener=\"{listener}\"}}")).await
}

/// A client whose own receive buffer fills quickly.
async fn with_little_room(server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a size");
    socket.connect(server).await.expect("the server accepts")
}

const GET_METRICS: &str = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// With a long uid, which the answer repeats: large answers fill the buffers with less work for the server.
fn review() -> String {
    let body = create(&"u".repeat(3_000), FINE).to_string();
    let head = "POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Sends a request again and again, and reads nothing, until the server ends the connection.
async fn pipeline<Stream: AsyncWrite + Unpin>(mut stream: Stream, request: String) {
    while stream.write_all(request.as_bytes()).await.is_ok() && stream.flush().await.is_ok() {}
}

/// Measures the kernel's memory until all clients have ended.
async fn assert_bounded(listener: &str, server: SocketAddr, clients: u64, attacks: &mut JoinSet<()>) {
    let started = Instant::now();
    let mut most = 0;
    while !attacks.is_empty() && started.elapsed() < SECONDS {
        let Some(held) = held_by_kernel(server).await else {
            eprintln!("NOT MEASURED: `ss` of iproute2 is needed to see what the kernel holds");
            break;
        };
        most = most.max(held);
        while attacks.try_join_next().is_some() {}
        sleep(Duration::from_millis(100)).await;
    }
    let over = timeout(SECONDS, async { while attacks.join_next().await.is_some() {} }).await;
    assert!(over.is_ok(), "{} of {clients} are still there after {:?}", attacks.len(), started.elapsed());
    println!(
        "{clients} clients of {listener} that read nothing: {} KiB of kernel memory each, for {:.1?}",
        most / KIB / clients,
        started.elapsed()
    );
    assert!(most > 0 && most <= clients * MOST_BY_KERNEL, "{} KiB each", most / KIB / clients);
    eventually(true, async || held_by_kernel(server).await.unwrap_or_default() < MOST_BY_KERNEL).await;
}

/// The kernel's memory for the server's end of all its connections, including those that the server has closed.
async fn held_by_kernel(server: SocketAddr) -> Option<u64> {
    let port = format!("sport = :{}", server.port());
    let output =
        Command::new("ss").args(["--tcp", "--all", "--numeric", "--memory", "--no-header", &port]).output();
    let text = String::from_utf8(output.await.ok()?.stdout).ok()?;
    Some(text.split("skmem:(").skip(1).map(held).sum())
}

/// Of `r0,rb131072,t0,tb87040,f4096,w2304,o0,bl0,d0)`: received, reserved, to be sent, in the backlog (ss(8)).
fn held(skmem: &str) -> u64 {
    let fields = skmem.split(')').next().unwrap_or_default().split(',');
    let bytes = |field: &str| {
        let (name, bytes) = field.split_at(field.find(|c: char| c.is_ascii_digit())?);
        ["r", "f", "w", "bl"].contains(&name).then(|| bytes.parse::<u64>().ok())?
    };
    fields.filter_map(bytes).sum()
}
