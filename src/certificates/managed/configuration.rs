//! A webhook configuration: what is in its `caBundle`s, and how they are replaced.
//!
//! Only webhooks that call our Service are looked at and written; whatever else someone put into the
//! configuration is theirs.

use std::time::SystemTime;

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use tokio::sync::watch::Receiver;
use tracing::info;

use super::authority::Authority;
use super::ca_bundle;
use super::watch::{Seen, Watched};

/// Who the fields that we write belong to.
pub const FIELD_MANAGER: &str = "modelendpoint-webhook";

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
pub trait Configuration: Watched + Resource {
    /// The name of each webhook, and how it is called.
    fn webhooks(&self) -> impl Iterator<Item = (&str, &WebhookClientConfig)>;
}

impl Configuration for MutatingWebhookConfiguration {
    fn webhooks(&self) -> impl Iterator<Item = (&str, &WebhookClientConfig)> {
        self.webhooks.iter().flatten().map(|webhook| (webhook.name.as_str(), &webhook.client_config))
    }
}

impl Configuration for ValidatingWebhookConfiguration {
    fn webhooks(&self) -> impl Iterator<Item = (&str, &WebhookClientConfig)> {
        self.webhooks.iter().flatten().map(|webhook| (webhook.name.as_str(), &webhook.client_config))
    }
}

/// One configuration, as it was last seen.
#[derive(Debug)]
pub struct Managed<K> {
    api: Api<K>,
    name: String,
    pub seen: Receiver<Seen<K>>,
}

impl<K: Configuration> Managed<K> {
    #[must_use]
    pub fn new(api: Api<K>, name: &str, seen: Receiver<Seen<K>>) -> Self {
        Self { api, name: name.to_owned(), seen }
    }

    /// Whether whoever this configuration makes call the Service trusts the CA. Where there is no
    /// configuration, nobody calls.
    #[must_use]
    pub fn trusts(&self, authority: &Authority, service: &Service) -> bool {
        match &*self.seen.borrow() {
            Seen::Unknown => false,
            Seen::Absent => true,
            Seen::Present(configuration) => ours(&**configuration, service).all(|(_, bundle)| {
                Authority::read_all(bundle).is_ok_and(|trusted| trusted.contains(authority))
            }),
        }
    }

    /// Writes the `caBundle`s that lack a CA, or hold what should not be there. Whether there were any.
    ///
    /// # Errors
    /// When the API server refuses, or someone was faster.
    pub async fn repair(
        &self,
        wanted: &[&Authority],
        service: &Service,
        now: SystemTime,
    ) -> kube::Result<bool> {
        let Some((version, webhooks)) = self.to_repair(wanted, service, now) else {
            return Ok(false);
        };
        let patch = json!({ "metadata": { "resourceVersion": version }, "webhooks": webhooks });
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        self.api.patch_metadata(&self.name, &params, &Patch::Strategic(patch)).await?;
        info!(kind = K::KIND, name = self.name, "wrote the CAs to trust into caBundle");
        Ok(true)
    }

    /// The version that was looked at, and a strategic merge patch for the webhooks in it.
    fn to_repair(
        &self,
        wanted: &[&Authority],
        service: &Service,
        now: SystemTime,
    ) -> Option<(String, Vec<serde_json::Value>)> {
        let Seen::Present(configuration) = &*self.seen.borrow() else { return None };
        let webhooks: Vec<_> = ours(&**configuration, service)
            .filter_map(|(name, present)| {
                let bundle = ca_bundle::repair(present, wanted, now)?;
                let bundle = ByteString(ca_bundle::pem(&bundle).into_bytes());
                Some(json!({ "name": name, "clientConfig": { "caBundle": bundle } }))
            })
            .collect();
        (!webhooks.is_empty()).then(|| (configuration.resource_version().unwrap_or_default(), webhooks))
    }
}

/// The webhooks that call the Service, each with its `caBundle`.
fn ours<'a, K: Configuration>(
    configuration: &'a K,
    service: &'a Service,
) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    configuration.webhooks().filter_map(|(name, client)| {
        let called = client.service.as_ref()?;
        let is_ours = called.name == service.name && called.namespace == service.namespace;
        is_ours.then(|| (name, client.ca_bundle.as_ref().map_or(&[][..], |bundle| &bundle.0)))
    })
}
