//! The CAs of managed certificates, and the leaves that they sign.

use std::time::SystemTime;

use modelendpoint_issuer::{Ca as Issuer, Leaf};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use x509_cert::der::asn1::{PrintableStringRef, Utf8StringRef};
use x509_cert::der::{Decode, Encode};

use super::lifetimes::Lifetimes;
use super::outline::Ca;
use crate::certificates::pair::{Defect, Validity};
use crate::tls;

/// The subject of every CA made here.
pub const NAME: &str = "modelendpoint-webhook managed CA";

/// The certificate of a CA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    der: CertificateDer<'static>,
    pub validity: Validity,
}

/// A CA with its key.
#[derive(Debug)]
pub struct Signer {
    pub authority: Authority,
    issuer: Issuer,
}

impl Authority {
    /// # Errors
    /// When it is not a certificate.
    pub fn read(der: CertificateDer<'static>) -> Result<Self, Defect> {
        let validity = Validity::of(&der)?;
        Ok(Self { der, validity })
    }

    /// Every certificate of a bundle in PEM, whoever issued it.
    ///
    /// # Errors
    /// When any part of it is not a certificate.
    pub fn read_all(pem: &[u8]) -> Result<Vec<Self>, Defect> {
        let certificates =
            tls::certificates(pem).map_err(|error| Defect::UnreadableCertificate(error.to_string()))?;
        certificates.into_iter().map(Self::read).collect()
    }

    /// Whether it signed this server's leaf. Neither has to be valid now.
    #[must_use]
    pub fn signed(&self, leaf: &CertificateDer<'_>) -> bool {
        let (Ok(roots), Ok(parsed), Ok(validity)) =
            (tls::roots([self.der.clone()]), ParsedCertificate::try_from(leaf), Validity::of(leaf))
        else {
            return false;
        };
        let since_1970 = validity.until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &roots,
            &[],
            UnixTime::since_unix_epoch(since_1970),
            tls::provider().signature_verification_algorithms.all,
        )
        .is_ok()
    }

    #[must_use]
    pub fn pem(&self) -> String {
        ::pem::encode(&::pem::Pem::new("CERTIFICATE", self.der.as_ref()))
    }
}

impl Ca for Authority {
    fn validity(&self) -> Validity {
        self.validity
    }

    fn looks_like_ours(&self, lifetimes: Lifetimes) -> bool {
        let Ok(certificate) = x509_cert::Certificate::from_der(&self.der) else { return false };
        let is_named_so = certificate.tbs_certificate().subject().iter().any(|attribute| {
            let value = &attribute.value;
            value.decode_as::<Utf8StringRef<'_>>().is_ok_and(|name| name.as_str() == NAME)
                || value.decode_as::<PrintableStringRef<'_>>().is_ok_and(|name| name.as_str() == NAME)
        });
        is_named_so && lifetimes.allow(self.validity)
    }
}

impl Signer {
    /// A new CA, valid from `now` on.
    ///
    /// # Errors
    /// If the operating system provides no random numbers.
    pub fn new(now: SystemTime, lifetimes: Lifetimes) -> anyhow::Result<Self> {
        let issuer = Issuer::new(NAME)?;
        let certificate = issuer.certificate(now - lifetimes.backdated()..now + lifetimes.authority)?;
        Ok(Self { authority: Authority::read(certificate.der().clone())?, issuer })
    }

    /// A CA with its key in PEM.
    ///
    /// # Errors
    /// When the key can't be read, or belongs to another certificate.
    pub fn read(authority: Authority, key: &str) -> Result<Self, Defect> {
        let issuer = Issuer::with_key(NAME, key).map_err(|error| Defect::UnreadableKey(error.to_string()))?;
        let certificate = x509_cert::Certificate::from_der(&authority.der)
            .map_err(|error| Defect::UnreadableCertificate(error.to_string()))?;
        let public = certificate.tbs_certificate().subject_public_key_info().to_der().unwrap_or_default();
        if public != issuer.public_key() {
            return Err(Defect::KeyOfAnother);
        }
        Ok(Self { authority, issuer })
    }

    /// A leaf for the DNS name. It is valid from `now` on, and never longer than its CA.
    ///
    /// # Errors
    /// When it is not a DNS name.
    pub fn issue(&self, name: &str, now: SystemTime, lifetimes: Lifetimes) -> anyhow::Result<Leaf> {
        let until = (now + lifetimes.leaf).min(self.authority.validity.until);
        Ok(self.issuer.issue(vec![name.to_owned()], now - lifetimes.backdated()..until)?)
    }

