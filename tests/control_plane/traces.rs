//! The webhook continues the API server's trace.

use std::fs;

use anyhow::ensure;
use control_plane::{ControlPlane, Webhook, WebhookCertificates, install_crd, model_endpoint_resource};
use kube::api::{Api, PostParams};
use serde_json::json;

use crate::cluster::{binary, deploy_directory, endpoint, test};
use test_support::otlp::Receiver;

/// The API server's own spans go nowhere. It only has to create a trace.
const TRACING: &str = "
apiVersion: apiserver.config.k8s.io/v1
kind: TracingConfiguration
endpoint: 127.0.0.1:1
samplingRatePerMillion: 1000000
";

#[test]
fn both_reviews_of_a_write_are_in_the_api_servers_trace() {
    test(async {
        let directory = tempfile::tempdir()?;
        let configuration = directory.path().join("tracing.yaml");
        fs::write(&configuration, TRACING)?;
        let control_plane = ControlPlane::builder()
            .api_server_flag(format!("--tracing-config-file={}", configuration.display()))
            .start()
            .await?;
        install_crd(&control_plane.client()).await?;
        let receiver = Receiver::start().await;
        let certificates = WebhookCertificates::new(&["modelendpoint-webhook.modelendpoint-webhook.svc"])?;
        let endpoint_of_receiver = format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{}", receiver.address);
        let variables = [endpoint_of_receiver.as_str(), "OTEL_BSP_SCHEDULE_DELAY=50"];
        let webhook = Webhook::start_with(&variables, binary(), &certificates.serve_arguments()).await?;
        control_plane
            .register_webhooks(deploy_directory(), webhook.address().port(), &certificates.ca_bundle())
            .await?;

        let endpoints = Api::namespaced_with(control_plane.client(), "default", &model_endpoint_resource());
        let bare = endpoint("bare", &json!({ "url": "http://10.0.1.50/a/v1" }));
        endpoints.create(&PostParams::default(), &bare).await?;
        let spans = receiver.spans(2).await;
        ensure!(spans.iter().all(|span| !span.parent.is_empty()), "a span without a parent: {spans:#?}");
        let together = |span: &&test_support::otlp::Received| {
            span.name == "POST /mutate"
                && spans.iter().any(|other| other.name == "POST /validate" && other.trace == span.trace)
        };
        ensure!(spans.iter().find(together).is_some(), "no trace has both reviews: {spans:#?}");
        Ok(())
    });
}
