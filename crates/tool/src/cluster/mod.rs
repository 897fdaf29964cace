//! A cluster in; what it stores, page by page, and what changes there, out.
//!
//! Both read no more of an object than is judged, so that memory grows with a page and not with the cluster.

pub(crate) mod ask;
pub(crate) mod changes;
pub(crate) mod pages;

use std::collections::BTreeMap;
use std::error::Error;
use std::slice;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config, Resource};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::time::timeout;

use crate::cli::Access;
use modelendpoint_core::endpoint::gate::{Decision, GROUP, KIND, PLURAL, VERSION};
use modelendpoint_core::endpoint::quote::Quoted;
use modelendpoint_core::endpoint::{CLUSTER_LABEL, Generation, Spec, Value};
use modelendpoint_files::shown;
use modelendpoint_lint::check::{Terms, findings_of};
use modelendpoint_lint::finding::Finding;
use modelendpoint_lint::generation::of_other_generation;

/// Access to a cluster.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    /// The namespace that the kubeconfig names.
    pub(crate) namespace: String,
    /// Of its API server, for people.
    pub(crate) address: String,
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
pub(crate) async fn connect(access: &Access) -> anyhow::Result<Cluster> {
    let mut config = config(access).await?;
    // it would wait for minutes, with nothing to see
    config.default_retry = false;
    let namespace = config.default_namespace.clone();
    let url = &config.cluster_url;
    // what stands before an `@` is nobody's business
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
            return Config::infer().await.map_err(|error| {
                anyhow!("found no cluster to ask; set KUBECONFIG or give --kubeconfig: {error}")
            });
        }
    };
    let names = || kubeconfig.contexts.iter().map(|context| context.name.as_str());
    if let Some(context) = context.as_deref().filter(|context| !names().any(|name| name == *context)) {
        let names: Vec<_> = names().map(|name| Quoted(name).to_string()).collect();
        bail!("the kubeconfig has no context {}; it has {}", Quoted(context), names.join(", "));
    }
    let options = KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    config.map_err(|error| anyhow!("cannot use the kubeconfig: {error}"))
}

/// Why a request failed, for people: what the API server says, or what keeps it from being asked.
pub(crate) fn why(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return status.message.clone();
    }
    let mut why = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // some repeat what they are caused by
        if !why.ends_with(&text) {
            why = format!("{why}: {text}");
        }
        cause = error.source();
    }
    why
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
    /// What there is to say about it, as if it were written today; with the decision of the webhook, unless it has the
    /// fields of another Modelplane.
    pub(crate) fn judged(&self, terms: Terms<'_>) -> (Option<Decision<'_>>, Vec<Finding>) {
        let spec = self.spec();
        if let Some(finding) = of_other_generation(&spec, terms.generation) {
            return (None, vec![finding]);
        }
        let decision = Decision::on_create(spec, (terms.policy, &self.metadata.namespace));
        let findings = findings_of(&decision, spec).into_iter().map(|(_, finding)| finding).collect();
        (Some(decision), findings)
    }

    /// What the rules judge.
    fn spec(&self) -> Spec<'_> {
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

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn a_refusal_for_now_is_waited_for_as_long_as_asked_within_bounds() {
        let waits = |code: u16, asked: Option<&'static str>, body: &[u8]| {
            let headers = asked.map(|asked| (RETRY_AFTER, http::HeaderValue::from_static(asked)));
            let error = ask::refusal(code, &headers.into_iter().collect::<HeaderMap>(), body);
            let mut waits = Waits::new();
            std::iter::from_fn(|| waits.after(&error)).map(|wait| wait.as_millis()).collect::<Vec<_>>()
        };
        let busy = br#"{"kind": "Status", "code": 429, "details": {"retryAfterSeconds": 3}}"#;
        assert_eq!(waits(429, None, b"busy"), [250, 500, 1000, 2000, 4000, 8000]);
        assert_eq!(waits(429, Some("1"), b"busy"), [1000, 1000, 1000, 2000, 4000, 8000]);
        assert_eq!(waits(503, Some("3600"), b""), [30_000; 6]);
        assert_eq!(waits(429, None, busy), [3000, 3000, 3000, 3000, 4000, 8000]);
        assert_eq!(waits(429, Some("soon"), busy), [3000, 3000, 3000, 3000, 4000, 8000]);
        assert_eq!(waits(403, Some("1"), b"no"), []);
    }
}
