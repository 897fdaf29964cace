//! The accept loop: connections in, one task each, never more than the limit.

use std::io;
use std::mem;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use rustls::AlertDescription;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinError;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, error, warn};

use super::connection::{self, Handler, Shared};
use super::drain::Drain;
use super::limits::Limits;
use super::listen::canonical;
use super::log;
use super::metrics::{Counted, Metrics, Rejection, Shed};
use super::pace::Pace;
use super::patrol::{Patrol, ROUND};
use crate::certificates::clients::{Clients, Stranger};
use crate::telemetry::quota::Kind;

/// How long to leave the listener alone when it can't accept.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub struct Tls {
    pub acceptor: TlsAcceptor,
    /// Who may call, if not everybody.
    pub clients: Option<Arc<Clients>>,
}

pub struct Listener<H> {
    pub socket: TcpListener,
    /// Plain HTTP without.
    pub tls: Option<Tls>,
    pub handler: H,
    pub limits: Limits,
    /// How many connections are open.
    pub open: Gauge,
    pub metrics: Arc<Metrics>,
    pub drain: Arc<Drain>,
}

impl<H: Handler> Listener<H> {
    /// Accepts until the drain closes, then awaits what still runs, with a bound.
    pub async fn run(self) {
        let Self { socket, tls, handler, limits, open, metrics, drain } = self;
        let max = limits.connections;
        let shared = Arc::new(Shared { limits, drain: Arc::clone(&drain), metrics });
        let mut closed = pin!(drain.closed());
        let mut rounds = interval(ROUND);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut patrol = Patrol::default();
        let mut out_of_descriptors = false;
        loop {
            while let Some(ended) = patrol.ended() {
                note_panic(ended, &shared.metrics);
            }
            tokio::select! {
                accepted = socket.accept(), if patrol.len() < max => match accepted {
                    Ok((stream, address)) => {
                        let client = (stream, canonical(address));
                        let counted = Counted::in_gauge(open.clone());
                        let pace = Pace::new();
                        let (tls, handler, shared) = (tls.clone(), handler.clone(), Arc::clone(&shared));
                        patrol.spawn(Arc::clone(&pace), serve(client, tls, handler, pace, shared, counted));
                    }
                    Err(error) if concerns_one_connection(&error) => {}
                    Err(error) => {
                        Kind::Accept.line(|| warn!(%error, "cannot accept connections"));
                        out_of_descriptors = true;
                        sleep(PAUSE).await;
                    }
                },
                // otherwise the next connection or round is early enough, and no end wakes this task up
                Some(ended) = patrol.next_ended(), if patrol.len() >= max => note_panic(ended, &shared.metrics),
                _ = rounds.tick(), if !patrol.is_empty() => {
                    let wanted = mem::take(&mut out_of_descriptors) || patrol.len() >= max;
                    let gave_way = patrol.make_round(&shared.limits, wanted);
                    shared.metrics.shed(Shed::SlowClient).inc_by(gave_way);
                }
                () = closed.as_mut() => break,
            }
        }
        drop(socket);
        patrol.tell_all_to_leave();
        finish(patrol, &shared).await;
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
                patrol.make_round(limits, false);
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
    match tls {
        None => connection::serve(stream, handler, None, pace, &shared).await,
        Some(tls) => {
            if let Some(stream) = shake_hands(stream, address, &tls.acceptor, &shared.metrics).await {
                let stranger = tls.clients.and_then(|clients| stranger(&clients, &stream));
                connection::serve(stream, handler, stranger, pace, &shared).await;
            }
        }
    }
}

/// A client that may not call, though the CA vouches for it.
fn stranger(clients: &Clients, stream: &TlsStream<TcpStream>) -> Option<Stranger> {
    let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    leaf.map_or_else(|| Some(Stranger::default()), |leaf| clients.admit(leaf).err())
}

async fn shake_hands(
    stream: TcpStream,
    client: SocketAddr,
    tls: &TlsAcceptor,
    metrics: &Metrics,
) -> Option<TlsStream<TcpStream>> {
    match tls.accept(stream).await {
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
