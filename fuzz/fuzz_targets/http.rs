//! Any bytes on a connection, in pieces and with pauses, to either port: the server comes to an end with
//! the client, and whatever it sends is answers that it means to give.
//!
//! Without TLS, and with a clock that leaps to the next timer as soon as nobody has anything to do, so that
//! a connection that waits for nothing is found at once. The first byte of the input says to which port and
//! in what pieces the rest is sent.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use modelendpoint_core::admission;
use modelendpoint_core::endpoint::Policy;
use modelendpoint_webhook::certificates::served::Served;
use modelendpoint_webhook::policy::Active;
use modelendpoint_webhook::server::connection::{Handler, ListenerContext, speak_http};
use modelendpoint_webhook::server::drain::Drain;
use modelendpoint_webhook::server::limits::Limits;
use modelendpoint_webhook::server::metrics::Metrics;
use modelendpoint_webhook::server::ops;
use modelendpoint_webhook::server::pace::Pace;
use modelendpoint_webhook::server::readiness::Readiness;
use modelendpoint_webhook::server::reviews::Reviews;
use modelendpoint_webhook::telemetry::Dropped;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

/// Longer than anything that the server waits for.
const FOREVER: Duration = Duration::from_hours(24);

/// What the sockets hold on their way.
const ON_THE_WAY: usize = 8 * 1024;

/// The statuses of the server's own answers and of hyper's. 500 is not among them: that is a panic.
const STATUSES: [u16; 11] = [100, 200, 400, 404, 405, 408, 413, 414, 415, 431, 503];

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    static SERVER: Server = Server::new();
}

fuzz_target!(|input: &[u8]| {
    let Some((&manner, sent)) = input.split_first() else { return };
    let manner = Manner::of(manner);
    let answers = SERVER.with(|server| {
        RUNTIME.with(|runtime| {
            runtime.block_on(async {
                if manner.to_operators {
                    exchange(server.operators.clone(), &server.context, &manner, sent).await
                } else {
                    exchange(server.reviews.clone(), &server.context, &manner, sent).await
                }
            })
        })
    });
    // an answer to HEAD is one without a body, which only its request tells
    if !sent.windows(4).any(|word| word == b"HEAD") {
        assert_are_answers(&answers, manner.to_operators);
    }
});

/// How the bytes are sent.
struct Manner {
    to_operators: bool,
    piece: usize,
    pause: Option<Duration>,
}

impl Manner {
    fn of(byte: u8) -> Self {
        Manner {
            to_operators: byte & 1 == 1,
            piece: [1, 7, 64, usize::MAX][usize::from(byte >> 1 & 3)],
            pause: [None, Some(Duration::from_secs(4))][usize::from(byte >> 3 & 1)],
        }
    }
}

struct Server {
    reviews: Reviews,
    operators: axum::Router,
    context: ListenerContext,
}

impl Server {
    fn new() -> Self {
        let (metrics, drain) = (Arc::new(Metrics::new(Dropped::default())), Arc::new(Drain::default()));
        let limits = Limits::new(8);
        let readiness = Readiness::new(Served::empty(Arc::default()), None, Arc::clone(&drain));
        let policy = Active::new(Policy::NONE);
        Server {
            reviews: Reviews::new(admission::answer, policy, &limits, &metrics, None),
            operators: ops::router(readiness, &metrics),
            context: ListenerContext { limits, drain, metrics, full: false.into() },
        }
    }
}

/// Sends all of it, unless the server hangs up; what it answered.
async fn exchange(handler: impl Handler, context: &ListenerContext, manner: &Manner, sent: &[u8]) -> Vec<u8> {
    let (client, stream) = duplex(ON_THE_WAY);
    let (mut reader, mut writer) = split(client);
    let serve = speak_http(stream, handler, None, Pace::new(), context);
    let send = async {
        for piece in sent.chunks(manner.piece.min(sent.len().max(1))) {
            if writer.write_all(piece).await.is_err() {
                return;
            }
            match manner.pause {
                Some(pause) => sleep(pause).await,
                None => tokio::task::yield_now().await,
            }
        }
        let _ = writer.shutdown().await;
    };
    let mut answers = Vec::new();
    let all = async { tokio::join!(serve, send, reader.read_to_end(&mut answers)).2 };
    timeout(FOREVER, all).await.expect("the connection ends").expect("a pipe does not break");
    answers
}

/// The last one may be cut: hyper writes no further once a client has closed its side.
fn assert_are_answers(mut answers: &[u8], by_operators: bool) {
    while !answers.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut head = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(length) = head.parse(answers).expect("an answer") else { return };
        let status = head.code.expect("a status");
        assert!(STATUSES.contains(&status), "{status}");
        answers = &answers[length..];
        if status == 100 {
            continue;
        }
        let declared = head.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
        let declared = str::from_utf8(declared.expect("a length").value).expect("digits");
        let declared = declared.parse().expect("a length that fits");
        let Some((body, rest)) = answers.split_at_checked(declared) else { return };
        if status == 200 && !by_operators {
            let review: serde_json::Value = serde_json::from_slice(body).expect("JSON");
            assert!(review["response"]["uid"].is_string(), "{review}");
        }
        answers = rest;
    }
}
