//! The webhook configurations of deploy/, for one namespace, with what a variant changes about them.

use std::path::Path;

use anyhow::{Context, Result};
use control_plane::{ControlPlane, apply};
use k8s_openapi::ByteString;
use serde_json::{Value, json};

const DEPLOY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy");
/// What the API server asks the webhook's certificate for.
pub(crate) const HOST: &str = "modelendpoint-webhook.modelendpoint-webhook.svc";
/// One that mutates, one that validates.
pub(crate) const COUNT: u32 = 2;

#[derive(Clone, Copy)]
pub(crate) enum Change {
    Nothing,
    /// Takes out the condition that keeps `/mutate` from being called for what is in normal form.
    AlwaysMutate,
    /// Adds one that keeps `/validate` from being called for what Modelplane composes.
    SkipComposed,
}

/// Proves that no rule has anything to say: `http://<IPv4 or name>/<namespace>/<replica>/v1` with the
/// rewritePath that belongs to it. It knows nothing of a policy.
const IS_NOT_AS_COMPOSED: &str = r"!(request.operation == 'CREATE' &&
type(object.?spec.orValue(null)) == map &&
type(object.spec.?url.orValue(null)) == string &&
type(object.spec.?rewritePath.orValue(null)) == string &&
object.spec.url.size() <= 512 &&
object.spec.url.matches('^http://[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)+/[a-z0-9]([a-z0-9-]*[a-z0-9])?/[a-z0-9]([a-z0-9-]*[a-z0-9])?/v1$') &&
object.spec.url.endsWith(object.spec.rewritePath + 'v1') &&
object.spec.rewritePath.matches('^/[^/]+/[^/]+/$') &&
(isIP(object.spec.url.split('/')[2])
? ip(object.spec.url.split('/')[2]).isGlobalUnicast() &&
!(object.spec.url.split('/')[2] in ['100.100.100.200', '168.63.129.16', '192.0.0.192'])
: object.spec.url.split('/')[2].size() <= 253 &&
object.spec.url.split('/')[2].split('.').all(label, label.size() <= 63) &&
object.spec.url.matches('^http://[^/]*[.][a-z][a-z-]*/') &&
!object.spec.url.matches('^http://([^/]*[.])?(localhost|invalid|onion|localdomain)/') &&
!object.spec.url.matches('^http://(metadata|instance-data|api[.]metadata)[.]')))";

pub(crate) async fn register(
    control_plane: &ControlPlane,
    namespace: &str,
    port: u16,
    ca_bundle: &str,
    change: Change,
) -> Result<()> {
    let client = control_plane.client();
    let ca_bundle = serde_json::to_value(ByteString(ca_bundle.as_bytes().to_vec()))?;
    route_to_localhost(control_plane).await?;
    for mut configuration in control_plane::kustomize(Path::new(DEPLOY)).await? {
        let is_mutating = configuration["kind"] == "MutatingWebhookConfiguration";
        if !is_mutating && configuration["kind"] != "ValidatingWebhookConfiguration" {
            continue;
        }
        configuration["metadata"]["name"] = namespace.into();
        for webhook in configuration["webhooks"].as_array_mut().context("webhooks")? {
            let verb = if is_mutating { "mutate" } else { "validate" };
            webhook["name"] = format!("{verb}.{namespace}.modelendpoints.modelplane.ai").into();
            webhook["namespaceSelector"] = only(namespace);
            webhook["clientConfig"]["service"]["port"] = port.into();
            webhook["clientConfig"]["caBundle"] = ca_bundle.clone();
            let conditions = webhook["matchConditions"].as_array_mut().context("matchConditions")?;
            match change {
                Change::Nothing => {}
                Change::AlwaysMutate => {
                    conditions.retain(|condition| condition["name"] != "is-not-in-normal-form");
                }
                Change::SkipComposed if is_mutating => {}
                Change::SkipComposed => {
                    conditions
                        .push(json!({ "name": "is-not-as-composed", "expression": IS_NOT_AS_COMPOSED }));
                }
            }
        }
        apply(&client, &configuration).await?;
    }
    Ok(())
}

/// Selects one namespace.
pub(crate) fn only(namespace: &str) -> Value {
    json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace } })
}

/// There is no kube-proxy and no cluster DNS behind this API server.
async fn route_to_localhost(control_plane: &ControlPlane) -> Result<()> {
    let name = "modelendpoint-webhook";
    let client = control_plane.client();
    apply(&client, &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })).await?;
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": name, "namespace": name },
        "spec": { "type": "ExternalName", "externalName": "localhost" },
    });
    apply(&client, &service).await
}
