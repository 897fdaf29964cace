//! An etcd that listens on a Unix socket in its own directory, so that no port can be taken by others, and nobody
//! else on the machine can reach the data.

use anyhow::Result;

use crate::{
    assets::Assets,
    supervised::{Supervised, command},
};

/// The address that etcd advertises to others, which nobody uses. Before 3.7, etcd does not accept a Unix socket
/// here.
const ADVERTISED: &str = "http://127.0.0.1:1";

pub(super) struct Etcd {
    process: Supervised,
    url: String,
}

impl Etcd {
    pub(super) fn start(assets: &Assets) -> Result<Self> {
        // A short prefix: a socket's path has room for about 100 characters.
        let directory = tempfile::Builder::new().prefix("etcd-").tempdir()?;
        let at = |name: &str| directory.path().join(name).display().to_string();
        let url = format!("unix://{}", at("client.sock"));
        let command = command(
            &assets.etcd(),
            [
                "--name=test".to_owned(),
                format!("--data-dir={}", at("data")),
                format!("--listen-client-urls={url}"),
                format!("--advertise-client-urls={ADVERTISED}"),
                format!("--listen-peer-urls=unix://{}", at("peer.sock")),
                format!("--initial-advertise-peer-urls={ADVERTISED}"),
                format!("--initial-cluster=test={ADVERTISED}"),
                // The data does not have to survive a crash.
                "--unsafe-no-fsync".to_owned(),
                "--log-level=warn".to_owned(),
            ],
        );
        Ok(Self { process: Supervised::start("etcd", directory, command)?, url })
    }

    /// The address for kube-apiserver.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn ensure_running(&self) -> Result<()> {
        self.process.ensure_running()
    }
}
