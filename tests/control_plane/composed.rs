//! The contract with the gateway of Modelplane 0.5: the API server accepts what Modelplane composes of each endpoint that
//! the webhook admits, under definitions with what the gateway's own require.

use std::net::IpAddr;

use anyhow::{Context, Result};
use control_plane::{GATEWAY, install_definition};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::{Cluster, endpoint, spec, test};

const NAMESPACE: &str = "composed";

/// How Modelplane reads an origin: it splits at the first `://` and then at the first `:`.
struct Place<'a> {
    is_tls: bool,
    host: &'a str,
    port: u32,
}

impl<'a> Place<'a> {
    fn of(origin: &'a str) -> Result<Self> {
        let (scheme, rest) = origin.split_once("://").context("no separator")?;
        let (host, port) = rest.split_once(':').unwrap_or((rest, ""));
        let is_tls = scheme == "https";
        let port = match port {
            "" => {
                if is_tls {
                    443
                } else {
                    80
                }
            }
            digits => digits.parse()?,
        };
        Ok(Place { is_tls, host, port })
    }

    /// Of the corpus, which ran Modelplane's own code.
    fn observed(parse: &'a Value) -> Result<Self> {
        Ok(Place {
            is_tls: parse["tls"].as_bool().context("tls")?,
            host: parse["hostname"].as_str().context("hostname")?,
            port: u32::try_from(parse["port"].as_u64().context("port")?)?,
        })
    }

    fn backend(&self, cluster: Option<&str>) -> Value {
        let mut spec = json!({ "endpoints": [{ "fqdn": { "hostname": self.host, "port": self.port } }] });
        if self.is_tls {
            spec["tls"] = match cluster.filter(|cluster| !cluster.is_empty()) {
                Some(_) => json!({
                    "caCertificateRefs": [{ "kind": "ConfigMap", "group": "", "name": "cluster-ca" }],
                    "clientCertificateRef": { "kind": "Secret", "group": "", "name": "client-certificate" },
                    "sni": self.host,
                }),
                None => json!({ "wellKnownCACertificates": "System", "sni": self.host }),
            };
        }
        spec
    }

    /// Whether Envoy Gateway takes the name, which the definition does not ask: two labels, and no address.
    fn is_taken_by_envoy_gateway(&self) -> bool {
        self.host.contains('.') && self.host.parse::<IpAddr>().is_err()
    }
}

/// What Modelplane composes of an endpoint beside its Backend: each with its group and kind.
fn others(endpoint: &Value, is_modelplanes: bool) -> Vec<(&'static str, Value)> {
    let schema = &endpoint["api"]["schema"];
    let mut service_backend = json!({
        "schema": { "name": schema, "prefix": endpoint["api"]["prefix"] },
        "backendRef": { "group": "gateway.envoyproxy.io", "kind": "Backend", "name": "e" },
    });
    if !is_modelplanes {
        service_backend["headerMutation"] = json!({ "remove": ["x-modelplane-caller"] });
    }
    let mut reference = json!({ "name": "e", "weight": 1, "priority": 0 });
    if !endpoint["model"].is_null() {
        reference["modelNameOverride"] = endpoint["model"].clone();
    }
    let header = json!({ "type": "Exact", "name": "x-ai-eg-model", "value": "ml-team/qwen" });
    let route = json!({
        "parentRefs": [{
            "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "g", "namespace": "m", "sectionName": "https",
        }],
        "rules": [{
            "matches": [{ "headers": [header] }],
            "backendRefs": [reference],
            "timeouts": { "request": "600s" },
            "streamIdleTimeout": "60s",
            "modelsOwnedBy": "ml-team",
        }],
    });
    let mut composed = vec![("AIServiceBackend", service_backend), ("AIGatewayRoute", route)];
    if !endpoint["credential"].is_null() {
        let (kind, key) = match schema.as_str() {
            Some("Anthropic") => ("AnthropicAPIKey", "anthropicAPIKey"),
            _ => ("APIKey", "apiKey"),
        };
        let target = json!({ "group": "aigateway.envoyproxy.io", "kind": "AIServiceBackend", "name": "e" });
        let policy = json!({ "type": kind, key: { "secretRef": { "name": "e" } }, "targetRefs": [target] });
        composed.push(("BackendSecurityPolicy", policy));
    }
    composed
}

