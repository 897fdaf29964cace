//! The webhook is down: which writes fail, which succeed, and what kubectl prints.

use std::time::Duration;

use anyhow::{Context, Result};
use control_plane::{Seen, WebhookCertificates, eventually};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::cluster::{Cluster, endpoint, refused, test};

const NAME: &str = "modelendpoint-webhook";
const TROUBLESHOOTING: &str = include_str!("../../docs/troubleshooting.md");
const SOON: Duration = Duration::from_secs(30);

#[test]
fn an_outage_blocks_a_new_endpoint_and_lets_labels_status_and_deletion_pass() {
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

#[test]
fn what_kubectl_prints_when_the_webhook_is_not_reached_is_in_the_documentation() {
    test(async {
        let mut cluster = Cluster::start().await?;
        cluster.webhook.freeze()?;
        prints(&cluster, "context deadline exceeded").await?;
        cluster.webhook.thaw()?;

        trust_somebody_else(&cluster).await?;
        prints(&cluster, "x509: certificate signed by unknown authority").await?;

        assert_eq!(cluster.webhook.stop().await?, 0);
        prints(&cluster, "connection refused").await?;

        let services = Api::<Service>::namespaced(cluster.control_plane.client(), NAME);
        services.delete(NAME, &DeleteParams::default()).await?;
        prints(&cluster, "service \"modelendpoint-webhook\" not found").await
    });
}

/// Awaits a create that fails with this reason, as documented.
async fn prints(cluster: &Cluster, reason: &str) -> Result<()> {
    TROUBLESHOOTING.find(&format!("`{reason}`")).with_context(|| format!("{reason} is not documented"))?;
    let manifest = serde_json::to_string(&endpoint("e", &json!({ "url": "http://10.0.1.50/v1" })))?;
    let start = "Error from server (InternalError): error when creating \"STDIN\": Internal error occurred: \
                 failed calling webhook \"mutate.modelendpoints.modelplane.ai\": failed to call webhook: Post \
                 \"https://modelendpoint-webhook.modelendpoint-webhook.svc:";
    // The API server learns about the change with a delay.
    eventually(reason, SOON, async || {
        let printed = cluster.kubectl(&["create", "-n", "default", "-f", "-"], &manifest).await?;
        let is_it = printed.stderr.starts_with(start) && printed.stderr.contains(reason);
        Ok(if is_it { Seen::Done(()) } else { Seen::NotYet(format!("{printed:?}")) })
    })
    .await
}

/// Replaces the `caBundle` with a CA that did not sign the webhook's certificate.
async fn trust_somebody_else(cluster: &Cluster) -> Result<()> {
    let configurations = Api::<MutatingWebhookConfiguration>::all(cluster.control_plane.client());
    let mut configuration = configurations.get(NAME).await?;
    let ca_bundle = WebhookCertificates::new(&["somebody.else"])?.ca_bundle();
    for webhook in configuration.webhooks.iter_mut().flatten() {
        webhook.client_config.ca_bundle = Some(ByteString(ca_bundle.clone().into_bytes()));
    }
    configurations.replace(NAME, &PostParams::default(), &configuration).await?;
    Ok(())
}
