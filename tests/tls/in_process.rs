//! A server in this process, for settings that the binary has no flag for: another judge, smaller limits.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use modelendpoint_core::endpoint::Policy;
use modelendpoint_issuer::issue_once;
use modelendpoint_webhook::certificates::pair::Pair;
use modelendpoint_webhook::certificates::served::Served;
use modelendpoint_webhook::policy::Active;
use modelendpoint_webhook::server::drain::Drain;
use modelendpoint_webhook::server::limits::Limits;
use modelendpoint_webhook::server::metrics::Metrics;
use modelendpoint_webhook::server::{Judge, Parts, Server};
use modelendpoint_webhook::telemetry::Dropped;
use modelendpoint_webhook::traces::Traces;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::task::JoinHandle;

use test_support::client::{self, Client};

pub(crate) struct InProcess {
    pub client: Client,
    pub https: SocketAddr,
    pub certificate: Arc<Served>,
    pub drain: Arc<Drain>,
    /// Ends when the server does.
    pub running: JoinHandle<io::Result<()>>,
    ops: SocketAddr,
}

/// Serves until the drain begins, or the test's runtime ends.
pub(crate) fn serve(judge: Judge, limits: Limits) -> InProcess {
    serve_traced(judge, limits, None)
}

pub(crate) fn serve_traced(judge: Judge, limits: Limits, traces: Option<Traces>) -> InProcess {
    let issued = issue_once(vec!["localhost".to_owned()], 1).expect("a certificate");
    let pair =
        Pair::from_pem(issued.leaf.certificate.as_bytes(), issued.leaf.key.as_bytes()).expect("a pair");
    let certificate = Served::new(pair);
    let drain = Arc::new(Drain::default());
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::bind(Parts {
        listen: anywhere,
        ops_listen: anywhere,
        limits,
        certificate: Arc::clone(&certificate),
        clients: None,
        judge,
        policy: Active::new(Policy::NONE),
        metrics: Arc::new(Metrics::new(Dropped::default())),
        traces,
        drain: Arc::clone(&drain),
    })
    .expect("free ports");
    let https = server.https_address().expect("a port");
    let ops = server.ops_address().expect("a port");
    let running = tokio::spawn(server.run());
    let ca = CertificateDer::from_pem_slice(issued.ca.as_bytes()).expect("a CA");
    InProcess { client: Client::new(https, vec![ca]), https, certificate, drain, running, ops }
}

impl InProcess {
    /// Whether this line is in `/metrics`.
    pub(crate) async fn counts(&self, line: &str) -> bool {
        client::get(self.ops, "/metrics").await.body.lines().any(|written| written == line)
    }
}
