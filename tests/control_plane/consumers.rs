//! The contract with what reads a ModelEndpoint: what the webhook admits, the API server accepts as
//! Modelplane composes it, and what the consumers can't use is refused at the right field.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::cluster::{endpoint, refused, refused_fields, shared, test};

const NAMESPACE: &str = "consumers";

struct Consumers {
    endpoints: Api<DynamicObject>,
    services: Api<Service>,
    slices: Api<EndpointSlice>,
}

fn samples(corpus: &str) -> Result<Vec<Value>> {
    corpus.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn dry_run() -> PostParams {
    PostParams { dry_run: true, ..PostParams::default() }
}

impl Consumers {
    async fn start(namespace: &str) -> Result<Self> {
        let cluster = shared().await?;
        let endpoints = cluster.namespace(namespace).await?;
        let client = cluster.control_plane.client();
        Ok(Consumers {
            endpoints,
            services: Api::namespaced(client.clone(), namespace),
            slices: Api::namespaced(client, namespace),
        })
    }

    /// Sends the sample through the API server; whether it was stored, had it been no dry run.
    async fn judge(&self, sample: &Value, field: &str) -> Result<bool> {
        let id = sample["id"].as_str().context("an id")?;
        let result = self.endpoints.create(&dry_run(), &endpoint(id, &sample["spec"])).await;
        let by_schema = sample["expected"]["by"] == "schema";
        match (sample["expected"]["verdict"].as_str(), result) {
            (Some("allow" | "ambiguous"), Ok(_)) => Ok(true),
            (Some("deny"), Err(_)) if by_schema => Ok(false),
            (Some("deny" | "ambiguous"), result) => {
                let status = refused(result)?;
                assert_eq!((refused_fields(&status), status.code), (vec![field], Some(422)), "{sample}");
                Ok(false)
            }
            (verdict, result) => bail!("{verdict:?}, and {result:?}: {sample}"),
        }
    }

    /// Composes what Modelplane composes, by the facts that were observed of it.
    async fn compose(&self, sample: &Value) -> Result<()> {
        let (id, facts) = (sample["id"].as_str().context("an id")?, &sample["facts"]);
        let service = json!({
            "metadata": { "name": id },
            "spec": { "ports": [{ "name": "http", "port": facts["port"], "targetPort": facts["port"] }] },
        });
        let slice = json!({
            "metadata": { "name": id, "labels": { "kubernetes.io/service-name": id } },
            "addressType": facts["address_type"],
            "endpoints": [{ "addresses": [facts["host"]], "conditions": { "ready": true } }],
            "ports": [{ "name": "http", "port": facts["port"] }],
        });
        self.services
            .create(&dry_run(), &serde_json::from_value(service)?)
            .await
            .context(sample.to_string())?;
        self.slices.create(&dry_run(), &serde_json::from_value(slice)?).await.context(sample.to_string())?;
        Ok(())
    }
}

#[test]
fn what_is_admitted_can_be_composed_and_what_cannot_is_refused() {
    test(async {
        let consumers = Consumers::start(NAMESPACE).await?;
        let (mut composed, mut refused) = (0, 0);
        for sample in samples(include_str!("../corpus/urls.jsonl"))? {
            // the client library would send a spec of another type as something else
            if !sample["spec"].is_object() {
                continue;
            }
            if consumers.judge(&sample, "spec.url").await? {
                consumers.compose(&sample).await?;
                composed += 1;
            } else {
                refused += 1;
            }
        }
        assert_eq!((composed, refused), (370, 679));
        Ok(())
    });
}

#[test]
fn every_rewrite_path_that_the_gateway_cannot_use_is_refused() {
    test(async {
        let consumers = Consumers::start("rewrites").await?;
        let (mut admitted, mut refused) = (0, 0);
        for sample in samples(include_str!("../corpus/rewrite_paths.jsonl"))? {
            if consumers.judge(&sample, "spec.rewritePath").await? {
                admitted += 1;
            } else {
                refused += 1;
            }
        }
        assert_eq!((admitted, refused), (181, 133));
        Ok(())
    });
}
