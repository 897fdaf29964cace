//! A definition in, an API server that serves `ModelEndpoint`s out.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionSpec,
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams},
    discovery::Discovery,
};

use crate::eventually::{Seen, eventually};

/// The definition of `ModelEndpoint` before Modelplane 0.5, as Crossplane creates it.
const FIXTURE: &str = include_str!("../fixtures/modelendpoints-crd.yaml");
/// The same for Modelplane 0.5, which has other fields.
const FIXTURE_0_5: &str = include_str!("../fixtures/modelendpoints-0.5-crd.yaml");

/// For [`install_definition`]: the reports of OpenReports.
pub const REPORTS: &str = include_str!("../fixtures/reports-crd.yaml");

/// For [`install_definition`]: the kind of reports before OpenReports.
pub const POLICY_REPORTS: &str = include_str!("../fixtures/policyreports-crd.yaml");

/// For [`install_definition`]: what Modelplane 0.5 composes of a ModelEndpoint, as far as the objects that it composes
/// need it: `Backend`, `AIServiceBackend`, `BackendSecurityPolicy`, `AIGatewayRoute`.
pub const GATEWAY: [&str; 4] = [
    include_str!("../fixtures/backends-crd.yaml"),
    include_str!("../fixtures/aiservicebackends-crd.yaml"),
    include_str!("../fixtures/backendsecuritypolicies-crd.yaml"),
    include_str!("../fixtures/aigatewayroutes-crd.yaml"),
];

const SERVED_WITHIN: Duration = Duration::from_secs(30);

/// For an [`Api`] of `ModelEndpoint`s.
#[must_use]
pub fn model_endpoint_resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("modelplane.ai", "v1alpha1", "ModelEndpoint"))
}

/// The definition of `ModelEndpoint`, for installing it with changes.
pub fn model_endpoint_definition() -> Result<CustomResourceDefinition> {
    serde_saphyr::from_str(FIXTURE).context("the definition of ModelEndpoint doesn't parse")
}

/// The same of Modelplane 0.5.
pub fn model_endpoint_definition_0_5() -> Result<CustomResourceDefinition> {
    serde_saphyr::from_str(FIXTURE_0_5).context("the definition of ModelEndpoint doesn't parse")
}

/// Applies the definition of `ModelEndpoint` before Modelplane 0.5 and waits until it is served.
pub async fn install_crd(client: &Client) -> Result<()> {
    install_definition(client, FIXTURE).await
}

/// Applies the definition of `ModelEndpoint` of Modelplane 0.5, which replaces the other one, and waits until it is
/// served.
pub async fn install_crd_0_5(client: &Client) -> Result<()> {
    install_definition(client, FIXTURE_0_5).await
}

/// Applies a definition, in YAML or JSON, and waits until its objects are served and kubectl can discover them.
pub async fn install_definition(client: &Client, text: &str) -> Result<()> {
    let definition: CustomResourceDefinition =
        serde_saphyr::from_str(text).context("a CustomResourceDefinition doesn't parse")?;
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
    let CustomResourceDefinitionSpec { group, versions, names, .. } = &definition.spec;
    for version in versions.iter().filter(|version| version.served) {
        let kind = GroupVersionKind::gvk(group, &version.name, &names.kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, &names.plural);
        let objects = Api::<DynamicObject>::all_with(client.clone(), &resource);
        objects.list(&ListParams::default().limit(1)).await?;
        let discovery = Discovery::new(client.clone()).filter(&[group]).run_aggregated().await?;
        if discovery.resolve_gvk(&kind).is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
