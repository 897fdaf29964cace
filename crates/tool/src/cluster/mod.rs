//! A cluster in; what it stores, page by page, and what changes there, out.
//!
//! Both read no more of an object than is judged, so that memory grows with a page and not with the cluster.

pub(crate) mod changes;
pub(crate) mod pages;

use std::collections::BTreeMap;
use std::slice;
use std::time::Duration;

use anyhow::{Context, anyhow};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::{Client, Config, Resource};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::time::timeout;

use modelendpoint_core::endpoint::gate::{GROUP, KIND, PLURAL, VERSION};
use modelendpoint_core::endpoint::{CLUSTER_LABEL, Generation, Spec, Value};

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
    let mut config =
        Config::infer().await.map_err(|error| anyhow!("found no cluster to ask; set KUBECONFIG: {error}"))?;
    // it would wait for minutes, with nothing to see
    config.default_retry = false;
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).context("cannot talk to the cluster")?;
    Ok(Cluster { client, namespace })
}

/// Where the ModelEndpoints are, of one namespace or of all.
pub(crate) fn endpoints_path(namespace: Option<&str>) -> String {
    let kind = GroupVersionKind::gvk(GROUP, VERSION, KIND);
    DynamicObject::url_path(&ApiResource::from_gvk_with_plural(&kind, PLURAL), namespace)
}

/// The fields that the cluster's ModelEndpoints have, by their definition; `None` where that may not be read.
pub(crate) async fn served_generation(client: &Client) -> Option<Generation> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
    ));
    let definitions = Api::<DynamicObject>::all_with(client.clone(), &resource);
    let definition = definitions.get(&format!("{PLURAL}.{GROUP}")).await.ok()?;
    let versions = definition.data.pointer("/spec/versions")?.as_array()?;
    let version = versions.iter().find(|version| version["name"] == VERSION)?;
    let fields = version.pointer("/schema/openAPIV3Schema/properties/spec/properties")?;
    match (fields.get("url"), fields.get("origin")) {
        (Some(_), None) => Some(Generation::Url),
        (None, Some(_)) => Some(Generation::Origin),
        _ => None,
    }
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

/// An answer that takes longer does not come: the API server gives up after a minute.
const PATIENCE: Duration = Duration::from_secs(70);

/// What a request comes to, or an error when the answer does not come.
pub(crate) async fn in_time<T>(request: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    timeout(PATIENCE, request).await.unwrap_or_else(|late| Err(kube::Error::Service(late.into())))
}

/// How long to wait before a request that failed is made again, for as long as that can help.
pub(crate) struct Waits(slice::Iter<'static, Duration>);

const WAITS: [Duration; 6] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// The API server asks for one second as a rule.
const LONGEST: Duration = Duration::from_secs(30);

impl Waits {
    pub(crate) fn new() -> Self {
        Waits(WAITS.iter())
    }

    /// The next wait: no shorter than the API server asks for. `None` if to wait is of no use, or was of none.
    pub(crate) fn after(&mut self, error: &kube::Error) -> Option<Duration> {
        let asked = match error {
            kube::Error::Api(status) if matches!(status.code, 408 | 429 | 500..) => {
                let details = status.details.as_ref();
                Duration::from_secs(details.map_or(0, |details| u64::from(details.retry_after_seconds)))
            }
            kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => {
                Duration::ZERO
            }
            _ => return None,
        };
        Some((*self.0.next()?).max(asked.min(LONGEST)))
    }
}
