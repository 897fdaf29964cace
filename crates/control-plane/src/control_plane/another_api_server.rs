//! A second kube-apiserver on the same etcd, as in a control plane of several nodes.

use anyhow::Result;
use kube::Client;

use super::{ControlPlane, api_server::ApiServer, kubeconfig};

/// It has its own certificates and keys, so it does not accept tokens of service accounts from the first one.
pub struct AnotherApiServer {
    api_server: ApiServer,
}

impl ControlPlane {
    /// Starts one and waits until it is ready. Drop it before this control plane.
    pub async fn another_api_server(&self) -> Result<AnotherApiServer> {
        let api_server = ApiServer::start(&self.assets, &self.etcd, &[])?;
        api_server.ready(&kubeconfig::client(api_server.kubeconfig()).await?, &self.etcd).await?;
        Ok(AnotherApiServer { api_server })
    }
}

impl AnotherApiServer {
    /// A client in the group `system:masters`, with a connection of its own.
    pub async fn client(&self) -> Result<Client> {
        kubeconfig::client(self.api_server.kubeconfig()).await
    }

    /// Suspends it, like a node that sleeps.
    pub fn freeze(&mut self) -> Result<()> {
        self.api_server.signal("STOP")
    }

    /// Resumes it.
    pub fn thaw(&mut self) -> Result<()> {
        self.api_server.signal("CONT")
    }
}
