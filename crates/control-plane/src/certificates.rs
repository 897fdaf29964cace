//! Names in, certificates out: an authority, and the leaves that it issues.

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// A certificate authority for the time of a test.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its private key, both in PEM.
pub(crate) struct Leaf {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(common_name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self { issuer })
    }

    /// Its own certificate, in PEM.
    pub(crate) fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a server with these DNS names and IP addresses.
    pub(crate) fn server<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Leaf> {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        self.issue(CertificateParams::new(names)?, &[ExtendedKeyUsagePurpose::ServerAuth])
    }

    /// A certificate for a client that Kubernetes treats as this user, in this group.
    pub(crate) fn client(&self, user: &str, group: &str) -> Result<Leaf> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        params.distinguished_name.push(DnType::OrganizationName, group);
        self.issue(params, &[ExtendedKeyUsagePurpose::ClientAuth])
    }

    /// A certificate with this common name, and without an extended key usage.
    pub(crate) fn of_any_use(&self, common_name: &str) -> Result<Leaf> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        self.issue(params, &[])
    }

    fn issue(&self, mut params: CertificateParams, uses: &[ExtendedKeyUsagePurpose]) -> Result<Leaf> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = uses.to_vec();
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}
