//! A client of the API server of the cluster that this runs in, with the rights of the pod's service account.
//!
//! kube reads the token and the CA again each minute, since the kubelet renews them. Unlike with
//! `kube::Config::incluster`, the files may be in another directory, a connection ends if the other side acknowledges
//! nothing, and the time is taken from each response ([`Clock`]).

use std::env;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use axum::http::{Request, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Http, Error};
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt};
use kube::config::AuthInfo;
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder, service_fn};

use crate::certificates::clock::Clock;
use crate::tls;
use modelendpoint_files::{Accept, MOUNTED};

/// How long it may take to connect, and to get an acknowledgement of what was sent.
const SILENCE: Duration = Duration::from_secs(10);

/// A client with the token and the CA in a directory, as the kubelet mounts them. `clock` gets the time from each
/// response.
///
/// # Errors
/// If this does not run in a cluster. The message is for the person who started it.
pub(crate) fn client(service_account: &Path, clock: &Arc<Clock>) -> anyhow::Result<Client> {
    let config = config(url()?, service_account).map_err(|error| {
        anyhow!(
            "cannot use the service account in {}: {error:#}; --managed-certs needs a pod with its token mounted",
            service_account.display()
        )
    })?;
    let https = config.rustls_https_connector_with_connector(tcp())?;
    let connections = Http::builder(TokioExecutor::new()).build(https);
    let clock = Arc::clone(clock);
    let send = service_fn(move |request: Request<Body>| {
        let (connections, clock) = (connections.clone(), Arc::clone(&clock));
        async move {
            let sent = Instant::now();
            let response = connections.request(request).await?;
            // A server error may come from something in between.
            if !response.status().is_server_error() {
                clock.hear(response.headers(), sent, Instant::now());
            }
            Ok::<_, Error>(response)
        }
    });
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .map_err(BoxError::from)
        .service(send);
    Ok(Client::new(service, config.default_namespace))
}

/// Reads the files once before kube does, so that neither a pipe nor a huge file can stop the start.
fn config(url: Uri, service_account: &Path) -> anyhow::Result<Config> {
    let (ca, token) = (service_account.join("ca.crt"), service_account.join("token"));
    modelendpoint_files::read(&token, Accept::Regular, MOUNTED)?;
    let pem = modelendpoint_files::read(&ca, Accept::Regular, MOUNTED)?;
    let certificates = tls::certificates(&pem).map_err(io::Error::other)?;
    let mut config = Config::new(url);
    config.root_cert = Some(certificates.iter().map(|certificate| certificate.to_vec()).collect());
    config.root_cert_file = Some(ca);
    let token_file = Some(token.to_str().context("the path is not UTF-8")?.to_owned());
    config.auth_info = AuthInfo { token_file, ..AuthInfo::default() };
    Ok(config)
}

/// The address in the environment that the kubelet sets in every container. It is an IP address, so that no name has
/// to be resolved, which may fail in a static program.
fn url() -> anyhow::Result<Uri> {
    let variable = |name| {
        env::var(name).with_context(|| format!("--managed-certs works only in a cluster: {name} is not set"))
    };
    let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Ok(Uri::try_from(format!("https://{host}:{port}"))?)
}

/// Connections that end when the other side has been silent for too long.
fn tcp() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(SILENCE));
    tcp.set_keepalive(Some(SILENCE));
    tcp.set_keepalive_interval(Some(SILENCE));
    tcp.set_keepalive_retries(Some(3));
    tcp.set_tcp_user_timeout(Some(3 * SILENCE));
    tcp
}
