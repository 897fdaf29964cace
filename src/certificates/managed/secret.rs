//! The Secret: it is read from the watch, and written only if nobody else has written it since.

use std::time::SystemTime;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;

use super::configuration::FIELD_MANAGER;
use super::stored::{AUTHORITIES, Data, KEYS};
use super::watch::Seen;

#[derive(Debug)]
pub(crate) struct ManagedSecret {
    api: Api<Secret>,
    name: String,
    pub seen: Receiver<Seen<Secret>>,
}

impl ManagedSecret {
    #[must_use]
    pub(crate) fn new(api: Api<Secret>, name: String, seen: Receiver<Seen<Secret>>) -> Self {
        Self { api, name, seen }
    }

    /// Creates an empty Secret if it does not exist.
    ///
    /// This is an apply and not a POST, so that the right to create can be limited to this name, and replicas that do it at
    /// the same time do not conflict.
    ///
    /// # Errors
    /// When the API server refuses.
    pub(crate) async fn create(&self) -> kube::Result<()> {
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

    /// Asks the API server whether this is still the current version of the Secret.
    ///
    /// # Errors
    /// When the API server refuses.
    pub(crate) async fn is_still(&self, seen: &Secret) -> kube::Result<bool> {
        let now = self.api.get_opt(&self.name).await?;
        Ok(now.is_some_and(|now| now.resource_version() == seen.resource_version()))
    }

    /// Writes our keys into this version of the Secret, and fails with a conflict if it is not the current one. Other keys
    /// stay as they are.
    ///
    /// # Errors
    /// When the API server refuses, or another client wrote first.
    pub(crate) async fn replace(&self, seen: &Secret, data: &Data) -> kube::Result<()> {
        let changes: Value = KEYS.iter().map(|&key| (key.to_owned(), json!(data.get(key)))).collect();
        let patch = json!({ "metadata": { "resourceVersion": seen.resource_version() }, "data": changes });
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        self.api.patch_metadata(&self.name, &params, &Patch::Merge(patch)).await?;
        Ok(())
    }
}

/// When a replica last wrote the CAs, by the clock of the API server, which records who wrote what. `None` if another
/// client has written them since.
#[must_use]
pub(crate) fn written(secret: &Secret) -> Option<SystemTime> {
    let entries = secret.metadata.managed_fields.iter().flatten();
    let times = entries.filter_map(|entry| {
        let is_ours = entry.manager.as_deref() == Some(FIELD_MANAGER);
        let fields = &entry.fields_v1.as_ref()?.0;
        let has_authorities = !fields["f:data"][format!("f:{AUTHORITIES}")].is_null();
        (is_ours && has_authorities).then(|| entry.time.as_ref().map(|time| time.0.into()))?
    });
    times.max()
}

const DESCRIPTION: &str = "The CA and the certificate of the webhook, which makes, renews and repairs them \
                           itself. Keep it out of backups and GitOps.";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn secret(manager: &str, fields: &Value) -> Secret {
        let entry = json!({
            "manager": manager,
            "operation": "Update",
            "time": "2026-11-26T00:00:00Z",
            "fieldsV1": fields,
        });
        serde_json::from_value(json!({ "metadata": { "managedFields": [{}, entry] } })).unwrap()
    }

    #[test]
    fn the_time_of_the_last_write_is_that_of_our_own_entry() {
        let authorities = json!({ "f:data": { "f:ca.crt": {}, "f:tls.crt": {} } });
        let time = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 20_783);
        assert_eq!(written(&secret(FIELD_MANAGER, &authorities)), Some(time));
        assert_eq!(written(&secret("kubectl", &authorities)), None);
        assert_eq!(written(&secret(FIELD_MANAGER, &json!({ "f:metadata": {} }))), None);
        assert_eq!(written(&Secret::default()), None);
    }
}
