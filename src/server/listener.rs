//! The accept loop: connections in, one task each, never more than the limit.
//!
//! It always accepts. If it waited for a free place, the connected clients would decide when somebody else can
//! connect.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::warn;

use super::connection::{Handler, ListenerContext};
use super::crowd::Crowd;
use super::drain::Drain;
use super::limits::Limits;
use super::line::RETRY;
use super::listen::canonical;
use super::metrics::{ListenerMetrics, Metrics};
use super::patrol::ROUND;
use super::self_dial::Caller;
use super::source::ClientSource;
use crate::certificates::clients::Clients;
use crate::telemetry::quota::LineKind;

#[derive(Clone)]
pub(super) struct Tls {
    pub(super) config: Arc<ServerConfig>,
    /// The clients that may call. `None` if everybody may.
    pub(super) clients: Option<Arc<Clients>>,
}

pub(super) struct Listener<H> {
    pub(super) socket: TcpListener,
    /// `None` for plain HTTP.
    pub(super) tls: Option<Tls>,
    pub(super) handler: H,
    pub(super) limits: Limits,
    /// The server's handshake with itself, which always gets a place.
    pub(super) ourselves: Arc<Caller>,
    pub(super) own_metrics: ListenerMetrics,
    pub(super) metrics: Arc<Metrics>,
    pub(super) drain: Arc<Drain>,
}

impl<H: Handler> Listener<H> {
    /// Accepts until the drain closes, then awaits the connections that are still open, with a bound.
    pub(super) async fn run(self) {
        let Self { socket, tls, handler, limits, ourselves, own_metrics, metrics, drain } = self;
        let mut trust = tls.as_ref().and_then(|tls| Some(tls.clients.as_ref()?.changes()));
        let mut closed = pin!(drain.closed());
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let context = ListenerContext { limits, drain: Arc::clone(&drain), metrics, full: false.into() };
        let mut crowd = Crowd::new(tls, handler, context, own_metrics);
        loop {
            crowd.settle();
            tokio::select! {
                accepted = socket.accept(), if crowd.has_capacity() => match accepted {
                    Ok((stream, address)) => {
                        let client = canonical(address);
                        if ourselves.is(client) {
                            crowd.start(None, (stream, client));
                        } else {
                            crowd.join(ClientSource::of(client), (stream, client));
                        }
                    }
                    Err(error) if concerns_one_connection(&error) => {}
                    Err(error) => {
                        LineKind::Accept.line(|| warn!(%error, "cannot accept connections"));
                        crowd.free_a_descriptor().await;
                    }
                },
                // Otherwise, the next connection or round notices it early enough, and the task is not woken.
                Some(ended) = crowd.next_ended(), if !crowd.has_capacity() || crowd.is_waiting() => {
                    crowd.record_end(ended);
                }
                () = sleep(RETRY), if crowd.is_waiting() => {}
                _ = rounds.tick(), if !crowd.is_empty() => crowd.make_round(),
                () = changed(&mut trust) => crowd.revoke_all(),
                () = closed.as_mut() => break,
            }
        }
        drop(socket);
        crowd.finish().await;
    }
}

/// Returns when the client CA was changed; never without one.
async fn changed(trust: &mut Option<watch::Receiver<()>>) {
    let Some(trust) = trust else { return pending().await };
    if trust.changed().await.is_err() {
        // The sender is gone, so nothing will change.
        pending::<()>().await;
    }
}

/// `accept` also reports errors of a connection that ended before it was accepted.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// A connection that was accepted, and where it comes from.
pub(super) type Accepted = (tokio::net::TcpStream, SocketAddr);