    /// The private key in PEM.
    #[must_use]
    pub fn key(&self) -> String {
        self.issuer.key()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::pki_types::pem::PemObject;
    use x509_cert::Certificate;
    use x509_cert::ext::pkix::name::GeneralName;
    use x509_cert::ext::pkix::{
        AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
        SubjectKeyIdentifier,
    };

    use super::*;
    use crate::certificates::pair::Pair;

    const LIFETIMES: Lifetimes =
        Lifetimes { authority: Duration::from_hours(9000), leaf: Duration::from_hours(700) };

    #[test]
    fn a_ca_signs_its_own_leaves_and_no_others() -> anyhow::Result<()> {
        let now = SystemTime::now();
        let [one, other] = [Signer::new(now, LIFETIMES)?, Signer::new(now, LIFETIMES)?];
        let leaf = one.issue("w.w.svc", now, LIFETIMES)?;
        let pair = Pair::from_pem(leaf.certificate.as_bytes(), leaf.key.as_bytes())?;
        assert!(one.authority.signed(pair.leaf()));
        assert!(!other.authority.signed(pair.leaf()));
        Ok(())
    }

    #[test]
    fn a_ca_looks_like_ours_by_its_name_and_by_how_long_it_lasts() -> anyhow::Result<()> {
        let now = SystemTime::now();
        let ours = Signer::new(now, LIFETIMES)?.authority;
        assert!(ours.looks_like_ours(LIFETIMES));
        let a_century = Lifetimes { authority: Duration::from_hours(876_000), ..LIFETIMES };
        assert!(!Signer::new(now, a_century)?.authority.looks_like_ours(LIFETIMES));
        let stranger = Issuer::new("another CA")?.certificate(now..now + LIFETIMES.authority)?;
        assert!(!Authority::read(stranger.der().clone())?.looks_like_ours(LIFETIMES));
        Ok(())
    }

    #[test]
    fn a_ca_is_read_back_with_its_key_and_goes_on_signing() -> anyhow::Result<()> {
        let now = SystemTime::now();
        let [one, other] = [Signer::new(now, LIFETIMES)?, Signer::new(now, LIFETIMES)?];
        let read = Authority::read_all(one.authority.pem().as_bytes())?.remove(0);
        assert_eq!(read, one.authority);
        let again = Signer::read(read.clone(), &one.key())?;
        let leaf = again.issue("w.w.svc", now, LIFETIMES)?;
        let pair = Pair::from_pem(leaf.certificate.as_bytes(), leaf.key.as_bytes())?;
        assert!(one.authority.signed(pair.leaf()));
        assert_eq!(Signer::read(read, &other.key()).err(), Some(Defect::KeyOfAnother));
        Ok(())
    }

    /// What a certificate says about its own use.
    #[derive(Debug, PartialEq)]
    struct Uses {
        authority: Option<(bool, BasicConstraints)>,
        usage: Option<(bool, KeyUsage)>,
        extended: Option<Vec<String>>,
        names: Option<Vec<GeneralName>>,
    }

    impl Uses {
        fn of(certificate: &Certificate) -> Self {
            let certificate = certificate.tbs_certificate();
            let extended = certificate.get_extension::<ExtendedKeyUsage>().unwrap();
            Self {
                authority: certificate.get_extension().unwrap(),
                usage: certificate.get_extension().unwrap(),
                extended: extended.map(|(_, of)| of.0.iter().map(ToString::to_string).collect()),
                names: certificate.get_extension::<SubjectAltName>().unwrap().map(|(_, names)| names.0),
            }
        }
    }

    #[test]
    fn a_ca_can_do_nothing_but_sign_leaves_and_a_leaf_nothing_but_serve_its_name() -> anyhow::Result<()> {
        const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
        let now = SystemTime::now();
        let signer = Signer::new(now, LIFETIMES)?;
        let leaf = signer.issue("w.w.svc", now, LIFETIMES)?;
        let leaf = Pair::from_pem(leaf.certificate.as_bytes(), leaf.key.as_bytes())?;
        let [ca, leaf] = [&signer.authority.der, leaf.leaf()].map(|der| Certificate::from_der(der).unwrap());
        assert_eq!(
            Uses::of(&ca),
            Uses {
                authority: Some((true, BasicConstraints { ca: true, path_len_constraint: Some(0) })),
                usage: Some((true, KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign))),
                extended: None,
                names: None,
            }
        );
        assert_eq!(
            Uses::of(&leaf),
            Uses {
                authority: Some((true, BasicConstraints { ca: false, path_len_constraint: None })),
                usage: Some((true, KeyUsage(KeyUsages::DigitalSignature.into()))),
                extended: Some(vec![SERVER_AUTH.to_owned()]),
                names: Some(vec![GeneralName::DnsName("w.w.svc".to_owned().try_into()?)]),
            }
        );
        let key_of = |ca: &Certificate| -> Option<_> {
            Some(ca.tbs_certificate().get_extension::<SubjectKeyIdentifier>().ok()??.1.0)
        };
        let issuer_key = leaf.tbs_certificate().get_extension::<AuthorityKeyIdentifier>()?;
        assert_eq!(issuer_key.and_then(|(_, issuer)| issuer.key_identifier), key_of(&ca));
        Ok(())
    }

    #[test]
    fn no_two_serial_numbers_are_the_same() -> anyhow::Result<()> {
        let now = SystemTime::now();
        let signer = Signer::new(now, LIFETIMES)?;
        let mut serials = vec![signer.authority.der.clone()];
        for _ in 0..9 {
            let leaf = signer.issue("w.w.svc", now, LIFETIMES)?;
            serials.push(CertificateDer::from_pem_slice(leaf.certificate.as_bytes())?);
        }
        let serials = serials
            .iter()
            .map(|der| Ok(Certificate::from_der(der)?.tbs_certificate().serial_number().clone()));
        let serials = serials.collect::<anyhow::Result<Vec<_>>>()?;
        assert!(serials.iter().all(|serial| (16..=20).contains(&serial.as_bytes().len())), "{serials:?}");
        let distinct: std::collections::BTreeSet<_> =
            serials.iter().map(|serial| serial.as_bytes().to_vec()).collect();
        assert_eq!(distinct.len(), 10);
        Ok(())
    }

    #[test]
    fn no_leaf_outlives_its_ca() -> anyhow::Result<()> {
        let now = SystemTime::now();
        let signer = Signer::new(now - Duration::from_hours(8999), LIFETIMES)?;
        let leaf = signer.issue("w.w.svc", now, LIFETIMES)?;
        let pair = Pair::from_pem(leaf.certificate.as_bytes(), leaf.key.as_bytes())?;
        assert_eq!(pair.validity.until, signer.authority.validity.until);
        Ok(())
    }
}
