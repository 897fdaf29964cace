//! The accept loop: connections in, one task each, never more than the limit.
//!
//! It always accepts: a listener that waits until there is a place leaves it to the clients that have one when
//! somebody else gets in. A newcomer for whom nobody can make room stands in a [`Line`].

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use rustls::server::Acceptor;
use rustls::{AlertDescription, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, error, info, warn};

use super::connection::{self, Handler, Shared};
use super::drain::Drain;
use super::limits::Limits;
use super::line::{Line, Newcomer, RETRY};
use super::listen::canonical;
use super::log;
use super::metrics::{Counted, LimitHits, Metrics, Rejection, Shed};
use super::pace::{Delivered, Leave, Pace};
use super::patrol::{Patrol, ROUND, Room};
use super::self_dial::Caller;
use super::source::Source;
use crate::certificates::clients::{Clients, Stranger, valid_until};
use crate::telemetry::quota::Kind;

/// How long to leave the listener alone when it can't accept.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections beyond the limit that were told to end, and whose end is not awaited yet.
const ENDING: usize = 16;

#[derive(Clone)]
pub struct Tls {
    pub config: Arc<ServerConfig>,
    /// Who may call, if not everybody.
    pub clients: Option<Arc<Clients>>,
}

pub struct Listener<H> {
    pub socket: TcpListener,
    /// Plain HTTP without.
    pub tls: Option<Tls>,
    pub handler: H,
    pub limits: Limits,
    /// Who has a place in any crowd.
    pub ourselves: Arc<Caller>,
    /// How many connections are open.
    pub open: Gauge,
    /// How often a newcomer ran into a limit.
    pub crowded: LimitHits,
    pub metrics: Arc<Metrics>,
    pub drain: Arc<Drain>,
}

impl<H: Handler> Listener<H> {
    /// Accepts until the drain closes, then awaits what still runs, with a bound.
    pub async fn run(self) {
        let Self { socket, tls, handler, limits, ourselves, open, crowded, metrics, drain } = self;
        let full = AtomicBool::new(false);
        let shared = Arc::new(Shared { limits, drain: Arc::clone(&drain), metrics, full });
        let mut trust = tls.as_ref().and_then(|tls| Some(tls.clients.as_ref()?.changes()));
        let mut closed = pin!(drain.closed());
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut patrol = Patrol::default();
        let mut line = Line::default();
        let most = shared.limits.connections + ENDING;
        let start = |patrol: &mut Patrol, source, (stream, client)| {
            let counted = Counted::in_gauge(open.clone());
            let pace = Pace::new();
            let serving = {
                let (tls, handler) = (tls.clone(), handler.clone());
                let (pace, shared) = (Arc::clone(&pace), Arc::clone(&shared));
                serve((stream, client), tls, handler, pace, shared, counted)
            };
            patrol.spawn(source, pace, &shared.limits, serving);
        };
        loop {
            while let Some(ended) = patrol.ended() {
                note_panic(ended, &shared.metrics);
            }
            while line.take_overdue(shared.limits.handshake).is_some() {
                shared.metrics.shed(Shed::Refused).inc();
            }
            while patrol.len() < most
                && let Some((stream, client)) = {
                    let is_line_full = line.is_full();
                    line.take(|newcomer| has_place(newcomer, &mut patrol, is_line_full, &shared, &crowded))
                }
            {
                start(&mut patrol, Some(Source::of(client)), (stream, client));
            }
            shared.full.store(patrol.is_full(&shared.limits), Relaxed);
            tokio::select! {
                accepted = socket.accept(), if patrol.len() < most => match accepted {
                    Ok((stream, address)) => {
                        let client = canonical(address);
                        if ourselves.is(client) {
                            start(&mut patrol, None, (stream, client));
                        } else if line.join((stream, client), Source::of(client)).is_some() {
                            shared.metrics.shed(Shed::Refused).inc();
                        }
                    }
                    Err(error) if concerns_one_connection(&error) => {}
                    Err(error) => {
                        Kind::Accept.line(|| warn!(%error, "cannot accept connections"));
                        free_a_descriptor(&mut patrol, &shared).await;
                    }
                },
                // otherwise the next connection or round is early enough, and no end wakes this task up
                Some(ended) = patrol.next_ended(), if patrol.len() >= most || !line.is_empty() => {
                    note_panic(ended, &shared.metrics);
                }
                () = sleep(RETRY), if !line.is_empty() => {}
                _ = rounds.tick(), if !patrol.is_empty() => patrol.make_round(&shared.limits),
                () = changed(&mut trust) => {
                    info!(connections = patrol.len(), "the client CA changed: clients have to connect again");
                    patrol.tell_all_to_leave(Leave::Revoked);
                }
                () = closed.as_mut() => break,
            }
        }
        drop(socket);
        patrol.tell_all_to_leave(Leave::InGoodOrder);
        finish(patrol, &shared).await;
    }
}

