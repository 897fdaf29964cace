//! A server with the webhook's certificate that answers every request with something that is no answer.

use std::ffi::OsString;
use std::sync::Arc;

use anyhow::{Context, Result};
use control_plane::WebhookCertificates;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

/// Serves until it is dropped.
pub(crate) struct Garbage {
    port: u16,
    task: AbortHandle,
}

impl Garbage {
    pub(crate) async fn serve(certificates: &WebhookCertificates) -> Result<Self> {
        let [certificate, key] = ["--tls-cert", "--tls-key"].map(|flag| {
            let arguments = certificates.serve_arguments();
            let at = arguments.iter().position(|argument| argument == flag);
            at.and_then(|at| arguments.get(at + 1)).cloned()
        });
        let (certificate, key): (OsString, OsString) =
            (certificate.context("a certificate")?, key.context("a key")?);
        let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(socket).await else { return };
                    let mut request = vec![0; 64 * 1024];
                    while stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\ngarbage";
                        if stream.write_all(answer).await.is_err() || stream.flush().await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Ok(Garbage { port, task: task.abort_handle() })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Garbage {
    fn drop(&mut self) {
        self.task.abort();
    }
}
