//! The content of the Secret: `ca.crt` has every CA to trust, the signing one first, and `ca.key` has the key of that one.
//! `tls.crt` and `tls.key` are the leaf.

use std::collections::BTreeMap;
use std::time::SystemTime;

use k8s_openapi::ByteString;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;

use super::authority::{Authority, Signer};
use super::lifetimes::Lifetimes;
use super::outline::{self, Outline};
use crate::certificates::pair::{Defect, Pair};
use modelendpoint_issuer::Leaf;

pub type Data = BTreeMap<String, ByteString>;

pub const AUTHORITIES: &str = "ca.crt";
const SIGNING_KEY: &str = "ca.key";
const LEAF: &str = "tls.crt";
const LEAF_KEY: &str = "tls.key";

/// The keys of the Secret that are read and written.
pub const KEYS: [&str; 4] = [AUTHORITIES, SIGNING_KEY, LEAF, LEAF_KEY];

/// Certificates that belong together.
#[derive(Debug)]
pub struct Stored {
    pub signer: Signer,
    /// The previous signers, whose leaves may still be served.
    pub previous: Vec<Authority>,
    /// `None` if it can't be read, or if none of these CAs signed it.
    pub leaf: Option<StoredLeaf>,
}

#[derive(Debug)]
pub struct StoredLeaf {
    pub pair: Pair,
    /// Who signed it.
    pub authority: Authority,
    pem: Leaf,
}

impl Stored {
    /// A new CA with a first leaf.
    ///
    /// # Errors
    /// When nothing can be issued for the name.
    pub fn start(name: &str, now: SystemTime, lifetimes: Lifetimes) -> anyhow::Result<Self> {
        let signer = Signer::new(now, lifetimes)?;
        Self { signer, previous: Vec::new(), leaf: None }.with_leaf(name, now, lifetimes)
    }

    /// With a new CA that signs from now on, and these previous ones. The leaf stays.
    ///
    /// # Errors
    /// If the operating system provides no random numbers.
    pub fn with_authority(
        self,
        previous: Vec<Authority>,
        now: SystemTime,
        lifetimes: Lifetimes,
    ) -> anyhow::Result<Self> {
        Ok(Self { signer: Signer::new(now, lifetimes)?, previous, leaf: self.leaf })
    }

    /// The same, with these previous CAs.
    #[must_use]
    pub fn with_previous(self, previous: Vec<Authority>) -> Self {
        Self { previous, ..self }
    }

    /// With a new leaf from the signing CA.
    ///
    /// # Errors
    /// When nothing can be issued for the name.
    pub fn with_leaf(self, name: &str, now: SystemTime, lifetimes: Lifetimes) -> anyhow::Result<Self> {
        let leaf = self.signer.issue(name, now, lifetimes)?;
        let leaf = StoredLeaf::new(leaf, [&self.signer.authority])?;
        Ok(Self { leaf: Some(leaf), ..self })
    }

    /// Every CA to trust, the signing one first.
    pub fn authorities(&self) -> impl Iterator<Item = &Authority> {
        [&self.signer.authority].into_iter().chain(&self.previous)
    }

    /// # Errors
    /// When the signing CA can't be used. The rest is useless without it.
    pub fn read(data: &Data) -> Result<Self, Defect> {
        let text =
            |key: &str| data.get(key).map(|bytes| String::from_utf8_lossy(&bytes.0)).unwrap_or_default();
        let mut authorities = Authority::read_all(text(AUTHORITIES).as_bytes())?;
        if authorities.is_empty() {
            return Err(Defect::NoCertificate);
        }
        let signer = Signer::read(authorities.remove(0), &text(SIGNING_KEY))?;
        let pem = Leaf { certificate: text(LEAF).into_owned(), key: text(LEAF_KEY).into_owned() };
        let leaf = StoredLeaf::new(pem, [&signer.authority].into_iter().chain(&authorities)).ok();
        Ok(Self { signer, previous: authorities, leaf })
    }

