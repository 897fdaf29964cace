//! Bytes from sockets in, answers out: HTTPS for the API server, plain HTTP for operators.
//!
//! [`Server::bind`] opens both listeners, and [`Server::run`] serves until the drain ends. A request passes through
//! these modules: [`listener`] accepts the connection, and [`crowd`] runs it; newcomers wait in [`mod@line`] for a
//! place, and [`patrol`] ends connections that are too slow or whose place somebody else needs. [`handshake`] does
//! TLS, [`connection`] speaks HTTP, [`reviews`] reads the body and asks the [`Judge`], and [`log`] and [`metrics`]
//! keep the record.

mod body;
mod buffers;
pub mod connection;
mod crowd;
pub mod deadline;
pub(crate) mod descriptors;
pub mod drain;
mod handshake;
pub mod limits;
mod line;
mod listen;
mod listener;
mod log;
pub mod metrics;
pub mod ops;
pub mod pace;
mod patrol;
mod queue;
pub mod readiness;
mod refusal;
pub mod reviews;
mod room;
mod self_dial;
mod source;
mod worth;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tracing::info;

use crate::certificates::clients::Clients;
use crate::certificates::served::Served;
use crate::policy::Active;
use crate::traces::Traces;
use drain::Drain;
use limits::Limits;
use listener::{Listener, Tls};
use metrics::Metrics;
use modelendpoint_core::admission::{Answer, Hook, NoUid};
use modelendpoint_core::endpoint::Policy;
use readiness::Readiness;
use reviews::Reviews;
use self_dial::Caller;

/// Answers a review: [`modelendpoint_core::admission::answer`], or a replacement in a test.
pub type Judge = for<'a> fn(&Policy, Hook, &'a [u8]) -> Result<Answer<'a>, NoUid>;

/// The parts of a server.
#[derive(Debug)]
pub struct Parts {
    /// Where to serve HTTPS.
    pub listen: SocketAddr,
    /// Where to serve `/livez`, `/readyz` and `/metrics`.
    pub ops_listen: SocketAddr,
    pub limits: Limits,
    pub certificate: Arc<Served>,
    /// The clients that may call. `None` if everybody who reaches the port may.
    pub clients: Option<Arc<Clients>>,
    pub judge: Judge,
    pub policy: Arc<Active>,
    pub metrics: Arc<Metrics>,
    pub traces: Option<Traces>,
    pub drain: Arc<Drain>,
}

/// A server whose sockets are open. Nothing is answered before [`Server::run`].
#[derive(Debug)]
pub struct Server {
    https: TcpListener,
    ops: TcpListener,
    parts: Parts,
}

impl Server {
    /// Opens both listeners. Call it within a Tokio runtime.
    ///
    /// # Errors
    /// When one can't be opened; the message is for the person who started the server.
    pub fn bind(parts: Parts) -> anyhow::Result<Self> {
        let https = listen::open("--listen", parts.listen)?;
        let ops = listen::open("--ops-listen", parts.ops_listen)?;
        Ok(Self { https, ops, parts })
    }

    /// Where HTTPS is served, with the actual port.
    ///
    /// # Errors
    /// When the operating system does not know.
    pub fn https_address(&self) -> io::Result<SocketAddr> {
        self.https.local_addr()
    }

    /// Where operators are served, with the actual port.
    ///
    /// # Errors
    /// When the operating system does not know.
    pub fn ops_address(&self) -> io::Result<SocketAddr> {
        self.ops.local_addr()
    }

    /// Serves until [`Drain`] says to close, then awaits what still runs, with a bound.
    ///
    /// # Errors
    /// When the operating system does not know where the sockets are.
    pub async fn run(self) -> io::Result<()> {
        let (https_address, ops_address) = (self.https_address()?, self.ops_address()?);
        let Parts { limits, certificate, clients, judge, policy, metrics, traces, drain, .. } = self.parts;

        let readiness = Readiness::new(Arc::clone(&certificate), clients.clone(), Arc::clone(&drain));
        let ourselves = Arc::new(Caller::default());
        let proving = Arc::clone(&readiness).keep_proving(https_address, Arc::clone(&ourselves));
        let https = Listener {
            socket: self.https,
            tls: Some(Tls { config: Arc::new(certificate.tls_config(clients.as_ref())), clients }),
            handler: Reviews::new(judge, policy, &limits, &metrics, traces),
            limits: limits.clone(),
            ourselves,
            own_metrics: metrics.https.clone(),
            metrics: Arc::clone(&metrics),
            drain: Arc::clone(&drain),
        };
        let ops = Listener {
            socket: self.ops,
            tls: None,
            handler: ops::router(readiness, &metrics),
            limits: limits.for_operators(),
            ourselves: Arc::default(),
            own_metrics: metrics.ops.clone(),
            metrics,
            drain: Arc::new(Drain::default()),
        };
        info!("https listening on {https_address}");
        info!("ops (http) listening on {ops_address}");
        tokio::select! {
            () = https.run() => {}
            () = ops.run() => {}
            () = proving => {}
        }
        Ok(())
    }
}
