//! An etcd that listens on a Unix socket in its own directory: there is no
//! port to race for, and nobody else on the machine can reach the data.

use anyhow::Result;

use crate::{
    assets::Assets,
    supervised::{Supervised, command},
};

/// What etcd tells others to reach it by, and nobody does. Before 3.7 it takes no Unix socket here.
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
                // The data need not survive anything.
                "--unsafe-no-fsync".to_owned(),
                "--log-level=warn".to_owned(),
            ],
        );
        Ok(Self { process: Supervised::start("etcd", directory, command)?, url })
    }

    /// What kube-apiserver is given to find it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn ensure_running(&self) -> Result<()> {
        self.process.ensure_running()
    }
}
