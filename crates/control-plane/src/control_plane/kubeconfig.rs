//! The administrator's certificate in, a kubeconfig and clients out.

use std::path::Path;

use anyhow::{Context, Result};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;

/// The kubeconfig for the certificates in `directory`, as JSON, which is valid YAML.
pub(super) fn text(url: &str, directory: &Path) -> Result<String> {
    let name = "control-plane";
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": "admin"}}],
        "clusters": [{"name": name, "cluster": {
            "server": url,
            "certificate-authority": directory.join("ca.crt"),
        }}],
        "users": [{"name": "admin", "user": {
            "client-certificate": directory.join("admin.crt"),
            "client-key": directory.join("admin.key"),
        }}],
    });
    Ok(serde_json::to_string_pretty(&kubeconfig)?)
}

pub(super) async fn client(kubeconfig: &Path) -> Result<Client> {
    Ok(Client::try_from(config(kubeconfig).await?)?)
}

pub(super) async fn client_as(kubeconfig: &Path, user: &str, groups: &[&str]) -> Result<Client> {
    let mut config = config(kubeconfig).await?;
    config.auth_info.impersonate = Some(user.to_owned());
    config.auth_info.impersonate_groups = Some(groups.iter().map(ToString::to_string).collect());
    Ok(Client::try_from(config)?)
}

async fn config(kubeconfig: &Path) -> Result<Config> {
    let mut config =
        Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig)?, &KubeConfigOptions::default())
            .await
            .context("could not use the kubeconfig of the control plane")?;
    // Use no proxy for 127.0.0.1, whatever the environment says.
    config.proxy_url = None;
    Ok(config)
}
