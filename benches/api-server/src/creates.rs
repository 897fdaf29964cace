//! A spec goes to kube-apiserver as a dry-run create; its answer, and how long that took, come back.

use std::time::{Duration, Instant};

use anyhow::ensure;
use http::Request;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// The ModelEndpoints of a namespace.
#[derive(Clone)]
pub(crate) struct Endpoints {
    client: Client,
    namespace: &'static str,
}

/// What kube-apiserver says to a create.
pub(crate) struct Answer {
    pub is_created: bool,
    /// The object, or the Status that tells why there is none.
    pub body: Value,
    pub warnings: usize,
}

/// As Modelplane composes it.
pub(crate) fn composed() -> Value {
    json!({
        "url": "http://34.118.20.7/ml-team/qwen-demo-gke-us-central1-a-0/v1",
        "rewritePath": "/ml-team/qwen-demo-gke-us-central1-a-0/",
    })
}

impl Endpoints {
    pub(crate) fn of(client: Client, namespace: &'static str) -> Self {
        Self { client, namespace }
    }

    pub(crate) async fn create(&self, name: &str, spec: &Value) -> anyhow::Result<Answer> {
        self.send(self.body(name, spec)).await
    }

    /// So many creates of a composed endpoint, so many at a time: how long each took.
    pub(crate) async fn create_many(&self, count: usize, at_once: usize) -> anyhow::Result<Vec<Duration>> {
        let body = self.body("qwen-demo-gke-us-central1-a-0", &composed());
        let mut tasks = JoinSet::new();
        for _ in 0..at_once {
            let (endpoints, body) = (self.clone(), body.clone());
            tasks.spawn(async move {
                let mut took = Vec::new();
                for _ in 0..count.div_ceil(at_once) {
                    let began = Instant::now();
                    let answer = endpoints.send(body.clone()).await?;
                    took.push(began.elapsed());
                    ensure!(answer.is_created, "a composed endpoint is refused: {}", answer.body);
                }
                Ok(took)
            });
        }
        let mut all = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            all.extend(ended??);
        }
        Ok(all)
    }

    fn body(&self, name: &str, spec: &Value) -> Vec<u8> {
        let object = json!({
            "apiVersion": "modelplane.ai/v1alpha1",
            "kind": "ModelEndpoint",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "annotations": { "crossplane.io/composition-resource-name": "endpoint-gke-us-central1-a" },
                "labels": {
                    "crossplane.io/composite": "qwen-demo",
                    "modelplane.ai/cluster": "gke-us-central1-a",
                    "modelplane.ai/deployment": "qwen-demo",
                },
            },
            "spec": spec,
        });
        object.to_string().into_bytes()
    }

    async fn send(&self, body: Vec<u8>) -> anyhow::Result<Answer> {
        let path = format!(
            "/apis/modelplane.ai/v1alpha1/namespaces/{}/modelendpoints?dryRun=All&fieldManager=bench",
            self.namespace
        );
        let request =
            Request::post(path).header("content-type", "application/json").body(Body::from(body))?;
        let answer = self.client.send(request).await?;
        let is_created = answer.status().is_success();
        let warnings = answer.headers().get_all("warning").iter().count();
        let body = serde_json::from_slice(&answer.into_body().collect_bytes().await?)?;
        Ok(Answer { is_created, body, warnings })
    }
}
