//! The API server proves its identity, configured as in docs/client-certificates.md.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use control_plane::{ControlPlane, Webhook, WebhookCertificates, install_crd, model_endpoint_resource};
use kube::api::{Api, PostParams};
use serde_json::json;

use crate::cluster::{binary, deploy_directory, endpoint, refused, spec, test};

const DOCS: &str = include_str!("../../docs/client-certificates.md");
const SERVICE: &str = "modelendpoint-webhook.modelendpoint-webhook.svc";

#[test]
fn the_api_server_presents_the_certificate_that_the_webhook_asks_for() {
    calls_with(|certificates| certificates.add_client("kube-apiserver"));
}

#[test]
fn it_presents_one_without_an_extended_key_usage_too_and_may_call() {
    calls_with(|certificates| certificates.add_client_of_any_use("kube-apiserver"));
}

fn calls_with(add_client: fn(&WebhookCertificates) -> Result<()>) {
    test(async move {
        let certificates = WebhookCertificates::new(&[SERVICE])?;
        add_client(&certificates)?;
        let webhook = guarded(&certificates, "kube-apiserver").await?;
        let control_plane = presenting(&certificates, &webhook).await?;
        control_plane
            .register_webhooks(deploy_directory(), webhook.address().port(), &certificates.ca_bundle())
            .await?;
        let endpoints = Api::namespaced_with(control_plane.client(), "default", &model_endpoint_resource());
        let bare = endpoint("bare", &json!({ "url": "http://10.0.1.50/a/v1" }));
        let stored = endpoints.create(&PostParams::default(), &bare).await?;
        assert_eq!(spec(&stored), &json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" }));
        let bad = endpoint("bad", &json!({ "url": "http://[::1" }));
        let status = refused(endpoints.create(&PostParams::default(), &bad).await)?;
        assert_eq!(status.reason.as_deref(), Some("Invalid"));
        let log = webhook.log();
        assert!(!log.contains("rejected at the handshake"), "{log}");
        Ok(())
    });
}

#[test]
fn an_api_server_of_another_name_is_told_so_and_nothing_is_stored() {
    test(async {
        let certificates = WebhookCertificates::new(&[SERVICE])?;
        certificates.add_client("kube-apiserver")?;
        let webhook = guarded(&certificates, "somebody-else").await?;
        let control_plane = presenting(&certificates, &webhook).await?;
        // This waits for a call that succeeds, and none does.
        let registered = control_plane
            .register_webhooks(deploy_directory(), webhook.address().port(), &certificates.ca_bundle())
            .await;
        let error = format!("{:#}", registered.err().context("no call is answered")?);
        let reason =
            "Your client certificate is for kube-apiserver, and none of its names may call this webhook";
        assert!(error.contains(reason), "{error}");
        assert!(webhook.log().contains(reason), "{}", webhook.log());
        Ok(())
    });
}

async fn guarded(certificates: &WebhookCertificates, name: &str) -> Result<Webhook> {
    let mut arguments = certificates.serve_arguments();
    let ca = certificates.directory().join("ca.crt").into_os_string();
    arguments.extend::<[OsString; 4]>(["--client-ca".into(), ca, "--client-name".into(), name.into()]);
    Webhook::start(binary(), &arguments).await
}

/// A control plane with the two files from the page. Only their paths and the port differ.
async fn presenting(certificates: &WebhookCertificates, webhook: &Webhook) -> Result<ControlPlane> {
    let directory = certificates.directory();
    let here = directory.to_str().context("a path in UTF-8")?;
    let port = webhook.address().port();
    let adapt = |text: &str| {
        text.replace("/etc/kubernetes/admission", here).replace(SERVICE, &format!("{SERVICE}:{port}"))
    };
    for name in ["configuration.yaml", "webhooks.kubeconfig"] {
        fs::write(directory.join(name), adapt(documented(name)?))?;
    }
    let configuration = directory.join("configuration.yaml");
    let control_plane = ControlPlane::builder()
        .api_server_flag(format!("--admission-control-config-file={}", Path::display(&configuration)))
        .start()
        .await?;
    install_crd(&control_plane.client()).await?;
    Ok(control_plane)
}

/// The file of that name in the documentation.
fn documented(name: &str) -> Result<&'static str> {
    let first_line = format!("# /etc/kubernetes/admission/{name}");
    let blocks = DOCS.split("```yaml\n").skip(1);
    let mut blocks = blocks.filter_map(|block| block.split("```").next());
    blocks.find(|block| block.starts_with(&first_line)).with_context(|| format!("{name} is not documented"))
}
