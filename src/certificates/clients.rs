//! Decides by a client's certificate whether it may call.
//!
//! During the handshake, [`Clients`] checks that the client CA signed the certificate. Afterwards, [`Clients::admit`]
//! checks its names. The CA is behind one pointer, and the listener is told when it is replaced ([`Clients::changes`]).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use tokio::sync::watch;
use tracing::info;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName};
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};
use x509_cert::spki::ObjectIdentifier;

use crate::reload::{self, InFiles};
use crate::tls;
use modelendpoint_core::endpoint::quote::Quoted;
use modelendpoint_files::shown;

/// The clients that may call.
#[derive(Debug)]
pub struct Clients {
    verifier: ArcSwap<Arc<dyn ClientCertVerifier>>,
    /// The certificate needs one of these names. If there are none, any certificate of the CA is accepted.
    names: Vec<String>,
    ourselves: Ourselves,
    changes: watch::Sender<()>,
}

/// The names of a client that may not call, although the CA signed its certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stranger(Vec<String>);

impl Clients {
    /// # Errors
    /// If the file can't be read or contains no CA. The message is for the person who started the server.
    pub fn load(file: &ClientCa, names: &[String]) -> anyhow::Result<(Vec<u8>, Arc<Self>)> {
        let pem = file.read()?;
        let verifier =
            verifier(&pem).map_err(|defect| anyhow!("{defect} (--client-ca {})", shown(&file.0)))?;
        let clients = Self {
            verifier: ArcSwap::from_pointee(verifier),
            names: names.to_vec(),
            ourselves: Ourselves::new()
                .context("cannot make the certificate for the server's own handshakes")?,
            changes: watch::Sender::new(()),
        };
        Ok((pem, Arc::new(clients)))
    }

    /// Checks the names of a client after its handshake.
    ///
    /// # Errors
    /// The names of the client, if none of them may call.
    pub fn admit(&self, leaf: &CertificateDer<'_>) -> Result<(), Stranger> {
        if self.ourselves.is(leaf) {
            return Err(Stranger::default());
        }
        let names = names(leaf);
        if self.names.is_empty() || names.iter().any(|name| self.names.contains(name)) {
            Ok(())
        } else {
            Err(Stranger(names))
        }
    }

    /// Notifies of each new CA, once it is in use. Clients that were admitted before must connect again.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// What the server presents in a handshake with itself.
    #[must_use]
    pub fn ourselves(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (vec![self.ourselves.certificate.clone()], self.ourselves.key.clone_key())
    }
}

/// When a client's certificate expires. `None` if it can't be read: rustls' own reader is more lenient.
#[must_use]
pub(crate) fn valid_until(leaf: &CertificateDer<'_>) -> Option<SystemTime> {
    let certificate = x509_cert::Certificate::from_der(leaf).ok()?;
    Some(certificate.tbs_certificate().validity().not_after.to_system_time())
}

/// An attribute of a subject (RFC 5280, section 4.1.2.6).
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// The common name and the DNS names. Of several common names, the last one counts, as in Kubernetes: Go's
/// `crypto/x509` keeps the last (`pkix.Name.FillFromRDNSequence`).
fn names(leaf: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = x509_cert::Certificate::from_der(leaf) else { return Vec::new() };
    let certificate = certificate.tbs_certificate();
    let common = certificate.subject().iter().filter(|attribute| attribute.oid == COMMON_NAME);
    let common = common.filter_map(|attribute| DirectoryString::try_from(&attribute.value).ok()).last();
    let alternative = certificate.get_extension::<SubjectAltName>().ok().flatten();
    let alternative = alternative.into_iter().flat_map(|(_, names)| names.0).filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        _ => None,
    });
    common.map(|name| name.value().into_owned()).into_iter().chain(alternative).collect()
}

