//! Replays writes that were recorded from Crossplane on the API server of a test. In: the writes of one endpoint in
//! `tests/crossplane/writes.jsonl`. Out: a line for each write, with who made it, the status of the answer, and the
//! calls of the webhook.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use control_plane::{ControlPlane, model_endpoint_resource};
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, StatusCode};
use kube::api::{Api, DynamicObject};
use kube::client::{Body, Client};
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::Cluster;

/// The namespace in which everything was recorded.
pub(crate) const NAMESPACE: &str = "ml-team";
/// Fields of the metadata that are null in the recording.
const FROM_THE_SERVER: [&str; 5] =
    ["uid", "resourceVersion", "managedFields", "deletionTimestamp", "deletionGracePeriodSeconds"];
const RECORDING: &str = include_str!("../crossplane/writes.jsonl");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recorded {
    life: String,
    by: Writer,
    verb: Verb,
    subresource: Option<String>,
    manager: Option<String>,
    name: String,
    body: Value,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Writer {
    Person,
    Crossplane,
    KubeControllerManager,
}

#[derive(Deserialize, Clone, Copy, Debug)]
#[serde(rename_all = "UPPERCASE")]
enum Verb {
    Post,
    Put,
    /// A merge patch.
    Patch,
    /// Server-side apply, forced.
    Apply,
    Delete,
}

/// The writes of one endpoint, in order.
pub(crate) fn life(name: &str) -> Result<Vec<Recorded>> {
    let writes = RECORDING.lines().map(serde_json::from_str::<Recorded>);
    let writes: Vec<_> = writes.collect::<Result<_, _>>()?;
    Ok(writes.into_iter().filter(|write| write.life == name).collect())
}

/// Makes these writes. Returns for each who made it, its status, and which reviews the webhook answered.
pub(crate) async fn replay(cluster: &Cluster, writes: &[Recorded]) -> Result<String> {
    let mut told = String::new();
    for write in writes {
        let before = reviews(cluster).await?;
        let status = write.send(&cluster.control_plane).await?;
        let after = reviews(cluster).await?;
        writeln!(told, "{} {}{}", write.title(), status.as_u16(), calls(before, after))?;
    }
    Ok(told)
}

/// The same while the webhook is down, so without the number of reviews.
pub(crate) async fn replay_in_outage(cluster: &Cluster, writes: &[Recorded]) -> Result<String> {
    let mut told = String::new();
    for write in writes {
        writeln!(told, "{} {}", write.title(), write.send(&cluster.control_plane).await?.as_u16())?;
    }
    Ok(told)
}

async fn reviews(cluster: &Cluster) -> Result<[u64; 2]> {
    Ok([cluster.reviews_answered("/mutate").await?, cluster.reviews_answered("/validate").await?])
}

/// ` mutate validate` if each was called once; empty if none was.
fn calls(before: [u64; 2], after: [u64; 2]) -> String {
    let hooks = ["mutate", "validate"].into_iter().zip(before.into_iter().zip(after));
    hooks.flat_map(|(hook, (before, after))| (before..after).map(move |_| format!(" {hook}"))).collect()
}

impl Recorded {
    /// Such as `crossplane APPLY composite status`.
    fn title(&self) -> String {
        let by = match self.by {
            Writer::Person => "person",
            Writer::Crossplane => "crossplane",
            Writer::KubeControllerManager => "kube-controller-manager",
        };
        let verb = format!("{:?}", self.verb).to_uppercase();
        // `apiextensions.crossplane.io/composed/<64 hex>`
        let manager = self.manager.as_deref().and_then(|manager| manager.split('/').nth(1));
        [Some(by), Some(&verb), manager, self.subresource.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The status of the API server's answer.
    pub(crate) async fn send(&self, control_plane: &ControlPlane) -> Result<StatusCode> {
        let mut body = self.body.clone();
        let endpoints: Api<DynamicObject> =
            Api::namespaced_with(control_plane.client(), NAMESPACE, &model_endpoint_resource());
        if let Some(stored) = endpoints.get_opt(&self.name).await? {
            self.fill_in(&mut body, &serde_json::to_value(&stored)?);
        }
        let (method, content_type) = match self.verb {
            Verb::Post => (Method::POST, "application/json"),
            Verb::Put => (Method::PUT, "application/json"),
            Verb::Patch => (Method::PATCH, "application/merge-patch+json"),
            Verb::Apply => (Method::PATCH, "application/apply-patch+yaml"),
            Verb::Delete => (Method::DELETE, "application/json"),
        };
        let request = Request::builder()
            .method(method)
            .uri(self.path())
            .header(CONTENT_TYPE, content_type)
            .body(Body::from(serde_json::to_vec(&body)?))?;
        let client = self.by.client(control_plane).await?;
        Ok(client.send(request).await.context("no answer of the API server")?.status())
    }

    /// Replaces what belongs to the recorded object with what belongs to the stored one.
    fn fill_in(&self, body: &mut Value, stored: &Value) {
        let metadata = body.get_mut("metadata").and_then(Value::as_object_mut);
        for (field, value) in metadata.into_iter().flatten() {
            if FROM_THE_SERVER.contains(&field.as_str()) {
                *value = stored["metadata"][field].clone();
            }
        }
        // A `PUT` writes back an object that was read before, with the url that it had then.
        if let (Verb::Put, Some(spec)) = (self.verb, body.get_mut("spec").and_then(Value::as_object_mut)) {
            for field in ["url", "rewritePath"] {
                match &stored["spec"][field] {
                    Value::Null => spec.remove(field),
                    value => spec.insert(field.to_owned(), value.clone()),
                };
            }
        }
    }

    fn path(&self) -> String {
        let mut path = format!("/apis/modelplane.ai/v1alpha1/namespaces/{NAMESPACE}/modelendpoints");
        if !matches!(self.verb, Verb::Post) {
            path = format!("{path}/{}", self.name);
        }
        if let Some(subresource) = &self.subresource {
            path = format!("{path}/{subresource}");
        }
        if let Some(manager) = &self.manager {
            path = format!("{path}?fieldManager={}&force=true", manager.replace('/', "%2F"));
        }
        path
    }
}

impl Writer {
    /// As this user, with every permission.
    async fn client(self, control_plane: &ControlPlane) -> Result<Client> {
        let user = match self {
            Self::Person => return Ok(control_plane.client()),
            Self::Crossplane => "system:serviceaccount:crossplane-system:crossplane",
            Self::KubeControllerManager => "system:kube-controller-manager",
        };
        control_plane.client_as(user, &["system:masters"]).await
    }
}