    #[must_use]
    pub fn write(&self) -> Data {
        let authorities: String = self.authorities().map(Authority::pem).collect();
        let mut data = BTreeMap::from([(AUTHORITIES, authorities), (SIGNING_KEY, self.signer.key())]);
        if let Some(StoredLeaf { pem, .. }) = &self.leaf {
            data.insert(LEAF, pem.certificate.clone());
            data.insert(LEAF_KEY, pem.key.clone());
        }
        data.into_iter().map(|(key, text)| (key.to_owned(), ByteString(text.into_bytes()))).collect()
    }

    /// The outline that decisions use. The leaf should be for this name.
    #[must_use]
    pub fn outline(&self, name: &str) -> Outline<Authority> {
        let leaf = self.leaf.as_ref().map(|leaf| outline::Leaf {
            authority: leaf.authority.clone(),
            validity: leaf.pair.validity,
            fits: leaf.is_for(name),
        });
        Outline { signer: self.signer.authority.clone(), previous: self.previous.clone(), leaf }
    }
}

impl StoredLeaf {
    fn new<'a>(pem: Leaf, authorities: impl IntoIterator<Item = &'a Authority>) -> Result<Self, Defect> {
        let pair = Pair::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes())?;
        let signed = authorities.into_iter().find(|authority| authority.signed(pair.leaf()));
        let authority = signed.ok_or(Defect::UnknownIssuer)?.clone();
        Ok(Self { pair, authority, pem })
    }

    #[must_use]
    pub fn is_for(&self, name: &str) -> bool {
        is_for(self.pair.leaf(), name)
    }
}

fn is_for(leaf: &CertificateDer<'_>, name: &str) -> bool {
    let (Ok(leaf), Ok(name)) = (ParsedCertificate::try_from(leaf), ServerName::try_from(name)) else {
        return false;
    };
    verify_server_name(&leaf, &name).is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIFETIMES: Lifetimes =
        Lifetimes { authority: Duration::from_hours(9000), leaf: Duration::from_hours(700) };

    #[test]
    fn what_is_written_is_read_back() -> anyhow::Result<()> {
        let now = SystemTime::now();
        let first = Stored::start("w.w.svc", now, LIFETIMES)?;
        let previous = vec![first.signer.authority.clone()];
        let stored = first.with_authority(previous, now, LIFETIMES)?;
        let data = stored.write();
        let read = Stored::read(&data)?;
        assert_eq!(read.write(), data);
        assert!(read.authorities().eq(stored.authorities()));
        let leaf = read.leaf.expect("a leaf");
        assert_eq!(Some(&leaf.authority), read.previous.first());
        assert!(leaf.is_for("w.w.svc") && !leaf.is_for("v.v.svc"));
        Ok(())
    }

    #[test]
    fn garbage_is_told_from_a_state_and_a_bad_leaf_spoils_no_ca() -> anyhow::Result<()> {
        let now = SystemTime::now();
        let [stored, other] =
            [Stored::start("w.w.svc", now, LIFETIMES)?, Stored::start("w.w.svc", now, LIFETIMES)?];
        let with = |key: &str, value: &[u8]| {
            let mut data = stored.write();
            data.insert(key.to_owned(), ByteString(value.to_vec()));
            Stored::read(&data)
        };
        assert_eq!(Stored::read(&Data::new()).err(), Some(Defect::NoCertificate));
        assert_eq!(with("ca.crt", b"").err(), Some(Defect::NoCertificate));
        assert!(matches!(with("ca.key", b"garbage").err(), Some(Defect::UnreadableKey(_))));
        assert_eq!(with("ca.key", other.signer.key().as_bytes()).err(), Some(Defect::KeyOfAnother));
        for (key, value) in
            [("tls.crt", &b"garbage"[..]), ("tls.key", b"\xff"), ("tls.crt", &other.write()["tls.crt"].0)]
        {
            assert!(with(key, value)?.leaf.is_none(), "{key}");
        }
        Ok(())
    }
}
