//! Batches of spans in, one HTTP request each out.
//!
//! The SDK calls from a thread of its own; the request runs on the server's runtime. hyper-util's client does the
//! work. `opentelemetry-http` has one on top of it, but its feature `hyper` turns on HTTP/2, a stack of its own that
//! nothing else here needs.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use axum::http::Uri;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use rustls::RootCertStore;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tracing::{info, warn};

use super::variable;
use crate::tls;
use modelendpoint_files::{Accept, MOUNTED};

/// Limit for a collector's answer, which is empty or a sentence.
const MOST_BYTES: usize = 64 * 1024;

type Connections = Http<HttpsConnector<HttpConnector>, Full<Bytes>>;

#[derive(Debug)]
pub(super) struct Client {
    runtime: Handle,
    timeout: Duration,
    connections: Connections,
    failing: AtomicBool,
}

impl Client {
    /// # Errors
    /// Which variable to change.
    pub(super) fn from_environment(runtime: Handle, endpoint: &str) -> anyhow::Result<Self> {
        let uri: Uri = endpoint
            .parse()
            .with_context(|| format!("OTEL_EXPORTER_OTLP_ENDPOINT: {endpoint:?} is not a url"))?;
        let roots = match uri.scheme_str() {
            Some("http") => RootCertStore::empty(),
            Some("https") => roots()?,
            _ => bail!("OTEL_EXPORTER_OTLP_ENDPOINT: {endpoint:?} must begin with http:// or https://"),
        };
        let milliseconds = variable("TIMEOUT").and_then(|text| text.parse().ok()).unwrap_or(10_000);
        let timeout = Duration::from_millis(milliseconds);
        Ok(Self { runtime, timeout, connections: connections(roots), failing: AtomicBool::new(false) })
    }

    /// Logs one line when exports begin to fail, and one when they work again.
    fn note(&self, result: &Result<Response<Bytes>, HttpError>) {
        let failure = match result {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("the collector answered {}", response.status())),
            Err(error) => Some(error.to_string()),
        };
        let failed = self.failing.swap(failure.is_some(), Relaxed);
        match failure {
            Some(reason) if !failed => warn!(reason, "traces are not exported"),
            None if failed => info!("traces are exported again"),
            _ => {}
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (connections, limit) = (self.connections.clone(), self.timeout);
        let sending = async move {
            let exchanged = timeout(limit, exchange(&connections, request)).await;
            exchanged.unwrap_or_else(|_| Err("the collector took too long".into()))
        };
        let result = self.runtime.spawn(sending).await?;
        self.note(&result);
        result
    }
}

async fn exchange(connections: &Connections, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let sent = connections.request(request.map(Full::new)).await.map_err(anyhow::Error::from);
    // hyper-util's error says where it failed, and only its cause says why.
    let (head, body) = sent.map_err(|error| error.root_cause().to_string())?.into_parts();
    let body = Limited::new(body, MOST_BYTES).collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}

/// Connections that are closed after one request: batches are seconds apart, and a collector may close an idle
/// connection just when the next one is sent.
fn connections(roots: RootCertStore) -> Connections {
    let tls = tls::client().with_root_certificates(roots).with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    Http::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)
}

/// The CA of `OTEL_EXPORTER_OTLP_CERTIFICATE`: the image has no list of well-known ones.
fn roots() -> anyhow::Result<RootCertStore> {
    let file = variable("CERTIFICATE")
        .context("OTEL_EXPORTER_OTLP_CERTIFICATE is missing: the CA of the https:// collector, in PEM")?;
    let unusable = || format!("cannot use OTEL_EXPORTER_OTLP_CERTIFICATE {file}");
    let pem = modelendpoint_files::read(Path::new(&file), Accept::Regular, MOUNTED).with_context(unusable)?;
    let certificates = tls::certificates(&pem).map_err(io::Error::other).with_context(unusable)?;
    tls::roots(certificates).with_context(unusable)
}
