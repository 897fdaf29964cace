//! The flags about a cluster in, a client for it out.

use anyhow::{Context, anyhow, bail};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::cli::Access;
use modelendpoint_core::endpoint::quote::Quoted;
use modelendpoint_files::shown;

/// Access to a cluster.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    /// The namespace that the kubeconfig names.
    pub(crate) namespace: String,
    /// The address of its API server, for people.
    pub(crate) address: String,
}

/// # Errors
/// If no cluster is configured, or the access can't be used: what to do.
pub(crate) async fn connect(access: &Access) -> anyhow::Result<Cluster> {
    let mut config = config(access).await?;
    // By default, the client would wait for minutes without a message.
    config.default_retry = false;
    let namespace = config.default_namespace.clone();
    let url = &config.cluster_url;
    // The text before an `@` may be a secret.
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let address = format!("{}://{host}", url.scheme_str().unwrap_or("http"));
    let client =
        Client::try_from(config).with_context(|| format!("cannot talk to the cluster at {address}"))?;
    Ok(Cluster { client, namespace, address })
}

async fn config(Access { kubeconfig, context }: &Access) -> anyhow::Result<Config> {
    let kubeconfig = match (kubeconfig, context) {
        (Some(file), _) => Kubeconfig::read_from(file).map_err(|error| match error {
            KubeconfigError::ReadConfig(error, _) => {
                anyhow!("cannot read --kubeconfig {}: {error}", shown(file))
            }
            error => anyhow!("cannot use --kubeconfig {}: {error}", shown(file)),
        })?,
        (None, Some(_)) => {
            Kubeconfig::read().map_err(|error| anyhow!("cannot use the kubeconfig: {error}"))?
        }
        (None, None) => {
            return Config::infer()
                .await
                .map_err(|error| anyhow!("no cluster found; set KUBECONFIG or give --kubeconfig: {error}"));
        }
    };
    let names = || kubeconfig.contexts.iter().map(|context| context.name.as_str());
    if let Some(context) = context.as_deref().filter(|context| !names().any(|name| name == *context)) {
        let names: Vec<_> = names().map(|name| Quoted(name).to_string()).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        bail!("the kubeconfig has no context {}; it has {names}", Quoted(context));
    }
    let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    config.map_err(|error| anyhow!("cannot use the kubeconfig: {error}"))
}
