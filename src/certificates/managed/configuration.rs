//! A webhook configuration: reads and replaces its `caBundle`s.
//!
//! Only webhooks that call our Service are read and written. Other webhooks in the configuration belong to whoever added
//! them.

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use tokio::sync::watch::Receiver;
use tracing::info;

use super::authority::Authority;
use super::ca_bundle::Present;
use super::registration::{Field, Webhook, differences};
use super::watch::{Seen, Watched};

/// The owner of the fields that the server writes.
pub(crate) const FIELD_MANAGER: &str = "modelendpoint-webhook";

/// A Service that webhooks call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub namespace: String,
    pub name: String,
}

impl Service {
    /// The name that the API server asks for in the TLS handshake.
    #[must_use]
    pub fn dns_name(&self) -> String {
        format!("{}.{}.svc", self.name, self.namespace)
    }
}

/// Either kind of webhook configuration.
pub(crate) trait Configuration: Watched + Resource {
    /// The manifest that this version is installed with.
    const MANIFEST: &str;

    fn webhooks(&self) -> impl Iterator<Item = Webhook<'_>>;
}

impl Configuration for MutatingWebhookConfiguration {
    const MANIFEST: &str = include_str!("../../../deploy/base/mutating-webhook-configuration.yaml");

    fn webhooks(&self) -> impl Iterator<Item = Webhook<'_>> {
        self.webhooks.iter().flatten().map(|webhook| Webhook {
            name: &webhook.name,
            client: &webhook.client_config,
            rules: webhook.rules.as_deref().unwrap_or_default(),
            selectors: [webhook.namespace_selector.as_ref(), webhook.object_selector.as_ref()],
            conditions: webhook.match_conditions.as_deref().unwrap_or_default(),
            failure_policy: webhook.failure_policy.as_deref(),
        })
    }
}

impl Configuration for ValidatingWebhookConfiguration {
    const MANIFEST: &str = include_str!("../../../deploy/base/validating-webhook-configuration.yaml");

    fn webhooks(&self) -> impl Iterator<Item = Webhook<'_>> {
        self.webhooks.iter().flatten().map(|webhook| Webhook {
            name: &webhook.name,
            client: &webhook.client_config,
            rules: webhook.rules.as_deref().unwrap_or_default(),
            selectors: [webhook.namespace_selector.as_ref(), webhook.object_selector.as_ref()],
            conditions: webhook.match_conditions.as_deref().unwrap_or_default(),
            failure_policy: webhook.failure_policy.as_deref(),
        })
    }
}

/// One configuration, as it was last seen.
#[derive(Debug)]
pub(crate) struct Managed<K> {
    api: Api<K>,
    name: String,
    pub seen: Receiver<Seen<K>>,
}

/// What a configuration says about the webhooks that call our Service.
#[derive(Debug, Default)]
pub(crate) struct Registered {
    /// Whether the API server has answered.
    pub is_known: bool,
    version: Option<String>,
    webhooks: Vec<String>,
    /// The `caBundle` of each of these. Without a configuration there is none, and nobody calls.
    pub bundles: Vec<Present<Authority>>,
    /// The fields that differ from the manifest.
    pub differences: Vec<Field>,
}

impl<K: Configuration> Managed<K> {
    #[must_use]
    pub(crate) fn new(api: Api<K>, name: &str, seen: Receiver<Seen<K>>) -> Self {
        Self { api, name: name.to_owned(), seen }
    }

    pub(crate) fn look(&mut self, service: &Service) -> Registered {
        match &*self.seen.borrow_and_update() {
            Seen::Unknown => Registered::default(),
            Seen::Absent => Registered { is_known: true, ..Registered::default() },
            Seen::Present(configuration) => {
                let (webhooks, bundles) = ours(&**configuration, service)
                    .map(|(name, bundle)| (name.to_owned(), Authority::read_all(bundle).ok()))
                    .unzip();
                let version = configuration.resource_version();
                let differences = differences(configuration.webhooks(), K::MANIFEST, service);
                Registered { is_known: true, version, webhooks, bundles, differences }
            }
        }
    }

    /// Writes these `caBundle`s, one for each webhook or none.
    ///
    /// # Errors
    /// When the API server refuses, or another client wrote first.
    pub(crate) async fn write(
        &self,
        seen: &Registered,
        bundles: &[Option<Vec<Authority>>],
    ) -> kube::Result<()> {
        let replaced = seen.webhooks.iter().zip(bundles).filter_map(|(name, bundle)| {
            let pem: String = bundle.as_ref()?.iter().map(Authority::pem).collect();
            Some(json!({ "name": name, "clientConfig": { "caBundle": ByteString(pem.into_bytes()) } }))
        });
        let webhooks: Vec<_> = replaced.collect();
        if webhooks.is_empty() {
            return Ok(());
        }
        let patch = json!({ "metadata": { "resourceVersion": seen.version }, "webhooks": webhooks });
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        self.api.patch_metadata(&self.name, &params, &Patch::Strategic(patch)).await?;
        info!(kind = K::KIND, name = self.name, "wrote the trusted CAs into caBundle");
        Ok(())
    }
}

/// The webhooks that call the Service, each with its `caBundle`.
fn ours<'a, K: Configuration>(
    configuration: &'a K,
    service: &'a Service,
) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    configuration.webhooks().filter_map(|Webhook { name, client, .. }| {
        let called = client.service.as_ref()?;
        let is_ours = called.name == service.name && called.namespace == service.namespace;
        is_ours.then(|| (name, client.ca_bundle.as_ref().map_or(&[][..], |bundle| &bundle.0)))
    })
}
