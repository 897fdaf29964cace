//! From the fixture to an API server that serves `ModelEndpoint`s.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams},
    discovery::Discovery,
};

use crate::eventually::{Seen, eventually};

/// The definition of `ModelEndpoint`, as Crossplane makes it.
const FIXTURE: &str = include_str!("../fixtures/modelendpoints-crd.yaml");

const SERVED_WITHIN: Duration = Duration::from_secs(30);

/// For an [`Api`] of `ModelEndpoint`s.
#[must_use]
pub fn model_endpoint_resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("modelplane.ai", "v1alpha1", "ModelEndpoint"))
}

/// Applies the definition and waits until `ModelEndpoint`s are served, and
/// until kubectl can find out that they are.
pub async fn install_crd(client: &Client) -> Result<()> {
    let definition: CustomResourceDefinition =
        serde_saphyr::from_str(FIXTURE).context("the definition of ModelEndpoint doesn't parse")?;
    let name = definition.metadata.name.clone().unwrap_or_default();
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    let apply = PatchParams::apply("control-plane").force().validation_strict();
    definitions
        .patch(&name, &apply, &Patch::Apply(&definition))
        .await
        .with_context(|| format!("could not apply {name}"))?;
    eventually(&format!("serving {name}"), SERVED_WITHIN, async || {
        Ok(match served(client, &definitions.get(&name).await?).await {
            Ok(true) => Seen::Done(()),
            Ok(false) => Seen::NotYet("not established, or not in discovery".to_owned()),
            Err(error) => Seen::not_yet(&error),
        })
    })
    .await
}

async fn served(client: &Client, definition: &CustomResourceDefinition) -> kube::Result<bool> {
    let established = definition
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|condition| condition.type_ == "Established" && condition.status == "True");
    if !established {
        return Ok(false);
    }
    let resource = model_endpoint_resource();
    Api::<DynamicObject>::all_with(client.clone(), &resource).list(&ListParams::default().limit(1)).await?;
    let discovery = Discovery::new(client.clone()).filter(&[&resource.group]).run_aggregated().await?;
    let kind = GroupVersionKind::gvk(&resource.group, &resource.version, &resource.kind);
    Ok(discovery.resolve_gvk(&kind).is_some())
}
