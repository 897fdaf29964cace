//! The contract with the consumers of a ModelEndpoint. The API server accepts what Modelplane composes from an
//! admitted endpoint, and what the consumers can't use is refused at the right field.

use anyhow::{Context, Result, bail};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, DynamicObject, PostParams};
use modelendpoint_core::endpoint::host::{Family, Host};
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

    /// Sends the sample through the API server as a dry run. Returns whether it would have been stored.
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

    /// Composes what Modelplane composes, from the facts that were observed about the sample.
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
            // The client library can't send a spec of another type as it is.
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
fn an_endpoint_slice_stands_behind_the_hosts_that_the_api_server_takes() {
    test(async {
        let consumers = Consumers::start("slices").await?;
        for text in [
            "10.0.1.50",
            "127.0.0.1",
            "0.0.0.0",
            "0.0.0.1",
            "169.254.1.1",
            "224.0.0.1",
            "224.0.1.1",
            "255.255.255.255",
            "1.2.3",
            "1.",
            "2130706433",
            "10.0.0.1.",
            "h.42",
            "h.example",
            "H.Example.",
            "h",
            "a_b.example",
            "a..b",
            "[2001:db8::10]",
            "[2001:DB8::A]",
            "[2001:db8:0:0::10]",
            "[::]",
            "[::1]",
            "[::2]",
            "[fe80::1]",
            "[fe80::1%25eth0]",
            "[fec0::1]",
            "[ff01::1]",
            "[ff02::1]",
            "[ff12::1]",
            "[ff05::2]",
            "[::ffff:10.0.0.5]",
            "[64:ff9b::7f00:1]",
            "[fd00:ec2::254]",
        ] {
            let host = Host::classify(text);
            let address_type = match host.family().context("a family")? {
                Family::Ipv4 => "IPv4",
                Family::Ipv6 => "IPv6",
                Family::Name => "FQDN",
            };
            let slice = json!({
                "metadata": { "name": "probe", "labels": { "kubernetes.io/service-name": "probe" } },
                "addressType": address_type,
                "endpoints": [{ "addresses": [text.trim_matches(['[', ']']).to_ascii_lowercase()] }],
                "ports": [{ "name": "", "port": 80 }],
            });
            let taken = match consumers.slices.create(&dry_run(), &serde_json::from_value(slice)?).await {
                Ok(_) => true,
                Err(kube::Error::Api(status)) if status.code == 422 => false,
                Err(error) => return Err(error.into()),
            };
            assert_eq!(host.is_taken_by_endpoint_slice(text), taken, "{text}");
        }
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
