//! The server is ready if the certificate is valid now, a TLS handshake with itself got this certificate, and it is
//! not about to stop.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::drain::Drain;
use super::self_dial::{self, Caller};
use crate::certificates::clients::Clients;
use crate::certificates::pair::Defect;
use crate::certificates::served::Served;

/// How often the server tries the handshake while the handshake works, and while it does not.
const PROVE_EVERY: Duration = Duration::from_secs(10);
const RETRY_EVERY: Duration = Duration::from_millis(500);
const DIAL_TIMEOUT: Duration = Duration::from_secs(2);
/// Failures in a row after which a ready server becomes unready: one slow handshake under load must not send the load to
/// the other replicas.
const FAILURES: u32 = 3;

#[derive(Debug)]
pub struct Readiness {
    certificate: Arc<Served>,
    clients: Option<Arc<Clients>>,
    drain: Arc<Drain>,
    proof: ArcSwap<Proof>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Proof {
    Awaited,
    Given,
    Failed(String),
}

/// Why the server is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unready {
    Leaving,
    /// No managed certificate is trusted by the API server yet.
    NoCertificate,
    Certificate(Defect),
    NotProved,
    Unproved(String),
}

impl Readiness {
    #[must_use]
    pub fn new(certificate: Arc<Served>, clients: Option<Arc<Clients>>, drain: Arc<Drain>) -> Arc<Self> {
        Arc::new(Self { certificate, clients, drain, proof: ArcSwap::from_pointee(Proof::Awaited) })
    }

    /// # Errors
    /// Why the server is not ready.
    pub fn check(&self) -> Result<(), Unready> {
        if self.drain.is_leaving() {
            return Err(Unready::Leaving);
        }
        let current = self.certificate.current().ok_or(Unready::NoCertificate)?;
        current.validity.at(self.certificate.now()).map_err(Unready::Certificate)?;
        match &**self.proof.load() {
            Proof::Given => Ok(()),
            Proof::Awaited => Err(Unready::NotProved),
            Proof::Failed(why) => Err(Unready::Unproved(why.clone())),
        }
    }

    /// Tries a handshake with `https`, as this caller, at intervals and whenever the certificate is swapped.
    pub async fn keep_proving(self: Arc<Self>, https: SocketAddr, caller: Arc<Caller>) {
        let mut swaps = self.certificate.swaps();
        let mut failures = 0;
        loop {
            if self.certificate.current().is_none() {
                // It fails only when the sender is gone, and the sender is in `self`.
                let _ = swaps.changed().await;
            }
            let dial = self_dial::dial(https, &self.certificate, self.clients.as_deref(), &caller);
            let dialled = timeout(DIAL_TIMEOUT, dial);
            let pause = match dialled.await.unwrap_or_else(|_| Err("timed out".to_owned())) {
                Ok(()) => {
                    failures = 0;
                    self.prove(Proof::Given);
                    PROVE_EVERY
                }
                Err(why) => {
                    failures += 1;
                    if failures >= FAILURES {
                        self.prove(Proof::Failed(why));
                    }
                    RETRY_EVERY
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                // It fails only when the sender is gone, and the sender is in `self`.
                _ = swaps.changed() => {}
            }
        }
    }

    fn prove(&self, proof: Proof) {
        if **self.proof.load() == proof {
            return;
        }
        if let Proof::Failed(why) = &proof {
            warn!(why, "not ready: the server cannot reach itself over TLS");
        } else {
            info!("the server reached itself over TLS and got its certificate");
        }
        self.proof.store(Arc::new(proof));
    }
}

impl fmt::Display for Unready {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaving => to.write_str("the server is stopping"),
            Self::NoCertificate => to.write_str(
                "no certificate yet: one must be in the Secret, and its CA in both webhook configurations",
            ),
            Self::Certificate(defect) => write!(to, "{defect}"),
            Self::NotProved => to.write_str("the server has not reached itself over TLS yet"),
            Self::Unproved(why) => write!(to, "the server cannot reach itself over TLS: {why}"),
        }
    }
}
