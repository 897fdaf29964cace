//! One connection: a stream in, HTTP/1.1 answers out. [`super::patrol`] ends it when the client is too
//! slow, when it has to give way, and when it is no longer trusted.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Poll;

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

    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Was the request what the listener is for, so that the client's connection is worth keeping?
    fn is_useful(answer: &Response<Self::Body>) -> bool;
}

/// What all connections of a listener share.
#[derive(Debug)]
pub struct Shared {
    pub limits: Limits,
    pub drain: Arc<Drain>,
    pub metrics: Arc<Metrics>,
    /// All places are taken.
    pub full: AtomicBool,
}

/// Serves requests until the client leaves, or the connection is told to. Those of a stranger carry
/// [`Stranger`] as an extension.
pub async fn serve<Stream, H: Handler>(
    stream: Stream,
    handler: H,
    stranger: Option<Stranger>,
    pace: Arc<Pace>,
    shared: &Shared,
) where
    Stream: AsyncRead + AsyncWrite + Unpin,
{
    let Shared { limits, drain, .. } = shared;
    let service = service_fn(|mut request: Request<Incoming>| {
        if let Some(stranger) = &stranger {
            request.extensions_mut().insert(stranger.clone());
        }
        async {
            pace.written().await;
            if pace.leave() == Leave::Revoked {
                return Err(Revoked);
            }
            pace.now(Waiting::Request);
            let mut answer = handler.answer(request).await;
            let useful = H::is_useful(&answer);
            pace.delivered(if useful { Delivered::Reviews } else { Delivered::Other });
            let in_the_way = !useful && shared.full.load(Relaxed);
            if drain.is_leaving() || pace.next_is_last() || in_the_way {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            pace.now(Waiting::Idle);
            Ok(answer)
        }
    });

    pace.now(Waiting::Fresh);
    let stream = TokioIo::new(Watched::new(stream, Arc::clone(&pace)));
    let mut http = pin!(
        http1::Builder::new()
            // Idle time and the time for a head are two limits here, and one in hyper.
            .header_read_timeout(None)
            .max_buf_size(limits.head_bytes)
            .serve_connection(stream, service)
    );
    let mut closing = false;
    poll_fn(|context| {
        let leave = pace.is_told_to_leave(context);
        if leave == Leave::Revoked && pace.waiting() == Waiting::Head {
            // This request would be served, and hyper has no way to refuse it.
            return Poll::Ready(());
        }
        if !closing && leave > Leave::No {
            closing = true;
            let just_connected =
                leave == Leave::InGoodOrder && pace.waiting() == Waiting::Fresh && drain.is_closed();
            if matches!(pace.waiting(), Waiting::Fresh | Waiting::Idle | Waiting::Head) {
                pace.now(Waiting::Close);
            }
            // A client that connected before the listener closed did so for a request: that one is still
            // answered.
            if !just_connected {
                http.as_mut().graceful_shutdown();
            }
        }
        // Either way it is over: the client left, or the connection was closed in good order.
        http.as_mut().poll(context).map(|_| ())
    })
    .await;
}

/// The client's certificate no longer vouches for it. Nobody reads this: hyper closes the connection without an
/// answer.
#[derive(Debug)]
struct Revoked;

impl fmt::Display for Revoked {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("the client is no longer trusted")
    }
}

impl Error for Revoked {}
