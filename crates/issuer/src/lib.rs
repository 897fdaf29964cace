//! A fresh CA and one leaf, for development and for trying it out.
//!
//! The CA's key is dropped as soon as the leaf is signed.

use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

/// What was issued, in PEM.
pub struct Issued {
    pub ca: String,
    pub leaf: String,
    pub leaf_key: String,
}

/// Without the key.
impl fmt::Debug for Issued {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ca, leaf, .. } = self;
        to.debug_struct("Issued").field("ca", ca).field("leaf", leaf).finish_non_exhaustive()
    }
}

/// Issues a leaf for these DNS names and IP addresses. ECDSA P-256 throughout.
///
/// # Errors
/// When a name is no DNS name.
pub fn issue(names: Vec<String>, days: u16) -> Result<Issued, rcgen::Error> {
    // Clocks differ: what is valid from this second on is refused by a client a second behind.
    let from = OffsetDateTime::now_utc() - Duration::minutes(5);
    let until = from + Duration::days(i64::from(days));

    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name.push(DnType::CommonName, "modelendpoint-webhook development CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (ca.not_before, ca.not_after) = (from, until);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;

    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name.push(DnType::CommonName, "modelendpoint-webhook");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    (leaf.not_before, leaf.not_after) = (from, until);
    let leaf_key = KeyPair::generate()?;
    let leaf = leaf.signed_by(&leaf_key, &ca)?;

    Ok(Issued { ca: ca.pem(), leaf: leaf.pem(), leaf_key: leaf_key.serialize_pem() })
}
