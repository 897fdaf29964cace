//! The pair that every handshake gets, behind one pointer. A swap affects no open connection.

use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use super::clients::Clients;
use super::clock::Clock;
use super::pair::Pair;
use crate::tls;

#[derive(Debug)]
pub struct Served {
    current: ArcSwapOption<Pair>,
    clock: Arc<Clock>,
    swaps: watch::Sender<()>,
}

impl Served {
    #[must_use]
    pub fn new(pair: Pair) -> Arc<Self> {
        Self::starting_with(Some(pair), Arc::default())
    }

    /// Without a pair: handshakes fail until the first swap. `clock` has the time by which clients check the pair.
    #[must_use]
    pub fn empty(clock: Arc<Clock>) -> Arc<Self> {
        Self::starting_with(None, clock)
    }

    fn starting_with(pair: Option<Pair>, clock: Arc<Clock>) -> Arc<Self> {
        let (swaps, _) = watch::channel(());
        Arc::new(Self { current: ArcSwapOption::from_pointee(pair), clock, swaps })
    }

    /// The time by which clients check what is served.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.clock.now()
    }

    #[must_use]
    pub fn current(&self) -> Option<Arc<Pair>> {
        self.current.load_full()
    }

    pub fn swap(&self, pair: Pair) {
        self.current.store(Some(Arc::new(pair)));
        self.swaps.send_replace(());
    }

    /// Changes each time after a swap.
    #[must_use]
    pub fn swaps(&self) -> watch::Receiver<()> {
        self.swaps.subscribe()
    }

    /// TLS 1.2 and 1.3 with rustls' defaults, HTTP/1.1 by ALPN, and the pair that is current at each handshake. With
    /// `clients`, only those may connect.
    #[must_use]
    pub fn tls_config(self: &Arc<Self>, clients: Option<&Arc<Clients>>) -> ServerConfig {
        let config = match clients {
            Some(clients) => tls::server().with_client_cert_verifier(Arc::clone(clients) as _),
            None => tls::server().with_no_client_auth(),
        };
        let mut config = config.with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // The API server never resumes a session, so nobody needs tickets.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.load().as_ref().map(|pair| Arc::clone(&pair.certified))
    }
}
