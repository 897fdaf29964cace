//! How the server stops: no request that still reaches it fails.

use std::fs;
use std::io::{self, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use modelendpoint_core::admission::answer;
use modelendpoint_webhook::server::limits::Limits;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::time::timeout;

use crate::in_process::serve;
use test_support::client::{FINE, PATIENCE, Reply, allowed, create, half_a_review};
use test_support::webhook::{Webhook, binary, eventually};

const IN_FLIGHT: &str = "modelendpoint_webhook_requests_in_flight";
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
        webhook.logged("stopping").await;
        assert_eq!(webhook.ops("/readyz").await, Reply::text(503, "not ready: the server is stopping"));
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
    let (mut stream, rest) = half_a_review(&webhook.client(), "u-4").await;
    eventually(1, async || webhook.metric(IN_FLIGHT).await).await;
    webhook.signal(Signal::TERM);
    webhook.logged("closing").await;
    eventually(true, async || TcpStream::connect(webhook.https).await.is_err()).await;

    stream.write_all(&rest).await.expect("the server still reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer, and an end in good order");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a whole answer");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("connection: close"), "{head}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(body).expect("JSON"), allowed("u-4"));
    assert_eq!(webhook.exit().await.code(), Some(0));
}

#[tokio::test]
async fn what_never_ends_is_not_awaited_for_ever() {
    // By default, the server cuts such a slow client before the 15 s for finishing are over, so the other limits are
    // longer here.
    let ages = Duration::from_hours(1);
    let finish = Duration::from_millis(300);
    let limits = Limits { body: ages, request: ages, finish, ..Limits::new(10) };
    let server = serve(answer, limits);
    let (mut stream, _rest) = half_a_review(&server.client, "u-5").await;
    eventually(true, async || server.counts(&format!("{IN_FLIGHT} 1")).await).await;
    server.drain.close();
    let ended = timeout(PATIENCE, server.running).await.expect("the server ends");
    ended.expect("it did not panic").expect("in good order");
    // The connection was cut: it has no end of TLS, or a reset.
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said).await;
    assert_eq!(said, b"");
}

#[tokio::test]
async fn a_hangup_changes_nothing() {
    let mut webhook = Webhook::self_signed(&["--drain", "0s"]).await;
    webhook.signal(Signal::HUP);
    webhook.logged("ignored SIGHUP").await;
    webhook.is_ready().await;
    assert_eq!(webhook.client().post("/validate", &create("u-8", FINE)).await.review(), allowed("u-8"));
    // It does not count as the first of two signals either.
    webhook.signal(Signal::TERM);
    webhook.logged("closing").await;
    assert_eq!(webhook.exit().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let mut webhook = Webhook::self_signed(&["--drain", "10m"]).await;
        webhook.signal(Signal::TERM);
        webhook.logged("stopping").await;
        webhook.signal(second);
        webhook.logged("stopped at once by a second signal").await;
        assert_eq!(webhook.exit().await.code(), Some(0));
    }
}

#[tokio::test]
async fn a_second_signal_does_not_await_what_runs_either() {
    let mut webhook = Webhook::self_signed(&["--drain", "0s"]).await;
    let (_stream, _rest) = half_a_review(&webhook.client(), "u-6").await;
    eventually(1, async || webhook.metric(IN_FLIGHT).await).await;
    webhook.signal(Signal::TERM);
    webhook.logged("closing").await;
    webhook.signal(Signal::TERM);
    webhook.logged("stopped at once by a second signal").await;
    assert_eq!(webhook.exit().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_whatever_the_collector_of_traces_does() {
    for (first, second) in [(Signal::TERM, Signal::TERM), (Signal::INT, Signal::TERM)] {
        let collector = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", collector.local_addr().expect("an address"));
        let variables =
            [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "3600000")];
        let mut webhook = Webhook::self_signed_with(&["--drain", "0s"], &variables).await;
        assert_eq!(webhook.client().post("/validate", &create("u-7", FINE)).await.review(), allowed("u-7"));
        webhook.signal(first);
        // The server sends the last spans, and gets no answer.
        let (_silent, _) = collector.accept().await.expect("a batch of spans");
        let began = Instant::now();
        webhook.signal(second);
        assert_eq!(webhook.exit().await.code(), Some(0));
        assert!(began.elapsed() < Duration::from_secs(3), "after {:?}", began.elapsed());
        webhook.logged("stopped at once by a second signal").await;
    }
}

#[tokio::test]
async fn a_signal_while_it_starts_ends_it_at_once() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let policy = directory.path().join("policy.yaml");
    fs::write(&policy, "rules: {}\n").expect("a file");
    // Before it serves, the server prints commands to try it out. This pipe is full, and nobody reads it.
    let (_unread, mut full) = io::pipe().expect("a pipe");
    full.write_all(&vec![b' '; 64 * 1024]).expect("as much as a pipe holds on Linux");
    let mut starting = Command::new(binary())
        .args(["serve", "--self-signed", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"])
        .arg("--policy")
        .arg(&policy)
        .stdout(full)
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let mut log = BufReader::new(starting.stderr.take().expect("it is piped")).lines();
    loop {
        let line = timeout(PATIENCE, log.next_line()).await.expect("a line").expect("UTF-8");
        if line.expect("it still runs").contains("policy loaded") {
            break;
        }
    }
    let pid = starting.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)).expect("a process");
    kill_process(pid, Signal::TERM).expect("the process runs");
    let status = timeout(PATIENCE, starting.wait()).await.expect("the process ends").expect("it was started");
    let mut stderr = String::new();
    while let Some(line) = log.next_line().await.expect("UTF-8") {
        stderr += &(line + "\n");
    }
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("stopped by a signal before serving"), "{stderr}");
}