/// A self-signed certificate that exists as long as the process. A server that requires client certificates presents it in
/// the handshake with itself. It opens a connection, but its requests are refused.
#[derive(Debug)]
struct Ourselves {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Ourselves {
    fn new() -> Result<Self, modelendpoint_issuer::Error> {
        let (certificate, key) = modelendpoint_issuer::self_signed_client()?;
        Ok(Self { certificate: certificate.der().clone(), key: key.into() })
    }

    fn is(&self, leaf: &CertificateDer<'_>) -> bool {
        self.certificate == *leaf
    }
}

impl ClientCertVerifier for Clients {
    /// No hints: they would have to outlive a reload, and the API server has only one certificate anyway.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.ourselves.is(end_entity) {
            return Ok(ClientCertVerified::assertion());
        }
        self.verifier.load().verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.load().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.load().verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.load().supported_verify_schemes()
    }
}

/// The file with the CA's certificates in PEM.
#[derive(Debug, Clone)]
pub struct ClientCa(PathBuf);

impl ClientCa {
    #[must_use]
    pub fn new(file: &Path) -> Self {
        Self(file.to_owned())
    }

    fn read(&self) -> anyhow::Result<Vec<u8>> {
        reload::read("--client-ca", &self.0, "; give the CA that signs the API server's client certificate")
    }
}

/// The file, and the clients whose CA is in it.
#[derive(Debug)]
pub(crate) struct ReloadedClients {
    pub file: ClientCa,
    pub clients: Arc<Clients>,
}

impl InFiles for ReloadedClients {
    const NAME: &'static str = "client CA";
    type Content = Vec<u8>;
    type Defect = CaDefect;

    fn read(&self) -> anyhow::Result<Vec<u8>> {
        self.file.read()
    }

    fn adopt(&self, pem: &Vec<u8>) -> Result<(), CaDefect> {
        self.clients.verifier.store(Arc::new(verifier(pem)?));
        self.clients.changes.send_replace(());
        info!("client CA reloaded");
        Ok(())
    }
}

fn verifier(pem: &[u8]) -> Result<Arc<dyn ClientCertVerifier>, CaDefect> {
    let unreadable = |error: &dyn fmt::Display| CaDefect::Unreadable(error.to_string());
    let certificates = tls::certificates(pem).map_err(|error| unreadable(&error))?;
    if certificates.is_empty() {
        return Err(CaDefect::NoCertificate);
    }
    if let Some(subject) = certificates.iter().find_map(vouches_for_nobody) {
        return Err(CaDefect::NotACa(subject));
    }
    let roots = tls::roots(certificates).map_err(|error| unreadable(&error))?;
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(tls::provider()))
        .build()
        .map_err(|error| unreadable(&error))
}

/// The subject of a certificate that can't verify any client: it is not a CA (RFC 5280, section 4.2.1.9), and it is
/// not self-signed, so it can't even verify itself. `None` for any other certificate, and for one that can't be read:
/// rustls reports that in more detail.
fn vouches_for_nobody(certificate: &CertificateDer<'_>) -> Option<String> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    let certificate = certificate.tbs_certificate();
    let constraints = certificate.get_extension::<BasicConstraints>().ok()?;
    let is_ca = constraints.is_some_and(|(_, constraints)| constraints.ca);
    (!is_ca && certificate.issuer() != certificate.subject()).then(|| certificate.subject().to_string())
}

/// Why a client CA can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CaDefect {
    NoCertificate,
    /// With the subject of the certificate that is not a CA.
    NotACa(String),
    Unreadable(String),
}

impl fmt::Display for CaDefect {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => to.write_str("the client CA file contains no PEM block \"CERTIFICATE\""),
            Self::NotACa(subject) => write!(
                to,
                "the client CA file contains a certificate that is not a CA, so it cannot verify any client: \
                 {}",
                Quoted(subject)
            ),
            Self::Unreadable(why) => write!(to, "the client CA can't be read: {why}"),
        }
    }
}

impl fmt::Display for Stranger {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return to.write_str("has no name");
        }
        write!(to, "is for {}", self.0.join(", "))
    }
}
