//! Endpoints that were stored before the webhook was there.

use control_plane::{ControlPlane, install_crd, model_endpoint_resource};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::cluster::{Cluster, endpoint, refused, refused_fields, test};

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
        endpoints.patch("old", &PatchParams::apply("crossplane"), &Patch::Apply(applied)).await?;

        // a change of where it leads is judged, all of it
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
