//! A cluster in; what it stores, page by page, and what changes there, out.
//!
//! Both read no more of an object than is judged, so that memory grows with a page and not with the cluster.

pub(crate) mod changes;
pub(crate) mod pages;

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Client, Config, Resource};
use serde::Deserialize;
use serde_json::Value as Json;

use modelendpoint_core::endpoint::gate::{GROUP, KIND, PLURAL, VERSION};
use modelendpoint_core::endpoint::{CLUSTER_LABEL, Spec, Value};

/// Access to a cluster.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    /// The namespace that the kubeconfig names.
    pub(crate) namespace: String,
}

/// A ModelEndpoint, as much of it as is judged.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Stored {
    pub(crate) metadata: Metadata,
    #[serde(default)]
    spec: Json,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    labels: BTreeMap<String, String>,
}

/// # Errors
/// What to do, when no cluster is known or its access can't be used.
pub(crate) async fn connect() -> anyhow::Result<Cluster> {
    let config =
        Config::infer().await.map_err(|error| anyhow!("found no cluster to ask; set KUBECONFIG: {error}"))?;
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).context("cannot talk to the cluster")?;
    Ok(Cluster { client, namespace })
}

/// Where the ModelEndpoints are, of one namespace or of all.
pub(crate) fn endpoints_path(namespace: Option<&str>) -> String {
    let kind = GroupVersionKind::gvk(GROUP, VERSION, KIND);
    DynamicObject::url_path(&ApiResource::from_gvk_with_plural(&kind, PLURAL), namespace)
}

impl Stored {
    /// What the rules judge.
    pub(crate) fn spec(&self) -> Spec<'_> {
        let labels = &self.metadata.labels;
        Spec::read(|field| match field.keys() {
            ["spec", keys @ ..] => match keys.iter().try_fold(&self.spec, |json, key| json.get(key)) {
                None | Some(Json::Null) => Value::Absent,
                Some(Json::String(text)) => Value::Text(text.as_str()),
                Some(_) => Value::NotText,
            },
            _ => labels.get(CLUSTER_LABEL).map_or(Value::Absent, |cluster| Value::Text(cluster)),
        })
    }
}

/// Whether the same request can work a little later.
pub(crate) fn is_transient(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => matches!(status.code, 408 | 429 | 500..),
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => true,
        _ => false,
    }
}
