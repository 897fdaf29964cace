//! ModelEndpoints of a version that the rules do not know.

use std::time::Duration;

use anyhow::{Context, Result};
use control_plane::{
    ControlPlane, Seen, eventually, install_definition, model_endpoint_definition, model_endpoint_resource,
};
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams,
};
use serde_json::{Value, json};

use crate::cluster::{Cluster, refused, refused_fields, spec, test};

const NOTICED_WITHIN: Duration = Duration::from_secs(30);
const MESSAGE: &str = "`ModelEndpoint` of `modelplane.ai/v2` cannot be judged: this modelendpoint-webhook knows \
                       `ModelEndpoint` of `modelplane.ai/v1alpha1` only; write that version, upgrade \
                       modelendpoint-webhook, or correct the rules of its webhook configuration";

fn v2() -> ApiResource {
    let kind = GroupVersionKind::gvk("modelplane.ai", "v2", "ModelEndpoint");
    ApiResource::from_gvk_with_plural(&kind, "modelendpoints")
}

fn endpoint(name: &str, spec: &Value) -> DynamicObject {
    DynamicObject::new(name, &v2()).data(json!({ "spec": spec }))
}

/// A control plane that serves v2 as well, and the endpoints of its namespace `default` through v2.
async fn with_v2() -> Result<(Cluster, Api<DynamicObject>)> {
    let mut definition = model_endpoint_definition()?;
    let mut version = definition.spec.versions.first().context("a version")?.clone();
    (version.name, version.storage) = ("v2".to_owned(), false);
    definition.spec.versions.push(version);
    let control_plane = ControlPlane::start().await?;
    install_definition(&control_plane.client(), &serde_json::to_string(&definition)?).await?;
    let endpoints = Api::namespaced_with(control_plane.client(), "default", &v2());
    Ok((Cluster::with_webhook(control_plane).await?, endpoints))
}

/// Registers the webhooks for every version, as somebody might.
async fn register_for_every_version(cluster: &Cluster, endpoints: &Api<DynamicObject>) -> Result<()> {
    let client = cluster.control_plane.client();
    let every = |webhook: &str| {
        let rule = json!({
            "apiGroups": ["modelplane.ai"],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["modelendpoints"],
        });
        Patch::Strategic(json!({ "webhooks": [{ "name": webhook, "rules": [rule] }] }))
    };
    let (name, patch) = ("modelendpoint-webhook", PatchParams::default());
    Api::<MutatingWebhookConfiguration>::all(client.clone())
        .patch(name, &patch, &every("mutate.modelendpoints.modelplane.ai"))
        .await?;
    Api::<ValidatingWebhookConfiguration>::all(client)
        .patch(name, &patch, &every("validate.modelendpoints.modelplane.ai"))
        .await?;
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    for path in ["/a", "/a/"] {
        let probe = endpoint("probe", &json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": path }));
        eventually("a call for v2", NOTICED_WITHIN, async || {
            Ok(match endpoints.create(&dry_run, &probe).await {
                Ok(_) => Seen::NotYet("it was converted to v1alpha1".to_owned()),
                Err(_) => Seen::Done(()),
            })
        })
        .await?;
    }
    Ok(())
}

#[test]
fn what_is_written_through_another_version_is_converted_and_judged() {
    test(async {
        let (_cluster, endpoints) = with_v2().await?;
        let post = PostParams::default();
        let status =
            refused(endpoints.create(&post, &endpoint("bad", &json!({ "url": "http://[::1" }))).await)?;
        assert_eq!(refused_fields(&status), ["spec.url"]);
        let created =
            endpoints.create(&post, &endpoint("good", &json!({ "url": "http://10.0.1.50/a/v1" }))).await?;
        assert_eq!(spec(&created), &json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" }));
        let url = Patch::Merge(json!({ "spec": { "url": "http://[::1" } }));
        let status = refused(endpoints.patch("good", &PatchParams::default(), &url).await)?;
        assert_eq!(refused_fields(&status), ["spec.url"]);
        Ok(())
    });
}

#[test]
fn an_unknown_version_is_refused_in_words_and_blocks_no_deletion() {
    test(async {
        let (cluster, endpoints) = with_v2().await?;
        let spec = json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" });
        let post = PostParams::default();
        let mut kept = endpoint("kept", &spec);
        kept.metadata.finalizers = Some(vec!["example.org/keep".to_owned()]);
        endpoints.create(&post, &kept).await?;
        register_for_every_version(&cluster, &endpoints).await?;

        let status = refused(endpoints.create(&post, &endpoint("e", &spec)).await)?;
        assert_eq!(
            (status.code, status.reason.as_deref(), refused_fields(&status)),
            (Some(422), Some("Invalid"), vec!["apiVersion"])
        );
        let url = Patch::Merge(json!({ "spec": { "url": "http://10.0.1.51/a/v1" } }));
        let status = refused(endpoints.patch("kept", &PatchParams::default(), &url).await)?;
        assert_eq!(refused_fields(&status), ["apiVersion"]);
        let mut manifest = serde_json::to_value(endpoint("e", &spec))?;
        manifest["metadata"]["namespace"] = json!("default");
        let printed = cluster.kubectl(&["create", "-f", "-"], &manifest.to_string()).await?;
        assert_eq!(
            (printed.code, printed.stdout.as_str(), printed.stderr),
            (Some(1), "", format!("The ModelEndpoint \"e\" is invalid: apiVersion: {MESSAGE}\n"))
        );
        assert!(endpoints.get_opt("e").await?.is_none());

        // The known version is judged as before.
        let known: Api<DynamicObject> =
            Api::namespaced_with(cluster.control_plane.client(), "default", &model_endpoint_resource());
        known.patch("kept", &PatchParams::default(), &url).await?;

        // The endpoint can still be deleted.
        let labels = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
        endpoints.patch("kept", &PatchParams::default(), &labels).await?;
        endpoints.delete("kept", &DeleteParams::default()).await?;
        let none = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        endpoints.patch("kept", &PatchParams::default(), &none).await?;
        assert!(endpoints.get_opt("kept").await?.is_none());
        Ok(())
    });
}
