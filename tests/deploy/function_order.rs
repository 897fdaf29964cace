//! What link/order watches: replicas that are called by an API server, one with certificates that it makes, one with
//! certificates in files.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result};
use control_plane::{ControlPlane, Webhook, WebhookCertificates, install_crd, model_endpoint_resource};
use kube::Api;
use kube::api::DynamicObject;

use crate::installed::{Installed, LONG, deploy, ready};
use crate::writer::Writer;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "link/order runs it, with valgrind"]
async fn a_replica_that_makes_its_certificates() -> Result<()> {
    let installed = Installed::new().await?;
    let replica = installed.start_replica_of(&program()?, &LONG).await?;
    ready(&replica).await?;
    installed.refuses_bad_endpoints().await?;
    goes_on_to_its_end(replica, installed.endpoints()).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "link/order runs it, with valgrind"]
async fn a_replica_with_certificates_in_files() -> Result<()> {
    let control_plane = ControlPlane::start().await?;
    let client = control_plane.client();
    install_crd(&client).await?;
    let certificates = WebhookCertificates::new(&["modelendpoint-webhook.modelendpoint-webhook.svc"])?;
    let replica = Webhook::start(&program()?, &certificates.serve_arguments()).await?;
    ready(&replica).await?;
    let port = replica.address().port();
    control_plane.register_webhooks(&deploy(), port, &certificates.ca_bundle()).await?;
    goes_on_to_its_end(replica, Api::default_namespaced_with(client, &model_endpoint_resource())).await
}

/// A program that runs the webhook under callgrind, with the arguments it gets.
fn program() -> Result<PathBuf> {
    Ok(env::var_os("LINK_ORDER_PROGRAM").context("LINK_ORDER_PROGRAM is not set: run link/order")?.into())
}

async fn goes_on_to_its_end(mut replica: Webhook, endpoints: Api<DynamicObject>) -> Result<()> {
    let written = Writer::start(endpoints, "e").finish().await?;
    assert_eq!(written.failures, Vec::<String>::new(), "{}", replica.log());
    replica.metrics().await?;
    assert_eq!(replica.stop().await?, 0);
    Ok(())
}
