//! A CA, and the leaves that it signs.
//!
//! All keys are ECDSA P-256. A serial number is 20 bytes of the hash of a public key, and no key is used twice.

use std::fmt;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
};
use time::OffsetDateTime;

pub use rcgen::Error;

/// The key of a CA and its name. All CAs are otherwise alike, so a CA can sign without its certificate.
#[derive(Debug)]
pub struct Ca {
    name: &'static str,
    key: KeyPair,
}

/// A leaf and its key, in PEM.
#[derive(Clone)]
pub struct Leaf {
    pub certificate: String,
    pub key: String,
}

/// Without the key.
impl fmt::Debug for Leaf {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Leaf").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl Ca {
    /// A CA with a new key.
    ///
    /// # Errors
    /// If the operating system provides no random numbers.
    pub fn new(name: &'static str) -> Result<Self, Error> {
        Ok(Self { name, key: KeyPair::generate()? })
    }

    /// A CA with this key, in PEM.
    ///
    /// # Errors
    /// When the key can't be read.
    pub fn with_key(name: &'static str, key: &str) -> Result<Self, Error> {
        Ok(Self { name, key: KeyPair::from_pem(key)? })
    }

    /// Its own certificate, which it signs itself.
    ///
    /// # Errors
    /// When signing fails.
    pub fn certificate(&self, validity: Range<SystemTime>) -> Result<Certificate, Error> {
        let mut params = self.params();
        set_validity(&mut params, validity);
        params.self_signed(&self.key)
    }

    /// A certificate for a server with these DNS names and IP addresses, and its new key.
    ///
    /// # Errors
    /// If a name is not a DNS name.
    pub fn issue(&self, names: Vec<String>, validity: Range<SystemTime>) -> Result<Leaf, Error> {
        let mut leaf = CertificateParams::new(names)?;
        leaf.distinguished_name.push(DnType::CommonName, "modelendpoint-webhook");
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        set_validity(&mut leaf, validity);
        let key = KeyPair::generate()?;
        let certificate = leaf.signed_by(&key, &Issuer::new(self.params(), &self.key))?;
        Ok(Leaf { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// The private key in PEM.
    #[must_use]
    pub fn key(&self) -> String {
        self.key.serialize_pem()
    }

    /// The public key in the form of a certificate (`SubjectPublicKeyInfo` in DER).
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.key.subject_public_key_info()
    }

    fn params(&self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }
}

/// A certificate has no fractions of a second.
fn set_validity(params: &mut CertificateParams, validity: Range<SystemTime>) {
    let whole = |time: SystemTime| {
        let since_1970 = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        OffsetDateTime::UNIX_EPOCH + Duration::from_secs(since_1970.as_secs())
    };
    (params.not_before, params.not_after) = (whole(validity.start), whole(validity.end));
}

/// Certificates for development, in PEM.
#[derive(Debug)]
pub struct Issued {
    pub ca: String,
    pub leaf: Leaf,
}

/// Issues a leaf for these DNS names and IP addresses, signed by a new CA whose key is discarded. It is for
/// development, and for trying out the webhook.
///
/// # Errors
/// If a name is not a DNS name.
pub fn issue_once(names: Vec<String>, days: u16) -> Result<Issued, Error> {
    // Clocks differ: a client whose clock is a second behind would refuse a certificate that is valid from now on.
    let from = SystemTime::now() - Duration::from_mins(5);
    let validity = from..from + Duration::from_hours(24 * u64::from(days));
    let ca = Ca::new("modelendpoint-webhook development CA")?;
    Ok(Issued { ca: ca.certificate(validity.clone())?.pem(), leaf: ca.issue(names, validity)? })
}

/// A self-signed certificate that a client can present, and its key.
///
/// # Errors
/// If the operating system provides no random numbers.
pub fn self_signed_client() -> Result<(Certificate, KeyPair), Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    Ok((params.self_signed(&key)?, key))
}
