//! The DNS names of a webhook in, its certificate files out.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    certificates::{Authority, Leaf},
    own_directory::OwnDirectory,
};
use anyhow::Result;

/// `tls.crt`, `tls.key` and `ca.crt`, as in the Secret of a cluster, in a directory that is removed when this is
/// dropped or the process ends.
pub struct WebhookCertificates {
    directory: OwnDirectory,
    authority: Authority,
}

impl WebhookCertificates {
    /// A leaf from a new authority for these names and `localhost`. The API server expects
    /// `<service>.<namespace>.svc`.
    pub fn new(dns_names: &[&str]) -> Result<Self> {
        let authority = Authority::new("webhook of a test")?;
        let leaf = authority.server(dns_names.iter().copied().chain(["localhost"]))?;
        let directory = OwnDirectory::new("webhook-certificates-")?;
        fs::write(directory.path().join("tls.crt"), leaf.certificate)?;
        fs::write(directory.path().join("tls.key"), leaf.key)?;
        fs::write(directory.path().join("ca.crt"), authority.certificate())?;
        Ok(Self { directory, authority })
    }

    /// Adds `client.crt` and `client.key`, from the same authority, for a client with this name.
    pub fn add_client(&self, name: &str) -> Result<()> {
        self.write_client(self.authority.client(name, "")?)
    }

    /// The same, without an extended key usage.
    pub fn add_client_of_any_use(&self, name: &str) -> Result<()> {
        self.write_client(self.authority.of_any_use(name)?)
    }

    fn write_client(&self, leaf: Leaf) -> Result<()> {
        fs::write(self.directory().join("client.crt"), leaf.certificate)?;
        fs::write(self.directory().join("client.key"), leaf.key)?;
        Ok(())
    }

    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.directory().join("tls.crt")
    }

    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.directory().join("tls.key")
    }

    /// The flags of `serve` that name these files.
    #[must_use]
    pub fn serve_arguments(&self) -> Vec<OsString> {
        vec!["--tls-cert".into(), self.certificate().into(), "--tls-key".into(), self.key().into()]
    }

    /// The content for `caBundle`, in PEM.
    #[must_use]
    pub fn ca_bundle(&self) -> String {
        self.authority.certificate()
    }
}
