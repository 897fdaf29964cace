//! A TLS handshake with our own listener, which proves that it serves the certificate that we think
//! it does, and holds its key.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::listen::reachable;
use crate::certificates::clients::Clients;
use crate::certificates::served::Served;

/// # Errors
/// Why there was no handshake, or not with the certificate that is served now.
pub async fn dial(https: SocketAddr, served: &Arc<Served>, clients: Option<&Clients>) -> Result<(), String> {
    let dialled = async {
        let stream = TcpStream::connect(&*reachable(https)).await?;
        let name = ServerName::IpAddress(stream.peer_addr()?.ip().into());
        let config = client(served, clients).map_err(io::Error::other)?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    };
    dialled.await.map(drop).map_err(|error| error.to_string())
}

fn client(served: &Arc<Served>, clients: Option<&Clients>) -> Result<ClientConfig, Error> {
    let provider = aws_lc_rs::default_provider();
    let verifier =
        OurOwn { served: Arc::clone(served), algorithms: provider.signature_verification_algorithms };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .expect("aws-lc-rs supports TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some((certificate, key)) = clients.map(Clients::ourselves) else {
        return Ok(config.with_no_client_auth());
    };
    config.with_client_auth_cert(certificate, key)
}

/// Accepts the chain that is served now, byte for byte, and nothing else. Who issued it, for which
/// name, is for the API server to judge.
#[derive(Debug)]
struct OurOwn {
    served: Arc<Served>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for OurOwn {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let served = self.served.current();
        let presented = std::iter::once(end_entity).chain(intermediates);
        if served.is_some_and(|served| presented.eq(&served.certified.cert)) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
