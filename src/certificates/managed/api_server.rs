//! The API server of the cluster that this runs in, called with the rights of the pod's service account.
//!
//! `kube::Config` would bring kubeconfigs along, with YAML, plugins and regular expressions: a seventh of
//! the program, for what a pod never has. Here, the environment says where the API server is, as an IP
//! address, and two mounted files say who it is and who we are. Both are read for every request, since
//! kubelet renews them and there are few requests.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::Client;
use kube::client::Body;
use tower::service_fn;

use crate::certificates::clock::Clock;
use crate::tls;
use modelendpoint_files::{Accept, MOUNTED};

/// For a connection, and for anything that was sent to be acknowledged.
const SILENCE: Duration = Duration::from_secs(10);

type Connections = Http<HttpsConnector<HttpConnector>, Body>;

#[derive(Debug)]
struct ApiServer {
    url: String,
    service_account: PathBuf,
    /// The CA that the connections trust, and the connections.
    connections: Mutex<Option<(Vec<u8>, Connections)>>,
}

/// A client with the token and the CA in a directory, as kubelet mounts them, and with the time of the API
/// server by `clock`.
///
/// # Errors
/// When this runs in no cluster, for the person who started it.
pub fn client(service_account: &Path, clock: &Arc<Clock>) -> anyhow::Result<Client> {
    let api_server = Arc::new(ApiServer {
        url: url()?,
        service_account: service_account.to_owned(),
        connections: Mutex::new(None),
    });
    api_server.connections().map_err(|error| {
        anyhow!(
            "cannot use the service account in {}: {error}; --managed-certs needs a pod with its token mounted",
            service_account.display()
        )
    })?;
    let clock = Arc::clone(clock);
    let call = move |request| {
        let prepared = api_server.prepare(request);
        let clock = Arc::clone(&clock);
        async move {
            let (connections, request) = prepared?;
            let sent = Instant::now();
            let response = connections.request(request).await.map_err(io::Error::other)?;
            // A server error may come from something in between.
            if !response.status().is_server_error() {
                clock.hear(response.headers(), sent, Instant::now());
            }
            Ok::<_, io::Error>(response)
        }
    };
    Ok(Client::new(service_fn(call), "default"))
}

/// By the environment that kubelet gives every container, which names an address: a static program can't
/// be sure to resolve names.
fn url() -> anyhow::Result<String> {
    let variable = |name| {
        env::var(name).with_context(|| format!("--managed-certs runs in a cluster only: {name} is not set"))
    };
    let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Ok(format!("https://{host}:{port}"))
}

impl ApiServer {
    /// The request with the whole URL and the token, and what to send it by.
    fn prepare(&self, mut request: Request<Body>) -> io::Result<(Connections, Request<Body>)> {
        let token = self.read("token")?;
        let token = str::from_utf8(&token).map_err(io::Error::other)?;
        let mut token =
            HeaderValue::try_from(format!("Bearer {}", token.trim())).map_err(io::Error::other)?;
        token.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, token);
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = Uri::try_from(format!("{}{path}", self.url)).map_err(io::Error::other)?;
        Ok((self.connections()?, request))
    }

    /// New ones when the CA has changed.
    fn connections(&self) -> io::Result<Connections> {
        let ca = self.read("ca.crt")?;
        let mut current = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some((trusted, connections)) if *trusted == ca => Ok(connections.clone()),
            _ => {
                let connections = connect(&ca)?;
                *current = Some((ca, connections.clone()));
                Ok(connections)
            }
        }
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        modelendpoint_files::read(&self.service_account.join(name), Accept::Regular, MOUNTED)
    }
}

fn connect(ca: &[u8]) -> io::Result<Connections> {
    let certificates = tls::certificates(ca).map_err(io::Error::other)?;
    let roots = tls::roots(certificates).map_err(io::Error::other)?;
    let tls = tls::client().with_root_certificates(roots).with_no_client_auth();
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_connect_timeout(Some(SILENCE));
    http.set_keepalive(Some(SILENCE));
    http.set_keepalive_interval(Some(SILENCE));
    http.set_keepalive_retries(Some(3));
    http.set_tcp_user_timeout(Some(3 * SILENCE));
    let https =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().wrap_connector(http);
    Ok(Http::builder(TokioExecutor::new()).build(https))
}
