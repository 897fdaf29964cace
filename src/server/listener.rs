//! The accept loop: connections in, one task each, never more than the limit.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use prometheus_client::metrics::gauge::Gauge;
use rustls::AlertDescription;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, error, warn};

use super::connection::{self, Shared};
use super::drain::Drain;
use super::limits::Limits;
use super::log;
use super::metrics::{Metrics, Rejection};
use super::pace::Pace;
use crate::certificates::clients::{Clients, Stranger};

/// How long to leave the listener alone when it can't accept.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Clone)]
pub struct Tls {
    pub acceptor: TlsAcceptor,
    /// Who may call, if not everybody.
    pub clients: Option<Arc<Clients>>,
}

pub struct Listener {
    pub socket: TcpListener,
    /// Plain HTTP without.
    pub tls: Option<Tls>,
    pub router: Router,
    pub limits: Limits,
    /// How many connections are open.
    pub open: Gauge,
    pub metrics: Arc<Metrics>,
    pub drain: Arc<Drain>,
}

impl Listener {
    /// Accepts until the drain closes, then awaits what still runs, with a bound.
    pub async fn run(self) {
        let Self { socket, tls, router, limits, open, metrics, drain } = self;
        let finish = limits.finish;
        let max = limits.connections;
        let shared = Arc::new(Shared {
            limits,
            drain: Arc::clone(&drain),
            crowded: Notify::new(),
            metrics: Arc::clone(&metrics),
        });
        let mut closed = pin!(drain.closed());
        let mut connections = JoinSet::new();
        loop {
            if connections.len() >= max {
                shared.crowded.notify_waiters();
            }
            tokio::select! {
                accepted = socket.accept(), if connections.len() < max => match accepted {
                    Ok((stream, _)) => {
                        open.inc();
                        let (tls, router) = (tls.clone(), router.clone());
                        connections.spawn(serve(stream, tls, router, Arc::clone(&shared)));
                    }
                    Err(error) => {
                        if !concerns_one_connection(&error) {
                            warn!(%error, "cannot accept connections");
                            shared.crowded.notify_waiters();
                            sleep(PAUSE).await;
                        }
                    }
                },
                Some(ended) = connections.join_next() => {
                    open.dec();
                    note_panic(ended, &metrics);
                }
                () = sleep(PAUSE), if connections.len() >= max => {}
                () = closed.as_mut() => break,
            }
        }
        drop(socket);
        let finished = timeout(finish, async {
            while let Some(ended) = connections.join_next().await {
                open.dec();
                note_panic(ended, &metrics);
            }
        });
        if finished.await.is_err() {
            warn!(connections = connections.len(), "cut what had not finished after {finish:?}");
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
        error!("a connection was cut since serving it panicked");
    }
}

async fn serve(stream: TcpStream, tls: Option<Tls>, router: Router, shared: Arc<Shared>) {
    // Answers are small and complete: waiting for more to send only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "cannot set TCP_NODELAY");
    }
    let pace = Pace::new();
    match tls {
        None => connection::serve(stream, router, None, pace, &shared).await,
        Some(tls) => {
            if let Some(stream) = shake_hands(stream, &tls.acceptor, &pace, &shared).await {
                let stranger = tls.clients.and_then(|clients| stranger(&clients, &stream));
                connection::serve(stream, router, stranger, pace, &shared).await;
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
    tls: &TlsAcceptor,
    pace: &Pace,
    shared: &Shared,
) -> Option<TlsStream<TcpStream>> {
    let client = stream.peer_addr().ok();
    let mut handshake = pin!(timeout(shared.limits.handshake, tls.accept(stream)));
    loop {
        tokio::select! {
            done = handshake.as_mut() => match done {
                Ok(Ok(stream)) => return Some(stream),
                Ok(Err(error)) => {
                    log_failed_handshake(client, &error, &shared.metrics);
                    return None;
                }
                Err(_) => return None,
            },
            () = shared.crowded.notified() => if shared.gives_way(pace) {
                return None;
            },
        }
    }
}

/// Port scans and probes end a handshake in many ways; only a client that looked at the certificate
/// and refused it is worth a warning, and one whose own certificate was refused a line.
fn log_failed_handshake(client: Option<SocketAddr>, error: &io::Error, metrics: &Metrics) {
    let reason = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match reason {
        Some(rustls::Error::AlertReceived(
            alert @ (AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown),
        )) => warn!(
            ?alert,
            "a client refused the certificate: does the caBundle of the webhook configuration \
             match it?"
        ),
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
