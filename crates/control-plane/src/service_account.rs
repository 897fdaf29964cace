//! A service account in; what its pods get out: the address of the API server, and a directory with a token and a CA
//! certificate.

use std::{ffi::OsString, fs, net::SocketAddr, path::Path};

use anyhow::{Context, Result};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, Client, Config, api::PostParams, config::Kubeconfig};

use crate::{ControlPlane, own_directory::OwnDirectory};

/// Files that are removed when this is dropped or the process ends.
pub struct ServiceAccountFiles {
    directory: OwnDirectory,
    api_server: SocketAddr,
    access: Config,
}

impl ControlPlane {
    /// What a pod of this service account gets, with the API server at `api_server`.
    pub async fn service_account(
        &self,
        namespace: &str,
        name: &str,
        api_server: SocketAddr,
    ) -> Result<ServiceAccountFiles> {
        let accounts = Api::<ServiceAccount>::namespaced(self.client(), namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: Vec::new(),
                expiration_seconds: Some(3600),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let issued = accounts.create_token_request(name, &PostParams::default(), &request).await?;
        let token = issued.status.context("the API server gave no token")?.token;
        let admin = Kubeconfig::read_from(self.kubeconfig())?;
        let cluster = admin.clusters.first().and_then(|c| c.cluster.as_ref()).context("a cluster")?;
        let authority = cluster.certificate_authority.as_ref().context("a CA")?;

        let directory = OwnDirectory::new("service-account-")?;
        fs::copy(authority, directory.path().join("ca.crt"))?;
        fs::write(directory.path().join("token"), &token)?;
        let admin = kube::config::KubeConfigOptions::default();
        let mut access =
            Config::from_custom_kubeconfig(Kubeconfig::read_from(self.kubeconfig())?, &admin).await?;
        access.proxy_url = None;
        access.auth_info = kube::config::AuthInfo { token: Some(token.into()), ..Default::default() };
        Ok(ServiceAccountFiles { directory, api_server, access })
    }
}

impl ServiceAccountFiles {
    /// A client with its permissions.
    pub fn client(&self) -> Result<Client> {
        Ok(Client::try_from(self.access.clone())?)
    }

    /// The variables that the kubelet sets, as `VARIABLE=value`, and the directory of the files.
    pub(crate) fn environment(&self) -> Vec<OsString> {
        let mut files = OsString::from("MODELENDPOINT_WEBHOOK_SERVICE_ACCOUNT=");
        files.push(self.path());
        vec![
            format!("KUBERNETES_SERVICE_HOST={}", self.api_server.ip()).into(),
            format!("KUBERNETES_SERVICE_PORT={}", self.api_server.port()).into(),
            files,
        ]
    }

    /// Where `token` and `ca.crt` are.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}
