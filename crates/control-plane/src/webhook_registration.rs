//! The manifests of a deployment in, an API server that calls the webhook out.
//!
//! There is no kube-proxy and no cluster DNS, so the API server can't reach the Service that the manifests name. A
//! Service of type `ExternalName` leads it to `localhost` instead, with the same name for TLS. So what is registered
//! equals what is deployed, except for the port and the `caBundle`.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, Error,
    api::{DeleteParams, DynamicObject, PostParams},
};
use serde_json::{Value, json};

use crate::{
    ControlPlane,
    eventually::{Seen, eventually},
    manifests::{api, apply, kustomize, name},
    model_endpoint_resource,
};

const CALLED_WITHIN: Duration = Duration::from_secs(30);
const MUTATING: &str = "MutatingWebhookConfiguration";
const VALIDATING: &str = "ValidatingWebhookConfiguration";

/// The webhook configurations that the API server now uses.
///
/// A drop does not remove them. They end with the control plane.
pub struct WebhookRegistration {
    client: Client,
    configurations: Vec<Value>,
}

impl ControlPlane {
    /// Registers the webhooks of `kubectl kustomize <deploy_directory>` at `port` of localhost, with `ca_bundle`, and
    /// waits until the API server calls them.
    ///
    /// The definition of `ModelEndpoint` must be installed. To register another
    /// webhook, [unregister](WebhookRegistration::unregister) this one first.
    pub async fn register_webhooks(
        &self,
        deploy_directory: &Path,
        port: u16,
        ca_bundle: &str,
    ) -> Result<WebhookRegistration> {
        let rendered = kustomize(deploy_directory).await?;
        let configurations = configurations(&rendered, port, ca_bundle)?;
        ensure!(
            !configurations.is_empty(),
            "there is no {MUTATING} and no {VALIDATING} in {}",
            deploy_directory.display()
        );
        let client = self.client();
        for (namespace, service) in services(&configurations) {
            route_to_localhost(&client, namespace, service).await?;
        }
        for configuration in &configurations {
            apply(&client, configuration).await?;
        }
        let registration = WebhookRegistration { client, configurations };
        registration.called().await?;
        Ok(registration)
    }
}

impl WebhookRegistration {
    /// Removes the webhooks and waits until the API server no longer calls them.
    pub async fn unregister(self) -> Result<()> {
        for configuration in &self.configurations {
            api(&self.client, configuration).delete(name(configuration)?, &DeleteParams::default()).await?;
        }
        eventually("the end of the validating webhook", CALLED_WITHIN, async || {
            Ok(match probe(&self.client, UNPARSABLE).await {
                Ok(_) => Seen::Done(()),
                Err(error) => Seen::not_yet(&error),
            })
        })
        .await?;
        eventually("the end of the mutating webhook", CALLED_WITHIN, async || {
            Ok(match probe(&self.client, NOT_NORMAL).await {
                Ok(stored) if !is_changed(&stored) => Seen::Done(()),
                Ok(stored) => Seen::NotYet(format!("stored changed: {stored}")),
                Err(error) => Seen::not_yet(&error),
            })
        })
        .await
    }

    /// The API server learns about a configuration some time after it is stored, so only the result of a request
    /// shows whether it has.
    async fn called(&self) -> Result<()> {
        let registers = |kind| self.configurations.iter().any(|c| c["kind"] == kind);
        if registers(MUTATING) {
            eventually("a call of the mutating webhook", CALLED_WITHIN, async || {
                Ok(match probe(&self.client, NOT_NORMAL).await {
                    Ok(stored) if is_changed(&stored) => Seen::Done(()),
                    Ok(stored) => Seen::NotYet(format!("stored as it was sent: {stored}")),
                    Err(error) => Seen::not_yet(&error),
                })
            })
            .await?;
        }
        if registers(VALIDATING) {
            eventually("a denial by the validating webhook", CALLED_WITHIN, async || {
                Ok(match probe(&self.client, UNPARSABLE).await {
                    Err(Error::Api(status)) if is_denial(&status) => Seen::Done(()),
                    Err(error) => Seen::not_yet(&error),
                    Ok(_) => Seen::NotYet("`http://[::1` was admitted".to_owned()),
                })
            })
            .await?;
        }
        Ok(())
    }
}