/// Whether there is a place for a newcomer, after another connection gave way if it had to. If none could, one is
/// asked to close after its answer, and the newcomer has to wait.
fn has_place<T>(
    newcomer: &mut Newcomer<T>,
    patrol: &mut Patrol,
    is_line_full: bool,
    shared: &Shared,
    crowded: &LimitHits,
) -> bool {
    let room = patrol.make_room(newcomer.source, is_line_full, &shared.limits);
    if let Room::Made(limit, _) | Room::None(limit) = room
        && !newcomer.is_counted
    {
        newcomer.is_counted = true;
        crowded.count(limit);
    }
    match room {
        Room::Free => true,
        Room::Made(_, worth) => {
            shared.metrics.shed(worth.into()).inc();
            true
        }
        Room::None(limit) => {
            if !newcomer.is_expected && patrol.ask_to_close(newcomer.source, limit, &shared.limits) {
                newcomer.is_expected = true;
                shared.metrics.shed(Shed::BusyClient).inc();
            }
            false
        }
    }
}

/// Ends a connection for its descriptor; waits a while if none can be ended.
async fn free_a_descriptor(patrol: &mut Patrol, shared: &Shared) {
    let Some(worth) = patrol.give_way(None, true, &shared.limits) else { return sleep(PAUSE).await };
    shared.metrics.shed(worth.into()).inc();
    if let Some(ended) = patrol.next_ended().await {
        note_panic(ended, &shared.metrics);
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

/// Awaits the connections that are still open, with a bound.
async fn finish(mut patrol: Patrol, Shared { limits, metrics, .. }: &Shared) {
    let mut rounds = interval(ROUND);
    let mut end = pin!(sleep(limits.finish));
    loop {
        tokio::select! {
            ended = patrol.next_ended() => match ended {
                Some(ended) => note_panic(ended, metrics),
                None => return,
            },
            _ = rounds.tick() => {
                patrol.make_round(limits);
            }
            () = end.as_mut() => {
                warn!(connections = patrol.len(), "cut what had not finished after {:?}", limits.finish);
                return;
            }
        }
    }
}

/// `accept` also reports what went wrong with a connection before it was ours.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

fn note_panic(ended: Result<(), JoinError>, metrics: &Metrics) {
    if ended.is_err_and(|error| error.is_panic()) {
        metrics.panics.inc();
        Kind::Panic.line(|| error!("a connection was cut since serving it panicked"));
    }
}

async fn serve(
    (stream, address): (TcpStream, SocketAddr),
    tls: Option<Tls>,
    handler: impl Handler,
    pace: Arc<Pace>,
    shared: Arc<Shared>,
    _counted: Counted<Gauge>,
) {
    // Answers are small and complete: waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot set TCP_NODELAY");
    }
    let mut socket = Socket { stream, finished: false };
    match tls {
        None => connection::serve(&mut socket.stream, handler, None, pace, &shared).await,
        Some(tls) => {
            if let Some(stream) =
                shake_hands(&mut socket.stream, address, &tls.config, &pace, &shared.metrics).await
            {
                let stranger = tls.clients.and_then(|clients| look_at(&clients, &stream, &pace));
                connection::serve(stream, handler, stranger, pace, &shared).await;
            }
        }
    }
    socket.finished = true;
}

/// When the task that serves it is ended early, it is reset: else the kernel would keep what the client has
/// not taken, for minutes and beyond every limit.
struct Socket {
    stream: TcpStream,
    finished: bool,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = self.stream.set_zero_linger()
        {
            debug!(%error, "cannot set SO_LINGER");
        }
    }
}

/// Notes until when a client's certificate is valid. Returns a client that may not call, though the CA vouches
/// for it.
fn look_at<S>(clients: &Clients, stream: &TlsStream<S>, pace: &Pace) -> Option<Stranger> {
    let Some(leaf) = stream.get_ref().1.peer_certificates().and_then(<[_]>::first) else {
        return Some(Stranger::default());
    };
    if let Some(end) = valid_until(leaf) {
        pace.trust_until(end);
    }
    clients.admit(leaf).err()
}

async fn shake_hands<'a>(
    stream: &'a mut TcpStream,
    client: SocketAddr,
    config: &Arc<ServerConfig>,
    pace: &Pace,
    metrics: &Metrics,
) -> Option<TlsStream<&'a mut TcpStream>> {
    let shaken = async {
        let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        pace.delivered(Delivered::Bytes);
        begun.into_stream(Arc::clone(config)).await
    };
    match shaken.await {
        Ok(stream) => Some(stream),
        Err(error) => {
            log_failed_handshake(client, &error, metrics);
            None
        }
    }
}

/// Port scans and probes end a handshake in many ways; only a client that looked at the certificate
/// and refused it is worth a warning, and one whose own certificate was refused a line.
fn log_failed_handshake(client: SocketAddr, error: &io::Error, metrics: &Metrics) {
    let reason = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match reason {
        Some(rustls::Error::AlertReceived(
            alert @ (AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown),
        )) => Kind::Handshake.line(|| {
            warn!(
                ?alert,
                "a client refused the certificate: does the caBundle of the webhook configuration \
                 match it?"
            );
        }),
        Some(rustls::Error::NoCertificatesPresented) => {
            metrics.rejected(Rejection::NoCertificate);
            log::rejected(client, "it presented no certificate");
        }
        Some(rustls::Error::InvalidCertificate(why)) => {
            metrics.rejected(Rejection::BadCertificate);
            log::rejected(client, &why.to_string());
        }
        _ => debug!(%error, "handshake failed"),
    }
}
