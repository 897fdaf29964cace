//! Writes by people and tools that do not change where an endpoint points: labels, finalizers, status. Crossplane's
//! writes are in `crossplane.rs`.

use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

use crate::cluster::{Cluster, endpoint, test};

#[test]
fn a_write_that_does_not_change_where_it_leads_never_reaches_the_webhook() {
    test(async {
        let cluster = Cluster::start().await?;
        let endpoints = cluster.namespace("ml-team").await?;
        let spec = json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" });
        endpoints.create(&PostParams::default(), &endpoint("e", &spec)).await?;

        let counts = async || {
            anyhow::Ok((
                cluster.reviews_answered("/mutate").await?,
                cluster.reviews_answered("/validate").await?,
            ))
        };
        let before = counts().await?;
        let patch = PatchParams::default();
        endpoints
            .patch("e", &patch, &Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } })))
            .await?;
        endpoints
            .patch("e", &patch, &Patch::Merge(json!({ "metadata": { "finalizers": ["example.org/f"] } })))
            .await?;
        endpoints.patch("e", &patch, &Patch::Merge(json!({ "spec": spec }))).await?;
        endpoints
            .patch(
                "e",
                &patch,
                &Patch::Merge(json!({ "spec": { "crossplane": { "compositionUpdatePolicy": "Manual" } } })),
            )
            .await?;
        endpoints
            .patch_status(
                "e",
                &patch,
                &Patch::Merge(json!({ "status": { "routing": { "backendName": "b" } } })),
            )
            .await?;
        let stored = endpoints.get("e").await?;
        endpoints.replace("e", &PostParams::default(), &stored).await?;
        assert_eq!(counts().await?, before);

        endpoints
            .patch("e", &patch, &Patch::Merge(json!({ "spec": { "url": "http://10.0.1.51/a/v1" } })))
            .await?;
        assert_eq!(counts().await?, (before.0 + 1, before.1 + 1));
        Ok(())
    });
}
