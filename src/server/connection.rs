//! One connection: a stream in, HTTP/1.1 answers out. [`super::patrol`] ends it if the client is too slow or no
//! longer trusted, or if another connection needs its place.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use axum::body::HttpBody;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::drain::Drain;
use super::limits::Limits;
use super::metrics::Metrics;
use super::pace::{Delivered, Leave, Pace, Waiting, Watched};
use crate::certificates::clients::Stranger;

/// Answers the requests of a listener.
pub trait Handler: Clone + Send + Sync + 'static {
    type Body: HttpBody<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    fn handle(&self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Whether the listener exists for such requests, so that the client's connection is worth keeping.
    fn is_useful(answer: &Response<Self::Body>) -> bool;
}

/// What all connections of a listener share.
#[derive(Debug)]
pub struct ListenerContext {
    pub limits: Limits,
    pub drain: Arc<Drain>,
    pub metrics: Arc<Metrics>,
    /// Whether all places are taken.
    pub full: AtomicBool,
}

/// Answers requests until the client leaves, or the connection is told to end. The requests of a stranger carry
/// [`Stranger`] as an extension.
pub async fn speak_http<Stream, H: Handler>(
    stream: Stream,
    handler: H,
    stranger: Option<Stranger>,
    pace: Arc<Pace>,
    context: &ListenerContext,
) where
    Stream: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|mut request: Request<Incoming>| {
        if let Some(stranger) = &stranger {
            request.extensions_mut().insert(stranger.clone());
        }
        answer_in_turn(request, &handler, &pace, context)
    });
    pace.now(Waiting::Fresh);
    let stream = TokioIo::new(Watched::new(stream, Arc::clone(&pace)));
    let mut http = pin!(
        http1::Builder::new()
            // Idle time and the time for a head are two limits here, and one in hyper.
            .header_read_timeout(None)
            .max_buf_size(context.limits.head_bytes)
            .serve_connection(stream, service)
    );
    let mut is_closing = false;
    poll_fn(|task| {
        match next_step(&pace, &context.drain, &mut is_closing, task) {
            Step::Cut => return Poll::Ready(()),
            Step::Close => http.as_mut().graceful_shutdown(),
            Step::GoOn => {}
        }
        // Whatever the result, the connection has ended: the client left, or the connection was closed properly.
        http.as_mut().poll(task).map(|_| ())
    })
    .await;
}

/// Lets the handler answer a request once the previous answer is written, and decides whether this is the last one.
async fn answer_in_turn<H: Handler>(
    request: Request<Incoming>,
    handler: &H,
    pace: &Pace,
    ListenerContext { drain, full, .. }: &ListenerContext,
) -> Result<Response<H::Body>, Revoked> {
    pace.written().await;
    if pace.leave() == Leave::Revoked {
        return Err(Revoked);
    }
    pace.now(Waiting::Request);
    let mut answer = handler.handle(request).await;
    let is_useful = H::is_useful(&answer);
    pace.delivered(if is_useful { Delivered::Reviews } else { Delivered::Other });
    let is_in_the_way = !is_useful && full.load(Relaxed);
    if drain.is_leaving() || pace.next_is_last() || is_in_the_way {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    pace.now(Waiting::Idle);
    Ok(answer)
}

/// What to do with a connection now.
enum Step {
    GoOn,
    /// Answer the request that is under way, if any, and close.
    Close,
    /// End it without another answer.
    Cut,
}

/// Follows what [`super::patrol`] last told the connection. `task` is woken when that changes.
fn next_step(pace: &Pace, drain: &Drain, is_closing: &mut bool, task: &mut Context<'_>) -> Step {
    let leave = pace.is_told_to_leave(task);
    let waiting = pace.waiting();
    if leave == Leave::Revoked && waiting == Waiting::Head {
        // hyper would answer the request that is arriving, and has no way to refuse it.
        return Step::Cut;
    }
    if *is_closing || leave == Leave::No {
        return Step::GoOn;
    }
    *is_closing = true;
    if matches!(waiting, Waiting::Fresh | Waiting::Idle | Waiting::Head) {
        pace.now(Waiting::Close);
    }
    // A client that connected before the listener closed is about to send a request: that one is still answered.
    let has_just_connected = leave == Leave::InGoodOrder && waiting == Waiting::Fresh && drain.is_closed();
    if has_just_connected { Step::GoOn } else { Step::Close }
}

/// The client's certificate is no longer trusted. Nobody reads this: hyper closes the connection without an answer.
#[derive(Debug)]
struct Revoked;

impl fmt::Display for Revoked {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("the client is no longer trusted")
    }
}

impl Error for Revoked {}