/// An API server with the gateway's definitions.
struct Gateway {
    cluster: Cluster,
    endpoints: Api<DynamicObject>,
}

impl Gateway {
    async fn start() -> Result<Self> {
        let cluster = Cluster::start_0_5().await?;
        for definition in GATEWAY {
            install_definition(&cluster.control_plane.client(), definition).await?;
        }
        let endpoints = cluster.namespace(NAMESPACE).await?;
        Ok(Gateway { cluster, endpoints })
    }

    /// Whether the API server accepts an object of this kind, with no field that it does not know.
    async fn accepts(&self, kind: &str, spec: &Value) -> Result<bool> {
        let (group, version) = match kind {
            "Backend" => ("gateway.envoyproxy.io", "v1alpha1"),
            _ => ("aigateway.envoyproxy.io", "v1beta1"),
        };
        let plural = match kind {
            "BackendSecurityPolicy" => "backendsecuritypolicies".to_owned(),
            _ => format!("{}s", kind.to_lowercase()),
        };
        let resource =
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), &plural);
        let object = DynamicObject::new("e", &resource).data(json!({ "spec": spec }));
        let api =
            Api::<DynamicObject>::namespaced_with(self.cluster.control_plane.client(), NAMESPACE, &resource);
        let dry_run = PatchParams { dry_run: true, ..PatchParams::apply("modelplane").validation_strict() };
        match api.patch("e", &dry_run, &Patch::Apply(&object)).await {
            Ok(_) => Ok(true),
            // a control character can't even be read
            Err(kube::Error::Api(status)) if [400, 422].contains(&status.code) => Ok(false),
            Err(error) => Err(error).context(format!("{kind}: {spec}")),
        }
    }

    /// Whether a Secret can have this name and this key.
    async fn can_exist(&self, reference: &Value) -> Result<bool> {
        let key = reference["key"].as_str().context("a key")?;
        let secret: Secret = serde_json::from_value(
            json!({ "metadata": { "name": reference["name"] }, "stringData": { key: "x" } }),
        )?;
        let secrets = Api::<Secret>::namespaced(self.cluster.control_plane.client(), NAMESPACE);
        match secrets.create(&PostParams { dry_run: true, ..PostParams::default() }, &secret).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.code == 422 => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

#[test]
fn all_that_is_composed_of_what_the_webhook_admits_is_accepted() {
    test(async {
        let gateway = Gateway::start().await?;
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        let (mut admitted, mut as_observed) = (0, 0);
        for line in include_str!("../corpus/origins.jsonl").lines() {
            let sample: Value = serde_json::from_str(line)?;
            let mut object = endpoint(sample["id"].as_str().context("an id")?, &sample["spec"]);
            let labels = &sample["metadata"]["labels"];
            if !labels.is_null() {
                object.metadata.labels = Some(serde_json::from_value(labels.clone())?);
            }
            // the definitions refuse what the gateway's own refused
            if let Some(is_accepted) = sample["labels"]["backend"]["accepted"].as_bool() {
                let place = Place::observed(&sample["labels"]["parse"])?;
                let accepted = gateway.accepts("Backend", &place.backend(None)).await?;
                assert_eq!(accepted, is_accepted, "{sample}");
                as_observed += 1;
            }
            let Ok(stored) = gateway.endpoints.create(&dry_run, &object).await else { continue };
            let stored = spec(&stored);
            let place = Place::of(stored["origin"].as_str().context("an origin")?)
                .with_context(|| format!("Modelplane raises: {stored}"))?;
            assert!(place.is_taken_by_envoy_gateway(), "{stored}");
            let cluster = labels["modelplane.ai/cluster"].as_str();
            assert!(gateway.accepts("Backend", &place.backend(cluster)).await?, "Backend: {stored}");
            for (kind, spec) in others(stored, cluster.is_some()) {
                assert!(gateway.accepts(kind, &spec).await?, "{kind}: {stored}");
            }
            let secret = &stored["credential"]["apiKey"]["secretRef"];
            assert!(secret.is_null() || gateway.can_exist(secret).await?, "Secret: {stored}");
            admitted += 1;
        }
        assert_eq!((admitted, as_observed), (160, 275));
        Ok(())
    });
}
