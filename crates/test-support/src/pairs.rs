//! Certificates for tests: a CA, and leaves for localhost.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};
use tokio_rustls::TlsAcceptor;

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        // Two CAs with the same name would differ only in their signatures.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mut ca = CertificateParams::new(Vec::new()).expect("no names");
        ca.distinguished_name.push(DnType::CommonName, format!("CA {}", NUMBER.fetch_add(1, Relaxed)));
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(ca, key).expect("a CA"))
    }

    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// Valid from yesterday, for a year.
    pub fn pair(&self) -> Pair {
        self.pair_valid(Duration::days(-1), Duration::days(364))
    }

    /// Valid between these times, which are relative to now.
    pub fn pair_valid(&self, from: Duration, until: Duration) -> Pair {
        let mut leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        leaf.not_before = OffsetDateTime::now_utc() + from;
        leaf.not_after = OffsetDateTime::now_utc() + until;
        self.sign(&leaf)
    }

    /// For a client with these names.
    pub fn client(&self, common_name: &str, dns_names: &[&str]) -> Pair {
        self.client_valid(common_name, dns_names, Duration::days(364))
    }

    /// Valid from yesterday until this time, which is relative to now.
    pub fn client_valid(&self, common_name: &str, dns_names: &[&str], until: Duration) -> Pair {
        let names: Vec<String> = dns_names.iter().map(ToString::to_string).collect();
        let mut leaf = CertificateParams::new(names).expect("DNS names");
        leaf.distinguished_name.push(DnType::CommonName, common_name);
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        leaf.not_before = OffsetDateTime::now_utc() - Duration::days(2);
        leaf.not_after = OffsetDateTime::now_utc() + until;
        self.sign(&leaf)
    }

    /// With several common names, in this order.
    pub fn client_called(&self, common_names: [&str; 2]) -> Pair {
        let mut leaf = CertificateParams::new(Vec::new()).expect("no names");
        // rcgen keeps one value for each type, but treats a type that is written as an OID as another one.
        let types = [DnType::CommonName, DnType::CustomDnType(vec![2, 5, 4, 3])];
        for (kind, common_name) in types.into_iter().zip(common_names) {
            leaf.distinguished_name.push(kind, common_name);
        }
        self.sign(&leaf)
    }

    /// With these key usages. If there are none, without the extension.
    pub fn client_for(&self, common_name: &str, uses: &[ExtendedKeyUsagePurpose]) -> Pair {
        let mut leaf = CertificateParams::new(Vec::new()).expect("no names");
        leaf.distinguished_name.push(DnType::CommonName, common_name);
        leaf.extended_key_usages = uses.to_vec();
        self.sign(&leaf)
    }

    fn sign(&self, leaf: &CertificateParams) -> Pair {
        let key = KeyPair::generate().expect("a key");
        let leaf = leaf.signed_by(&key, &self.0).expect("a leaf");
        Pair { certificate: leaf.pem(), key: key.serialize_pem() }
    }
}

impl Pair {
    pub fn leaf(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate")
    }

    /// For a server of a test's own.
    pub fn acceptor(&self) -> TlsAcceptor {
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![self.leaf()], key)
            .expect("a pair");
        TlsAcceptor::from(Arc::new(config))
    }

    /// As `tls.crt` and `tls.key`.
    pub fn write_to(&self, directory: &Path) {
        fs::write(directory.join("tls.crt"), &self.certificate).expect("tls.crt is written");
        fs::write(directory.join("tls.key"), &self.key).expect("tls.key is written");
    }
}
