//! The webhook is down: what has to wait, and what goes on.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::cluster::{Cluster, endpoint, refused, test};

#[test]
fn an_outage_blocks_changes_of_where_an_endpoint_leads_and_nothing_else() {
    test(async {
        let mut cluster = Cluster::start().await?;
        let endpoints = cluster.namespace("ml-team").await?;
        let good = endpoint("good", &json!({ "url": "http://10.0.1.50/v1" }));
        endpoints.create(&PostParams::default(), &good).await?;
        assert_eq!(cluster.webhook.stop().await?, 0);

        let another = endpoint("another", &json!({ "url": "http://10.0.1.51/v1" }));
        let status = refused(endpoints.create(&PostParams::default(), &another).await)?;
        assert_eq!((status.code, status.reason.as_deref()), (Some(500), Some("InternalError")));
        let message = status.message.unwrap_or_default();
        assert!(
            message.starts_with(
                "Internal error occurred: failed calling webhook \"mutate.modelendpoints.modelplane.ai\":"
            ),
            "{message}"
        );
        assert!(message.contains("connection refused"), "{message}");
        assert!(endpoints.get_opt("another").await?.is_none());

        let patch = PatchParams::default();
        endpoints
            .patch("good", &patch, &Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } })))
            .await?;
        endpoints.patch_status("good", &patch, &Patch::Merge(json!({ "status": { "routing": {} } }))).await?;
        endpoints.delete("good", &DeleteParams::default()).await?;
        assert!(endpoints.get_opt("good").await?.is_none());
        Ok(())
    });
}
