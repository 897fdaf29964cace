//! A second kube-apiserver on the same etcd, as in a control plane of several nodes.

use anyhow::Result;
use kube::Client;

use super::{ControlPlane, api_server::ApiServer, kubeconfig};

/// It has certificates and keys of its own: tokens of service accounts are of no use here.
pub struct AnotherApiServer {
    api_server: ApiServer,
}

impl ControlPlane {
    /// Starts one and waits until it is ready. It must be dropped before this control plane is.
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

    /// Stops it where it is, as a node does that sleeps.
    pub fn freeze(&mut self) -> Result<()> {
        self.api_server.signal("STOP")
    }

    /// Lets it go on where it was.
    pub fn thaw(&mut self) -> Result<()> {
        self.api_server.signal("CONT")
    }
}
