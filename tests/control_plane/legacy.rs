//! Endpoints that were stored before the webhook was installed.

use control_plane::{ControlPlane, install_crd, model_endpoint_resource};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::{Cluster, endpoint, refused, refused_fields, shared, spec, test};

#[test]
fn an_invalid_endpoint_from_before_can_be_worked_with_and_deleted() {
    test(async {
        let control_plane = ControlPlane::start().await?;
        install_crd(&control_plane.client()).await?;
        let endpoints: Api<DynamicObject> =
            Api::namespaced_with(control_plane.client(), "default", &model_endpoint_resource());
        let mut old = endpoint("old", &json!({ "url": "http://[::1", "rewritePath": "no//slash" }));
        old.metadata.finalizers = Some(vec!["example.org/keep".to_owned()]);
        endpoints.create(&PostParams::default(), &old).await?;
        let cluster = Cluster::with_webhook(control_plane).await?;

        let patch = PatchParams::default();
        let labels = json!({ "metadata": { "labels": { "a": "b" } } });
        endpoints.patch("old", &patch, &Patch::Merge(labels)).await?;
        let finalizers = json!({ "metadata": { "finalizers": ["example.org/keep", "example.org/more"] } });
        endpoints.patch("old", &patch, &Patch::Merge(finalizers)).await?;
        let status = json!({ "status": { "routing": { "backendName": "b" } } });
        endpoints.patch_status("old", &patch, &Patch::Merge(status)).await?;
        let applied = endpoint("old", &json!({ "crossplane": { "compositionUpdatePolicy": "Manual" } }));
        endpoints.patch("old", &PatchParams::apply("ada"), &Patch::Apply(applied)).await?;

        // When the url changes, the whole endpoint is judged.
        let url = json!({ "spec": { "url": "http://[::2" } });
        let status = refused(endpoints.patch("old", &patch, &Patch::Merge(url)).await)?;
        assert_eq!(refused_fields(&status), ["spec.url", "spec.rewritePath"]);

        endpoints.delete("old", &DeleteParams::default()).await?;
        let deleting = endpoints.get("old").await?;
        assert!(deleting.metadata.deletion_timestamp.is_some());
        let none = json!({ "metadata": { "finalizers": null } });
        endpoints.patch("old", &patch, &Patch::Merge(none)).await?;
        assert!(endpoints.get_opt("old").await?.is_none());
        drop(cluster);
        Ok(())
    });
}

/// As Modelplane's function for endpoints composes it.
fn slice(address_type: &str, address: &str) -> Patch<Value> {
    Patch::Apply(json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": { "name": "stuck", "labels": { "kubernetes.io/service-name": "stuck" } },
        "addressType": address_type,
        "endpoints": [{ "addresses": [address], "conditions": { "ready": true } }],
        "ports": [{ "name": "http", "port": 80 }],
    }))
}

/// The host was changed before the webhook was installed. The slice stays as it was: the API server refuses to change
/// it as `Invalid`, so Crossplane continues, and reports the failure in the endpoint's conditions.
#[test]
fn an_endpoint_whose_slice_is_stuck_can_be_changed_back() {
    test(async {
        let cluster = shared().await?;
        let endpoints = cluster.namespace("stuck").await?;
        let slices: Api<EndpointSlice> = Api::namespaced(cluster.control_plane.client(), "stuck");
        let crossplane = PatchParams::apply("apiextensions.crossplane.io/composed/0").force();
        slices.patch("stuck", &crossplane, &slice("IPv4", "10.0.1.50")).await?;
        let status = refused(slices.patch("stuck", &crossplane, &slice("FQDN", "llm.example.com")).await)?;
        assert_eq!((status.code, status.reason.as_deref()), (Some(422), Some("Invalid")));

        let named = json!({ "url": "http://llm.example.com/v1", "rewritePath": "/" });
        endpoints.create(&PostParams::default(), &endpoint("stuck", &named)).await?;
        let patch = PatchParams::default();
        let back = Patch::Merge(json!({ "spec": { "url": "http://10.0.1.50/v1" } }));
        let status = refused(endpoints.patch("stuck", &patch, &back).await)?;
        let message = status.message.unwrap_or_default();
        assert!(message.contains("Modelplane itself recreates an endpoint that it composed"), "{message}");

        let generation = endpoints.get("stuck").await?.metadata.generation;
        let unsynced = json!({ "status": { "conditions": [{
            "type": "Synced",
            "status": "False",
            "reason": "ReconcileError",
            "message": "Unsynced resources: endpointslice",
            "observedGeneration": generation,
            "lastTransitionTime": "2026-11-26T13:06:17Z",
        }] } });
        endpoints.patch_status("stuck", &patch, &Patch::Merge(unsynced)).await?;
        let healed = endpoints.patch("stuck", &patch, &back).await?;
        assert_eq!(spec(&healed)["url"], "http://10.0.1.50/v1");
        slices.patch("stuck", &crossplane, &slice("IPv4", "10.0.1.50")).await?;

        // The condition was about the previous generation, so it no longer counts.
        let again = Patch::Merge(json!({ "spec": { "url": "http://llm.example.com/v1" } }));
        assert_eq!(refused_fields(&refused(endpoints.patch("stuck", &patch, &again).await)?), ["spec.url"]);
        Ok(())
    });
}
