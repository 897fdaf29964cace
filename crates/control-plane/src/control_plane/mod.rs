//! Programs in, a control plane that is ready out: etcd, kube-apiserver, and an administrator's access.

mod another_api_server;
mod api_server;
mod etcd;
mod kubeconfig;

use std::path::Path;

use anyhow::{Context, Result};
use kube::Client;
use tokio::{process::Command, task::spawn_blocking};

use crate::{assets::Assets, release};
pub use another_api_server::AnotherApiServer;
use api_server::ApiServer;
use etcd::Etcd;

/// A kube-apiserver and its etcd, on loopback and with temporary data.
///
/// Both end, and their data is removed, when this is dropped, or when the process that owns it ends in any way.
pub struct ControlPlane {
    assets: Assets,
    client: Client,
    version: String,
    // In the order in which they should end.
    api_server: ApiServer,
    etcd: Etcd,
}

/// The settings of a control plane.
#[derive(Default)]
pub struct ControlPlaneBuilder {
    api_server_flags: Vec<String>,
}

impl ControlPlane {
    /// Starts a control plane and waits until it is ready.
    ///
    /// The first start on a machine builds one, which takes minutes.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    #[must_use]
    pub fn builder() -> ControlPlaneBuilder {
        ControlPlaneBuilder::default()
    }

    /// The version of Kubernetes, such as `v1.37.2`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A client in the group `system:masters`.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// A client that impersonates another user.
    pub async fn client_as(&self, user: &str, groups: &[&str]) -> Result<Client> {
        kubeconfig::client_as(self.kubeconfig(), user, groups).await
    }

    /// `https://127.0.0.1:PORT`
    #[must_use]
    pub fn api_server_url(&self) -> &str {
        self.api_server.url()
    }

    /// What kube-apiserver wrote so far.
    #[must_use]
    pub fn api_server_log(&self) -> String {
        self.api_server.log()
    }

    /// A file for `KUBECONFIG`, with the access of [`Self::client`].
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        self.api_server.kubeconfig()
    }

    /// The `kubectl` of the same release, set up for this control plane.
    #[must_use]
    pub fn kubectl(&self) -> Command {
        let mut kubectl = Command::new(self.assets.kubectl());
        kubectl
            .env("KUBECONFIG", self.kubeconfig())
            // Nobody else can use its discovery cache.
            .env("HOME", self.api_server.directory())
            .kill_on_drop(true);
        kubectl
    }
}

impl ControlPlaneBuilder {
    /// Adds a flag of kube-apiserver, such as `--audit-log-path=FILE`. It comes after the usual flags, and so
    /// overrides them.
    #[must_use]
    pub fn api_server_flag(mut self, flag: impl Into<String>) -> Self {
        self.api_server_flags.push(flag.into());
        self
    }

    /// Starts the control plane and waits until it is ready.
    pub async fn start(self) -> Result<ControlPlane> {
        let assets = spawn_blocking(Assets::obtain).await.context("the build was cut short")??;
        let etcd = Etcd::start(&assets)?;
        let api_server = ApiServer::start(&assets, &etcd, &self.api_server_flags)?;
        let client = kubeconfig::client(api_server.kubeconfig()).await?;
        api_server.ready(&client, &etcd).await?;
        let version = client.apiserver_version().await?.git_version;
        release::ensure_selected(&version)?;
        Ok(ControlPlane { assets, client, version, api_server, etcd })
    }
}
