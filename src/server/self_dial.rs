//! A TLS handshake with the server's own listener. It proves that the listener serves the current certificate and has
//! its key.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use super::listen::{canonical, reachable};
use crate::certificates::clients::Clients;
use crate::certificates::served::Served;
use crate::tls;

/// The address from which the server calls itself at the moment. The listener always has a place for it.
#[derive(Debug, Default)]
pub struct Caller(Mutex<Option<SocketAddr>>);

impl Caller {
    #[must_use]
    pub fn is(&self, client: SocketAddr) -> bool {
        let address = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        address.is_some_and(|address| canonical(address) == canonical(client))
    }

    fn calls_from(&self, address: Option<SocketAddr>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }
}

/// # Errors
/// Why there was no handshake, or not with the certificate that is served now.
pub(super) async fn dial(
    https: SocketAddr,
    served: &Arc<Served>,
    clients: Option<&Clients>,
    caller: &Caller,
) -> Result<(), String> {
    let dialled = async {
        let stream = connect(&reachable(https), caller).await?;
        let name = ServerName::IpAddress(stream.peer_addr()?.ip().into());
        let config = client(served, clients).map_err(io::Error::other)?;
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    };
    let dialled = dialled.await;
    caller.calls_from(None);
    dialled.map(drop).map_err(|error| error.to_string())
}

/// Connects to the first of these addresses that can be reached.
async fn connect(addresses: &[SocketAddr], caller: &Caller) -> io::Result<TcpStream> {
    let mut failure = io::ErrorKind::AddrNotAvailable.into();
    for address in addresses {
        match connect_to(*address, caller).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Binds the socket first, so that the listener knows the address before the connection arrives.
async fn connect_to(address: SocketAddr, caller: &Caller) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(SocketAddr::new(address.ip(), 0))?;
    caller.calls_from(Some(socket.local_addr()?));
    socket.connect(address).await
}

fn client(served: &Arc<Served>, clients: Option<&Clients>) -> Result<ClientConfig, Error> {
    let verifier = Arc::new(OurOwn(Arc::clone(served)));
    let config = tls::client().dangerous().with_custom_certificate_verifier(verifier);
    let Some((certificate, key)) = clients.map(Clients::ourselves) else {
        return Ok(config.with_no_client_auth());
    };
    config.with_client_auth_cert(certificate, key)
}

/// Accepts exactly the chain that is served now. It is the API server that checks the issuer and the name.
#[derive(Debug)]
struct OurOwn(Arc<Served>);

impl ServerCertVerifier for OurOwn {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let served = self.0.current();
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
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &tls::provider().signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &tls::provider().signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        tls::provider().signature_verification_algorithms.supported_schemes()
    }
}
