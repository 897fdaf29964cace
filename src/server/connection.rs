//! One connection: a stream in, HTTP/1.1 answers out. [`super::patrol`] ends it when the client is too
//! slow.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

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
use super::pace::{Pace, Waiting, Watched};
use crate::certificates::clients::Stranger;

/// Answers the requests of a listener.
pub trait Handler: Clone + Send + Sync + 'static {
    type Body: HttpBody<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// What all connections of a listener share.
#[derive(Debug)]
pub struct Shared {
    pub limits: Limits,
    pub drain: Arc<Drain>,
    pub metrics: Arc<Metrics>,
}

/// Serves requests until the client leaves, or the connection is told to. Those of a stranger carry
/// [`Stranger`] as an extension.
pub async fn serve<Stream>(
    stream: Stream,
    handler: impl Handler,
    stranger: Option<Stranger>,
    pace: Arc<Pace>,
    shared: &Shared,
) where
    Stream: AsyncRead + AsyncWrite + Unpin,
{
    let Shared { limits, drain, .. } = shared;
    let service = service_fn(|mut request: Request<Incoming>| {
        pace.now(Waiting::Request);
        if let Some(stranger) = &stranger {
            request.extensions_mut().insert(stranger.clone());
        }
        async {
            let mut answer = handler.answer(request).await;
            if drain.is_leaving() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            pace.now(Waiting::Idle);
            Ok::<_, Infallible>(answer)
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
        if !closing && pace.is_told_to_leave(context) {
            closing = true;
            let just_connected = pace.waiting() == Waiting::Fresh && drain.is_closed();
            if pace.waiting() != Waiting::Request {
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