/// `url`, `rewritePath` and `origin` of an endpoint that the webhook refuses.
const UNPARSABLE: [&str; 3] = ["http://[::1", "/probe/", "https://model.example.org://x"];
/// The same for an endpoint that the mutating webhook changes.
const NOT_NORMAL: [&str; 3] = ["https://model.example.org/probe/v1", "/probe", "https://MODEL.example.org"];

/// Whether a mutating webhook changed [`NOT_NORMAL`].
fn is_changed(stored: &Value) -> bool {
    stored["rewritePath"] == "/probe/" || stored["origin"] == "https://model.example.org"
}

/// A spec for the generation that the cluster serves.
async fn probe(client: &Client, [url, rewrite_path, origin]: [&str; 3]) -> kube::Result<Value> {
    let spec = if serves_origin(client).await? {
        json!({ "origin": origin })
    } else {
        json!({ "url": url, "rewritePath": rewrite_path })
    };
    let resource = model_endpoint_resource();
    let endpoints = Api::<DynamicObject>::namespaced_with(client.clone(), "default", &resource);
    let endpoint = DynamicObject::new("is-the-webhook-called", &resource).data(json!({ "spec": spec }));
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    let mut stored = endpoints.create(&dry_run, &endpoint).await?;
    Ok(stored.data["spec"].take())
}

/// Whether the definition of the resource has the fields of Modelplane 0.5.
async fn serves_origin(client: &Client) -> kube::Result<bool> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition = definitions.get("modelendpoints.modelplane.ai").await?;
    let schemas =
        definition.spec.versions.into_iter().filter_map(|version| version.schema?.open_api_v3_schema);
    let specs = schemas.filter_map(|mut schema| schema.properties.as_mut()?.remove("spec"));
    Ok(specs.filter_map(|spec| spec.properties).any(|properties| properties.contains_key("origin")))
}

/// Whether the webhook refused it, and not the schema or a failed call.
fn is_denial(status: &kube::core::Status) -> bool {
    let has_causes = || status.details.as_ref().is_some_and(|d| !d.causes.is_empty());
    status.message.contains("denied the request") || (status.reason == "Invalid" && has_causes())
}

/// The webhook configurations in `manifests`, with only the port and the `caBundle` filled in.
fn configurations(manifests: &[Value], port: u16, ca_bundle: &str) -> Result<Vec<Value>> {
    let ca_bundle = serde_json::to_value(ByteString(ca_bundle.as_bytes().to_vec()))?;
    let mut configurations: Vec<Value> = manifests
        .iter()
        .filter(|manifest| manifest["kind"] == MUTATING || manifest["kind"] == VALIDATING)
        .cloned()
        .collect();
    for configuration in &mut configurations {
        let webhooks = configuration["webhooks"].as_array_mut();
        for webhook in webhooks.context("a webhook configuration has no webhooks")? {
            ensure!(
                webhook["clientConfig"]["service"].is_object(),
                "a webhook has no clientConfig.service: {webhook}"
            );
            webhook["clientConfig"]["service"]["port"] = json!(port);
            webhook["clientConfig"]["caBundle"] = ca_bundle.clone();
        }
    }
    Ok(configurations)
}

/// Namespace and name of the Services through which the webhooks are called.
fn services(configurations: &[Value]) -> impl Iterator<Item = (&str, &str)> {
    configurations
        .iter()
        .flat_map(|configuration| configuration["webhooks"].as_array().into_iter().flatten())
        .filter_map(|webhook| {
            let service = &webhook["clientConfig"]["service"];
            Some((service["namespace"].as_str()?, service["name"].as_str()?))
        })
}

async fn route_to_localhost(client: &Client, namespace: &str, service: &str) -> Result<()> {
    let namespace_object = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": namespace},
    });
    apply(client, &namespace_object).await?;
    let service_object = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": service, "namespace": namespace},
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    });
    apply(client, &service_object).await
}
