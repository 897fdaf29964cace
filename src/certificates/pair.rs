//! PEM in, a certificate chain with its private key out. They are checked to belong together.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::Error;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_cert::der::{DateTime, Decode};

use crate::tls;

/// A certificate chain and the private key of its leaf.
#[derive(Debug)]
pub struct Pair {
    pub certified: Arc<CertifiedKey>,
    pub validity: Validity,
}

/// When a leaf is valid; both ends are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Validity {
    pub from: SystemTime,
    pub until: SystemTime,
}

impl Pair {
    /// Reads a chain (leaf first) and a key, and checks that the key is the leaf's.
    ///
    /// # Errors
    /// [`Defect`], which does not depend on the time: see [`Validity::at`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, Defect> {
        let chain =
            tls::certificates(chain).map_err(|error| Defect::UnreadableCertificate(error.to_string()))?;
        let leaf = chain.first().ok_or(Defect::NoCertificate)?;
        let validity = Validity::of(leaf)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => Defect::NoKey,
            error => Defect::UnreadableKey(error.to_string()),
        })?;
        let certified = CertifiedKey::from_der(chain, key, tls::provider()).map_err(|error| match error {
            Error::InconsistentKeys(_) => Defect::KeyOfAnother,
            error => Defect::UnreadableKey(error.to_string()),
        })?;
        Ok(Self { certified: Arc::new(certified), validity })
    }

    #[must_use]
    pub fn leaf(&self) -> &CertificateDer<'static> {
        &self.certified.cert[0]
    }
}

impl Validity {
    /// # Errors
    /// When it is not a certificate.
    pub fn of(leaf: &CertificateDer<'_>) -> Result<Self, Defect> {
        let certificate = x509_cert::Certificate::from_der(leaf)
            .map_err(|error| Defect::UnreadableCertificate(error.to_string()))?;
        let validity = certificate.tbs_certificate().validity();
        Ok(Self { from: validity.not_before.to_system_time(), until: validity.not_after.to_system_time() })
    }

    /// # Errors
    /// [`Defect::NotYetValid`] or [`Defect::Expired`] when `now` is outside.
    pub fn at(self, now: SystemTime) -> Result<(), Defect> {
        if now < self.from {
            Err(Defect::NotYetValid(self.from))
        } else if now > self.until {
            Err(Defect::Expired(self.until))
        } else {
            Ok(())
        }
    }

    /// When a renewal becomes overdue: 30 days or a third of its lifetime before the certificate expires, whichever is
    /// shorter.
    #[must_use]
    pub fn renewal_due(self) -> SystemTime {
        const DAYS_30: Duration = Duration::from_hours(30 * 24);
        let life = self.until.duration_since(self.from).unwrap_or_default();
        self.until - DAYS_30.min(life / 3)
    }
}

/// Why a chain and a key can't be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Defect {
    NoCertificate,
    UnreadableCertificate(String),
    NoKey,
    UnreadableKey(String),
    /// The leaf was issued for another key.
    KeyOfAnother,
    /// None of the CAs that it was stored with signed it.
    UnknownIssuer,
    NotYetValid(SystemTime),
    Expired(SystemTime),
}

impl std::error::Error for Defect {}

impl fmt::Display for Defect {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCertificate => to.write_str("the certificate file contains no PEM block \"CERTIFICATE\""),
            Self::UnreadableCertificate(why) => write!(to, "the certificate can't be read: {why}"),
            Self::NoKey => to.write_str("the key file contains no PEM block \"PRIVATE KEY\""),
            Self::UnreadableKey(why) => write!(to, "the private key can't be read: {why}"),
            Self::KeyOfAnother => to.write_str(
                "the private key does not match the certificate: give the key that the certificate was \
                 issued for",
            ),
            Self::UnknownIssuer => to.write_str(
                "none of the CAs that are stored with the certificate signed \
                                                 it",
            ),
            Self::NotYetValid(from) => {
                write!(to, "the certificate is not valid before {}", utc(*from))
            }
            Self::Expired(until) => write!(to, "the certificate expired at {}", utc(*until)),
        }
    }
}

/// RFC 3339, as in `2026-11-23T06:27:00Z`.
#[must_use]
pub fn utc(time: SystemTime) -> String {
    DateTime::from_system_time(time).map_or_else(|_| format!("{time:?}"), |time| time.to_string())
}
