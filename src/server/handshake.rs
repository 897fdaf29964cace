//! The TLS handshake of a new connection, and what it says about the client.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::server::Acceptor;
use rustls::{AlertDescription, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{debug, warn};

use super::log;
use super::metrics::{Metrics, Rejection};
use super::pace::{Delivered, Pace};
use crate::certificates::clients::{Clients, Stranger, valid_until};
use crate::telemetry::quota::LineKind;

/// Returns nothing when the handshake failed, which is logged and counted here.
pub(super) async fn shake_hands<'a>(
    stream: &'a mut TcpStream,
    client: SocketAddr,
    config: &Arc<ServerConfig>,
    pace: &Pace,
    metrics: &Metrics,
) -> Option<TlsStream<&'a mut TcpStream>> {
    let shaken = async {
        let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        pace.delivered(Delivered::Bytes);
        begun.into_stream(Arc::clone(config)).await
    };
    match shaken.await {
        Ok(stream) => Some(stream),
        Err(error) => {
            record_failure(client, &error, metrics);
            None
        }
    }
}

/// Tells `pace` until when the client's certificate is valid. Returns the client's names if the CA vouches for it
/// but it may not call.
pub(super) fn check_client<S>(clients: &Clients, stream: &TlsStream<S>, pace: &Pace) -> Option<Stranger> {
    let Some(leaf) = stream.get_ref().1.peer_certificates().and_then(<[_]>::first) else {
        return Some(Stranger::default());
    };
    if let Some(end) = valid_until(leaf) {
        pace.trust_until(end);
    }
    clients.admit(leaf).err()
}

/// Port scans and probes end a handshake in many ways. Only a client that saw the certificate and refused it is
/// worth a warning, and one whose own certificate was refused is worth a line.
fn record_failure(client: SocketAddr, error: &io::Error, metrics: &Metrics) {
    let reason = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match reason {
        Some(rustls::Error::AlertReceived(
            alert @ (AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown),
        )) => LineKind::Handshake.line(|| {
            warn!(
                ?alert,
                "a client refused the certificate: does the caBundle of the webhook configuration \
                 match it?"
            );
        }),
        Some(rustls::Error::NoCertificatesPresented) => {
            metrics.rejections.inc(Rejection::NoCertificate);
            log::record_rejection(client, "it presented no certificate");
        }
        Some(rustls::Error::InvalidCertificate(why)) => {
            metrics.rejections.inc(Rejection::BadCertificate);
            log::record_rejection(client, &why.to_string());
        }
        _ => debug!(%error, "handshake failed"),
    }
}
