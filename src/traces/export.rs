//! Batches of spans in, one HTTP request each out, over a connection of its own.
//!
//! The SDK calls from a thread of its own; the request runs on the server's runtime.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use axum::http::Uri;
use axum::http::header::HOST;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tracing::{info, warn};

use super::variable;
use crate::tls;
use modelendpoint_files::{Accept, MOUNTED};

/// Of a collector's answer, which is empty or a sentence.
const MOST_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub struct Client {
    runtime: Handle,
    timeout: Duration,
    /// For `https`.
    tls: Option<Trust>,
    failing: AtomicBool,
}

impl Client {
    /// # Errors
    /// Which variable to change.
    pub fn from_environment(runtime: Handle, endpoint: &str) -> anyhow::Result<Self> {
        let uri: Uri = endpoint
            .parse()
            .with_context(|| format!("OTEL_EXPORTER_OTLP_ENDPOINT: {endpoint:?} is no url"))?;
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => Some(Trust::from_environment()?),
            _ => bail!("OTEL_EXPORTER_OTLP_ENDPOINT: {endpoint:?} has to begin with http:// or https://"),
        };
        let milliseconds = variable("TIMEOUT").and_then(|text| text.parse().ok()).unwrap_or(10_000);
        let timeout = Duration::from_millis(milliseconds);
        Ok(Self { runtime, timeout, tls, failing: AtomicBool::new(false) })
    }

    /// One line when it begins to fail, and one when it works again.
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
        let sending = timeout_after(self.timeout, send(request, self.tls.clone()));
        let result = self.runtime.spawn(sending).await?;
        self.note(&result);
        result
    }
}

async fn timeout_after(
    limit: Duration,
    sending: impl Future<Output = Result<Response<Bytes>, HttpError>>,
) -> Result<Response<Bytes>, HttpError> {
    timeout(limit, sending).await.unwrap_or_else(|_| Err("the collector took too long".into()))
}

async fn send(request: Request<Bytes>, tls: Option<Trust>) -> Result<Response<Bytes>, HttpError> {
    let authority = request.uri().authority().ok_or("a url without a host")?.clone();
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let port = authority.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    let tcp = TcpStream::connect((host.as_str(), port)).await?;
    match tls {
        None => exchange(request, authority.as_str(), tcp).await,
        Some(Trust(config)) => {
            let name = ServerName::try_from(host)?;
            exchange(request, authority.as_str(), TlsConnector::from(config).connect(name, tcp).await?).await
        }
    }
}

async fn exchange<Stream>(
    request: Request<Bytes>,
    authority: &str,
    stream: Stream,
) -> Result<Response<Bytes>, HttpError>
where
    Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let (mut head, body) = request.into_parts();
    head.headers.insert(HOST, authority.parse()?);
    head.uri = head.uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
    let exchanging = async {
        let response = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MOST_BYTES).collect().await?.to_bytes();
        Ok(Response::from_parts(head, body))
    };
    tokio::pin!(exchanging, connection);
    tokio::select! {
        result = exchanging.as_mut() => result,
        // The rest of an answer may still be in the connection's buffers.
        ended = connection => { ended?; exchanging.await }
    }
}

#[derive(Debug, Clone)]
struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Trusts the CA of `OTEL_EXPORTER_OTLP_CERTIFICATE`: the image has no list of its own.
    fn from_environment() -> anyhow::Result<Self> {
        let file = variable("CERTIFICATE")
            .context("OTEL_EXPORTER_OTLP_CERTIFICATE is missing: the CA of the https:// collector, in PEM")?;
        let unreadable = || format!("cannot use OTEL_EXPORTER_OTLP_CERTIFICATE {file}");
        let pem =
            modelendpoint_files::read(Path::new(&file), Accept::Regular, MOUNTED).with_context(unreadable)?;
        let certificates = tls::certificates(&pem).map_err(io::Error::other).with_context(unreadable)?;
        let roots = tls::roots(certificates).with_context(unreadable)?;
        let config = tls::client().with_root_certificates(roots).with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}
