//! Clients that take all connections: new callers can still connect, and open connections that are in use stay open.
//!
//! Unless a test says otherwise, all clients have the same address, as behind SNAT. That is the hardest case.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::body::Body;
use hyper::Method;
use modelendpoint_core::admission::answer;
use modelendpoint_webhook::server::limits::Limits;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::client::TlsStream;

use crate::in_process::{InProcess, serve};
use crate::slow_clients::make_room;
use test_support::client::{
    Client, FINE, PATIENCE, Reply, allowed, create, half_a_review, json_request, request, tcp_from,
};
use test_support::webhook::{Webhook, eventually};

/// How long a caller waits for its answer.
const IN_TIME: Duration = Duration::from_secs(1);
const CALLERS: usize = 60;
/// The addresses of callers and attackers.
const SAME: Ipv4Addr = Ipv4Addr::LOCALHOST;

const ALL_TAKEN: &str =
    r#"modelendpoint_webhook_connection_limit_hits_total{listener="https",limit="connections"}"#;
const SHARE_TAKEN: &str =
    r#"modelendpoint_webhook_connection_limit_hits_total{listener="https",limit="source"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_clients_of_the_ops_port_do_not_keep_probes_out() {
    for clients in [64, 200] {
        let webhook = Webhook::self_signed(&[]).await;
        webhook.is_ready().await;
        let attack = Attack::BusyOps { from: SAME, ops: webhook.ops, path: "/livez" };
        let flood = Flood::of(clients, Duration::ZERO, &attack);
        flood.in_place(64).await;
        all_get_in(&format!("{clients} busy clients of the ops port"), &webhook).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_stop_in_mid_head_and_come_back_do_not_keep_probes_out() {
    let webhook = Webhook::self_signed(&[]).await;
    webhook.is_ready().await;
    let attack = Attack::HalfHead { from: SAME, ops: webhook.ops };
    let flood = Flood::returning(200, Duration::ZERO, |_| Duration::from_millis(100), &attack);
    flood.in_place(1_000).await;
    newcomers_get_in("200 half heads on the ops port", &webhook).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn busy_clients_of_the_https_port_do_not_keep_callers_out() {
    make_room();
    let webhook = Webhook::self_signed(&["--max-connections", "1024"]).await;
    webhook.is_ready().await;
    let flood = Flood::of(1_100, Duration::from_millis(3), &Attack::Busy(webhook.client()));
    flood.in_place(1_024).await;
    all_get_in("1,100 busy clients of the HTTPS port", &webhook).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_do_not_keep_callers_out() {
    make_room();
    let webhook = Webhook::self_signed(&["--max-connections", "2048"]).await;
    webhook.is_ready().await;
    let attack = Attack::Silent { from: SAME, https: webhook.https };
    let flood = Flood::of(7_500, Duration::from_millis(1), &attack);
    flood.in_place(7_500).await;
    // They were ended for one another. How many were depends on the machine: on a slow one, some time out first.
    eventually(true, async || webhook.metric(SHARE_TAKEN).await > 0).await;
    all_get_in("7,500 silent connections", &webhook).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_handshakes_do_not_keep_callers_out() {
    make_room();
    let webhook = Webhook::self_signed(&["--max-connections", "1024"]).await;
    webhook.is_ready().await;
    let attack = Attack::HalfOpen { from: SAME, https: webhook.https, client: webhook.client() };
    let flood = Flood::of(1_500, Duration::from_millis(2), &attack);
    flood.in_place(1_024).await;
    all_get_in("1,500 half-open handshakes", &webhook).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_them_together_do_not_keep_callers_out_either() {
    make_room();
    let webhook = Webhook::self_signed(&["--max-connections", "1024"]).await;
    webhook.is_ready().await;
    let (https, ops, client) = (webhook.https, webhook.ops, webhook.client());
    let from = |last| Ipv4Addr::new(127, 0, 1, last);
    let floods = [
        (100, 48, Attack::BusyOps { from: from(1), ops, path: "/metrics" }),
        (600, 300, Attack::Busy(client.clone().from(from(2)))),
        (3_000, 3_000, Attack::Silent { from: from(3), https }),
        (600, 300, Attack::HalfOpen { from: from(4), https, client }),
    ]
    .map(|(clients, in_place, attack)| (Flood::of(clients, Duration::from_millis(2), &attack), in_place));
    for (flood, in_place) in &floods {
        flood.in_place(*in_place).await;
    }
    all_get_in("all of them together", &webhook).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_always_have_a_review_on_the_way_do_not_keep_callers_out() {
    make_room();
    let webhook = Webhook::self_signed(&["--max-connections", "256"]).await;
    webhook.is_ready().await;
    let floods = [1, 2].map(|last| {
        let client = webhook.client().from(Ipv4Addr::new(127, 0, 1, last));
        Flood::returning(192, Duration::from_millis(3), |_| IN_TIME, &Attack::Endless(client))
    });
    let busy = async || webhook.metric(r#"modelendpoint_webhook_shed_total{reason="busy_client"}"#).await;
    eventually(true, async || busy().await > 0).await;
    newcomers_get_in("384 endless reviews", &webhook).await;
    drop(floods);
}

#[tokio::test]
async fn one_source_does_not_take_all_places() {
    let webhook = Webhook::self_signed(&["--max-connections", "40"]).await;
    webhook.is_ready().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(tcp_from(Ipv4Addr::LOCALHOST, webhook.https).await.expect("the server accepts"));
    }
    eventually(70, async || webhook.metric(SHARE_TAKEN).await).await;
    assert_eq!(webhook.metric(ALL_TAKEN).await, 0);
    eventually(30, async || webhook.metric(r#"modelendpoint_webhook_connections{listener="https"}"#).await)
        .await;
}

#[tokio::test]
async fn an_idle_connection_that_has_delivered_reviews_outlives_strangers() {
    let webhook = Webhook::self_signed(&["--max-connections", "20"]).await;
    webhook.is_ready().await;
    let mut kept = webhook.client().connect().await;
    assert_eq!(kept.post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));
    let mut silent = Vec::new();
    for number in 0..500_u16 {
        let source = Ipv4Addr::new(127, 0, 0, u8::try_from(number % 7 + 1).expect("it fits"));
        silent.push(tcp_from(source, webhook.https).await.expect("the server accepts"));
    }
    eventually(true, async || webhook.metric(ALL_TAKEN).await > 400).await;
    assert_eq!(kept.post("/validate", &create("u-2", FINE)).await.review(), allowed("u-2"));
}

#[tokio::test]
async fn a_review_under_way_never_gives_way_and_closes_its_connection_for_a_newcomer() {
    // However busy this machine is, the reviews count as being on time.
    let server = serve(answer, Limits { patience: Duration::from_hours(1), ..Limits::new(3) });
    let mut under_way = three_reviews_under_way(&server).await;
    let client = server.client.clone();
    let newcomer = tokio::spawn(async move { client.post("/validate", &create("u-4", FINE)).await.review() });
    let asked = r#"modelendpoint_webhook_shed_total{reason="busy_client"} 1"#;
    eventually(true, async || server.counts(asked).await).await;
    let mut closed = 0;
    for (stream, rest) in &mut under_way {
        stream.write_all(rest).await.expect("the server still reads");
        closed += usize::from(answer_and_asks_to_leave(stream).await);
    }
    assert_eq!(closed, 1, "one makes room for one newcomer");
    assert_eq!(newcomer.await.expect("it does not panic"), allowed("u-4"));
    assert!(server.counts(r#"modelendpoint_webhook_shed_total{reason="refused"} 0"#).await);
}

#[tokio::test]
async fn a_newcomer_that_finds_no_place_in_time_is_refused() {
    let no_patience = Duration::from_millis(300);
    let limits = Limits { patience: Duration::from_hours(1), handshake: no_patience, ..Limits::new(3) };
    let server = serve(answer, limits);
    let under_way = three_reviews_under_way(&server).await;
    let mut refused = tcp_from(SAME, server.https).await.expect("the kernel accepts");
    let mut said = Vec::new();
    // However the connection ends, it did not get a place.
    let _ = refused.read_to_end(&mut said).await;
    assert_eq!(said, b"");
    assert!(server.counts(r#"modelendpoint_webhook_shed_total{reason="refused"} 1"#).await);
    for (mut stream, rest) in under_way {
        stream.write_all(&rest).await.expect("the server still reads");
        answer_and_asks_to_leave(&mut stream).await;
    }
}

async fn three_reviews_under_way(server: &InProcess) -> Vec<(TlsStream<TcpStream>, Vec<u8>)> {
    let mut under_way = Vec::new();
    for uid in ["u-1", "u-2", "u-3"] {
        under_way.push(half_a_review(&server.client, uid).await);
    }
    eventually(true, async || server.counts("modelendpoint_webhook_requests_in_flight 3").await).await;
    under_way
}

/// Reads an answer, which must be a 200. Returns whether it asks the client to close the connection.
async fn answer_and_asks_to_leave(stream: &mut TlsStream<TcpStream>) -> bool {
    let mut said = vec![0; 4096];
    let length = stream.read(&mut said).await.expect("an answer");
    let said = String::from_utf8_lossy(&said[..length]).into_owned();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    said.contains("\r\nconnection: close\r\n")
}

#[tokio::test]
async fn busy_strangers_are_asked_to_leave_when_all_places_are_taken() {
    let webhook = Webhook::self_signed(&["--max-connections", "2"]).await;
    webhook.is_ready().await;
    let mut stranger = webhook.client().connect().await;
    let get_root = || request(Method::GET, "/").body(Body::empty()).expect("a request");
    assert!(!asks_to_leave(&stranger.send(get_root()).await.expect("an answer")), "there is a place left");
    let mut caller = webhook.client().connect().await;
    assert_eq!(caller.post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));
    assert!(asks_to_leave(&stranger.send(get_root()).await.expect("an answer")), "all places are taken");
    eventually(true, async || stranger.is_closed()).await;
    assert!(!asks_to_leave(&caller.post("/validate", &create("u-2", FINE)).await));
}

fn asks_to_leave(reply: &Reply) -> bool {
    reply.headers.contains(&("connection".to_owned(), "close".to_owned()))
}

/// Asserts that 95 of 100 new callers and probes get their answer in time, and that established connections keep
/// being served.
async fn all_get_in(crowd: &str, webhook: &Webhook) {
    let client = webhook.client();
    let kept = timeout(PATIENCE, async {
        loop {
            let Ok(mut connection) = client.try_connect().await else { continue };
            if connection.send(json_request("/validate", create("u-1", FINE).to_string())).await.is_ok() {
                break connection;
            }
        }
    });
    let mut kept = kept.await.expect("a place");
    let (stop, mut stopped) = oneshot::channel::<()>();
    let kept = tokio::spawn(async move {
        let mut ticks = interval(Duration::from_millis(100));
        while stopped.try_recv().is_err() {
            ticks.tick().await;
            assert_eq!(kept.post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));
        }
    });
    newcomers_get_in(crowd, webhook).await;
    stop.send(()).expect("the client that was there before is still served");
    kept.await.expect("the client that was there before is still served");
}

/// Asserts that 95 of 100 new callers and probes get their answer in time.
async fn newcomers_get_in(crowd: &str, webhook: &Webhook) {
    let (client, ops) = (webhook.client(), webhook.ops);
    let reviews = figures(|| review(client.clone())).await;
    let alive = figures(|| probe(ops, "/livez")).await;
    let ready = figures(|| probe(ops, "/readyz")).await;
    println!("{crowd}: of {CALLERS} each, reviews {reviews:?}, /livez {alive:?}, /readyz {ready:?}");
    for figures in [reviews, alive, ready] {
        assert!(figures.in_time * 100 >= CALLERS * 95, "{figures:?}");
    }
}

#[derive(Debug)]
#[expect(dead_code, reason = "printed")]
struct Figures {
    in_time: usize,
    median: Duration,
    slowest: Duration,
}

/// Calls every 30 ms, whether or not the previous calls were answered.
async fn figures<F: Future<Output = Option<()>> + Send + 'static>(call: impl Fn() -> F) -> Figures {
    let mut calls = JoinSet::new();
    let mut ticks = interval(Duration::from_millis(30));
    for _ in 0..CALLERS {
        ticks.tick().await;
        let (started, called) = (Instant::now(), call());
        calls.spawn(async move {
            timeout(IN_TIME, called).await.ok().flatten()?;
            Some(started.elapsed())
        });
    }
    let mut took: Vec<_> = calls.join_all().await.into_iter().flatten().collect();
    took.sort();
    let (median, slowest) = (took.get(took.len() / 2), took.last());
    let or_none = |time: Option<&Duration>| time.copied().unwrap_or_default();
    Figures { in_time: took.len(), median: or_none(median), slowest: or_none(slowest) }
}

/// Opens a connection and sends one review. Returns the time until the answer, if there is one.
async fn review(client: Client) -> Option<()> {
    let mut connection = client.try_connect().await.ok()?;
    let reply = connection.send(json_request("/validate", create("u-2", FINE).to_string())).await.ok()?;
    assert_eq!(reply.review(), allowed("u-2"));
    Some(())
}

/// Probes as the kubelet does. Returns the time until the answer, if it is a 200.
async fn probe(ops: SocketAddr, path: &'static str) -> Option<()> {
    let mut stream = tcp_from(SAME, ops).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    answer.starts_with(b"HTTP/1.1 200 OK\r\n").then_some(())
}

/// Clients that attack over and over until this is dropped.
struct Flood {
    in_place: Arc<AtomicUsize>,
    _clients: JoinSet<()>,
}

impl Flood {
    /// This many clients, which start at this interval. A client whose connection was ended connects again 10 to 30
    /// seconds later: the attackers share the machine with the server, and should take its places and not its CPU
    /// time.
    fn of(clients: u32, after: Duration, attack: &Attack) -> Self {
        let pause = |number| Duration::from_millis(10_000 + u64::from(number) * 7_919 % 20_000);
        Self::returning(clients, after, pause, attack)
    }

    /// … and a client whose connection was ended connects again after this pause.
    fn returning(clients: u32, after: Duration, pause: impl Fn(u32) -> Duration, attack: &Attack) -> Self {
        let in_place = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for number in 0..clients {
            let pause = pause(number);
            let (attack, in_place) = (attack.clone(), Arc::clone(&in_place));
            tasks.spawn(async move {
                sleep(after * number).await;
                loop {
                    // An attacker ignores why its connection ended.
                    let _ = attack.once(&in_place).await;
                    sleep(pause).await;
                }
            });
        }
        Self { in_place, _clients: tasks }
    }

    /// Waits until this many attacks are or were in place.
    async fn in_place(&self, attacks: usize) {
        eventually(true, async || self.in_place.load(Relaxed) >= attacks).await;
    }
}

#[derive(Clone)]
enum Attack {
    /// A request every half a second.
    BusyOps { from: Ipv4Addr, ops: SocketAddr, path: &'static str },
    /// The beginning of a request, and nothing else.
    HalfHead { from: Ipv4Addr, ops: SocketAddr },
    /// A request that is not a review every half a second.
    Busy(Client),
    /// A review whose last byte is always missing: it arrives with the next review's head, 0.7 s later.
    Endless(Client),
    /// Nothing at all.
    Silent { from: Ipv4Addr, https: SocketAddr },
    /// The first message of a handshake, and nothing else.
    HalfOpen { from: Ipv4Addr, https: SocketAddr, client: Client },
}

impl Attack {
    /// Goes on until the server ends the connection.
    async fn once(&self, in_place: &AtomicUsize) -> io::Result<()> {
        match self {
            Self::BusyOps { from, ops, path } => busy(tcp_from(*from, *ops).await?, path, in_place).await,
            Self::Busy(client) => busy(client.stream().await?, "/", in_place).await,
            Self::HalfHead { from, ops } => {
                let mut stream = tcp_from(*from, *ops).await?;
                stream.write_all(b"GET /livez HTTP/1.1\r\nHost:").await?;
                in_place.fetch_add(1, Relaxed);
                to_the_end(stream).await
            }
            Self::Endless(client) => endless(client.stream().await?, in_place).await,
            Self::Silent { from, https } => {
                let stream = tcp_from(*from, *https).await?;
                in_place.fetch_add(1, Relaxed);
                to_the_end(stream).await
            }
            Self::HalfOpen { from, https, client } => {
                let mut stream = tcp_from(*from, *https).await?;
                stream.write_all(&client.hello()).await?;
                stream.read_u8().await?;
                in_place.fetch_add(1, Relaxed);
                to_the_end(stream).await
            }
        }
    }
}

async fn busy(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
    in_place: &AtomicUsize,
) -> io::Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut answer = vec![0; 64 * 1024];
    let mut is_in_place = false;
    loop {
        stream.write_all(request.as_bytes()).await?;
        if stream.read(&mut answer).await? == 0 {
            return Ok(());
        }
        if !is_in_place {
            is_in_place = true;
            in_place.fetch_add(1, Relaxed);
        }
        sleep(Duration::from_millis(500)).await;
    }
}

async fn endless(mut stream: impl AsyncRead + AsyncWrite + Unpin, in_place: &AtomicUsize) -> io::Result<()> {
    let review = create("u-1", FINE).to_string();
    let head = format!(
        "POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        review.len()
    );
    let whole = format!("{head}{review}").into_bytes();
    let (begun, last) = whole.split_at(whole.len() - 1);
    let last_and_next = [last, begun].concat();
    let mut answer = vec![0; 4096];
    stream.write_all(begun).await?;
    in_place.fetch_add(1, Relaxed);
    loop {
        sleep(Duration::from_millis(700)).await;
        stream.write_all(&last_and_next).await?;
        if stream.read(&mut answer).await? == 0 {
            return Ok(());
        }
    }
}

async fn to_the_end(mut stream: TcpStream) -> io::Result<()> {
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}
