//! `constant-answer CERTIFICATE KEY`: the least that a webhook could do. TLS, HTTP/1.1, the body is
//! read and thrown away, and the answer is always the same but for the UID, without which no API server
//! takes it: that is copied from where kube-apiserver writes it. No limits, no deadlines, no metrics.

use std::env;
use std::sync::Arc;

use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::body::{Buf, Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const BEFORE_UID: &[u8] =
    br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":""#;
const BEHIND_UID: &[u8] = br#"","allowed":true}}"#;
/// What stands before the UID in a request of kube-apiserver, and how long a UID is.
const BEGINNING: &[u8] =
    br#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":""#;
const UID: usize = 36;

fn main() -> anyhow::Result<()> {
    let mut files = env::args().skip(1);
    let certificate = files.next().context("which certificate?")?;
    let key = files.next().context("which key?")?;
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
    // as the webhook has it
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(async { tokio::spawn(serve(TlsAcceptor::from(Arc::new(config)))).await? })
}

async fn serve(tls: TlsAcceptor) -> anyhow::Result<()> {
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    eprintln!("https listening on {}", socket.local_addr()?);
    loop {
        let (stream, _) = socket.accept().await?;
        stream.set_nodelay(true)?;
        let tls = tls.clone();
        tokio::spawn(async move {
            if let Ok(stream) = tls.accept(stream).await {
                let http = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
                // The client leaves when it likes.
                let _ = http.await;
            }
        });
    }
}

async fn answer(request: Request<Incoming>) -> hyper::Result<Response<Full<Bytes>>> {
    let body = request.into_body().collect().await?.aggregate();
    let uid = body.chunk().get(BEGINNING.len()..BEGINNING.len() + UID).unwrap_or_default();
    let mut response = Response::new(Full::from([BEFORE_UID, uid, BEHIND_UID].concat()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
