//! The Secret: read as it was last seen, written only if nobody wrote it meanwhile.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;

use super::configuration::FIELD_MANAGER;
use super::stored::{Data, KEYS};
use super::watch::Seen;

#[derive(Debug)]
pub struct ManagedSecret {
    api: Api<Secret>,
    name: String,
    pub seen: Receiver<Seen<Secret>>,
}

impl ManagedSecret {
    #[must_use]
    pub fn new(api: Api<Secret>, name: String, seen: Receiver<Seen<Secret>>) -> Self {
        Self { api, name, seen }
    }

    /// Makes the Secret, empty, if it does not exist.
    ///
    /// By an apply and not by a POST: the right to create can then be given for this name alone, and
    /// replicas that do it at the same time do the same thing.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn create(&self) -> kube::Result<()> {
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": self.name,
                "labels": { "app.kubernetes.io/name": "modelendpoint-webhook" },
                "annotations": { "kubernetes.io/description": DESCRIPTION },
            },
            "type": "Opaque",
        });
        self.api
            .patch_metadata(&self.name, &PatchParams::apply(FIELD_MANAGER), &Patch::Apply(secret))
            .await?;
        Ok(())
    }

    /// Writes our keys into the version that `seen` is, and fails with a conflict when it is not the
    /// current one. What else is in the Secret is left alone.
    ///
    /// # Errors
    /// When the API server refuses, or someone was faster.
    pub async fn replace(&self, seen: &Secret, data: &Data) -> kube::Result<()> {
        let changes: Value = KEYS.iter().map(|&key| (key.to_owned(), json!(data.get(key)))).collect();
        let patch = json!({ "metadata": { "resourceVersion": seen.resource_version() }, "data": changes });
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        self.api.patch_metadata(&self.name, &params, &Patch::Merge(patch)).await?;
        Ok(())
    }
}

const DESCRIPTION: &str = "The CA and the certificate of the webhook, which makes, renews and repairs them \
                           itself. Keep it out of backups and GitOps.";
