//! One connection: a stream in, HTTP/1.1 answers out, no wait without an end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;

use axum::Router;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};

use super::drain::Drain;
use super::limits::Limits;
use super::metrics::{Metrics, Shed};
use super::pace::{Pace, Waiting, Watched};
use crate::certificates::clients::Stranger;

/// What all connections of a listener share.
#[derive(Debug)]
pub struct Shared {
    pub limits: Limits,
    pub drain: Arc<Drain>,
    /// Told when a connection is wanted and none is left.
    pub crowded: Notify,
    pub metrics: Arc<Metrics>,
}

impl Shared {
    /// Has this client used up our patience, now that others want its connection?
    pub fn gives_way(&self, pace: &Pace) -> bool {
        let slow = pace.is_slow(self.limits.patience);
        if slow {
            self.metrics.shed(Shed::SlowClient).inc();
        }
        slow
    }
}

/// Serves requests until the client leaves, is too slow, or has to give way. Those of a stranger carry
/// [`Stranger`] as an extension.
pub async fn serve<Stream>(
    stream: Stream,
    router: Router,
    stranger: Option<Stranger>,
    pace: Arc<Pace>,
    shared: &Shared,
) where
    Stream: AsyncRead + AsyncWrite + Unpin,
{
    let Shared { limits, drain, crowded, .. } = shared;
    let router = TowerToHyperService::new(router);
    let service = service_fn(|mut request: Request<Incoming>| {
        pace.now(Waiting::Request);
        if let Some(stranger) = &stranger {
            request.extensions_mut().insert(stranger.clone());
        }
        let answer = router.call(request);
        async {
            let mut answer = answer.await?;
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
    let mut alarm = pin!(sleep_until(pace.deadline(limits)));
    let mut closed = pin!(drain.closed());
    let mut closing = false;
    loop {
        tokio::select! {
            biased;
            event = next_event(http.as_mut(), alarm.as_mut(), &pace, limits) => match event {
                Event::Idle if !closing => {
                    closing = true;
                    pace.now(Waiting::Close);
                    http.as_mut().graceful_shutdown();
                }
                Event::Idle | Event::Slow | Event::Ended => return,
            },
            () = crowded.notified() => {
                if shared.gives_way(&pace) {
                    return;
                }
            }
            () = closed.as_mut(), if !closing => {
                closing = true;
                if pace.waiting() == Waiting::Fresh {
                    // The client has just connected for a request: that one is still answered.
                    pace.now(Waiting::Close);
                } else {
                    http.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

enum Event {
    /// The client left, or the connection was closed in good order.
    Ended,
    /// No request came for too long.
    Idle,
    /// The client took too long within a request.
    Slow,
}

/// Drives the connection, and after each step sets the alarm to what is waited for now.
async fn next_event<Http: Future>(
    mut http: Pin<&mut Http>,
    mut alarm: Pin<&mut Sleep>,
    pace: &Pace,
    limits: &Limits,
) -> Event {
    poll_fn(|context| {
        if http.as_mut().poll(context).is_ready() {
            return Event::Ended.into();
        }
        let deadline: Instant = pace.deadline(limits);
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        alarm.as_mut().poll(context).map(|()| match pace.waiting() {
            Waiting::Fresh | Waiting::Idle => Event::Idle,
            _ => Event::Slow,
        })
    })
    .await
}
