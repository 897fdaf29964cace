//! Definitions and API servers that are missing, late or failing.

use std::pin::pin;

use anyhow::{Context, Result};
use control_plane::{ControlPlane, REPORTS, Seen, eventually, install_crd, install_definition};
use futures_util::StreamExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, ListParams, WatchEvent, WatchParams};
use serde_json::json;

use crate::audited::{Audited, entry};
use crate::relay::Relay;
use crate::running::{Running, SOON};

async fn undefine(audited: &Audited, name: &str) -> Result<()> {
    let definitions = Api::<CustomResourceDefinition>::all(audited.control_plane.client());
    definitions.delete(name, &DeleteParams::default()).await?;
    eventually("the definition to go", SOON, async || {
        let found = definitions.get_opt(name).await?;
        Ok(if found.is_none() { Seen::Done(()) } else { Seen::NotYet("it is there".to_owned()) })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_reports_there_are_metrics_and_reports_come_when_the_cluster_knows_them() -> Result<()> {
    let audited = Audited::new(&[]).await?;
    let bad = json!({ "url": "http://10.0.1.50:0/", "rewritePath": "/" });
    audited.store("default", "a", bad.clone()).await?;
    let audit = Running::start(audited.control_plane.kubeconfig(), &[]).await?;
    audit.logs("the cluster has neither Report nor PolicyReport").await?;
    audit.has("endpoints{verdict=\"refused\"} 1").await?;
    audit.has("report_api_info{api=\"none\"} 1").await?;

    install_definition(&audited.control_plane.client(), REPORTS).await?;
    audited.comes_to_find(&[entry("default", "a", &["url-port"])]).await?;

    undefine(&audited, "reports.openreports.io").await?;
    audited.store("default", "b", bad).await?;
    audit.logs("the cluster no longer knows reports").await?;
    audit.has("endpoints{verdict=\"refused\"} 2").await?;
    audit.has("report_api_info{api=\"none\"} 1").await
}

#[tokio::test(flavor = "multi_thread")]
async fn model_endpoints_may_come_late_and_go() -> Result<()> {
    let audited = Audited { control_plane: ControlPlane::start().await? };
    install_definition(&audited.control_plane.client(), REPORTS).await?;
    let audit = Running::start(audited.control_plane.kubeconfig(), &[]).await?;
    audit.has("passes_total{result=\"success\"} 1").await?;
    assert_eq!(audited.once(&[]).await?.status.code(), Some(2));

    install_crd(&audited.control_plane.client()).await?;
    let bad = json!({ "url": "http://10.0.1.50:0/", "rewritePath": "/" });
    audited.store("default", "a", bad.clone()).await?;
    audited.comes_to_find(&[entry("default", "a", &["url-port"])]).await?;

    undefine(&audited, "modelendpoints.modelplane.ai").await?;
    audit.has("endpoints{verdict=\"refused\"} 0").await?;
    audited.comes_to_find(&[]).await?;
    install_crd(&audited.control_plane.client()).await?;
    audited.store("default", "b", bad).await?;
    audited.comes_to_find(&[entry("default", "b", &["url-port"])]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_is_away_is_waited_for() -> Result<()> {
    let audited = Audited::new(&[REPORTS]).await?;
    let relay = Relay::to(&audited.control_plane).await?;
    let bad = json!({ "url": "http://10.0.1.50:0/", "rewritePath": "/" });
    audited.store("default", "a", bad.clone()).await?;
    relay.close();
    let audit = Running::start(&relay.kubeconfig(), &[]).await?;
    audit.logs("cannot read what the cluster stores; trying again").await?;
    assert_eq!(audit.status_of("/readyz").await, 503);
    relay.open();
    audited.comes_to_find(&[entry("default", "a", &["url-port"])]).await?;

    relay.close();
    audited.store("default", "b", bad).await?;
    audit.logs("cannot follow changes; trying again").await?;
    relay.open();
    let expected = ["a", "b"].map(|name| entry("default", name, &["url-port"]));
    audited.comes_to_find(&expected).await
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_api_server_forgets_what_happened_everything_is_read_again() -> Result<()> {
    let control_plane = ControlPlane::builder()
        // With these flags, a resource version is gone soon, and no cache has it.
        .api_server_flag("--etcd-compaction-interval=1s")
        .api_server_flag("--watch-cache=false")
        .start()
        .await?;
    let audited = Audited { control_plane };
    install_crd(&audited.control_plane.client()).await?;
    install_definition(&audited.control_plane.client(), REPORTS).await?;
    let relay = Relay::to(&audited.control_plane).await?;
    let audit = Running::start(&relay.kubeconfig(), &[]).await?;
    audit.has("passes_total{result=\"success\"} 1").await?;
    let endpoints = audited.endpoints("default");
    let followed_from = endpoints.list(&ListParams::default()).await?.metadata.resource_version;
    let followed_from = followed_from.context("a resource version")?;
    relay.close();
    let bad = json!({ "url": "http://10.0.1.50:0/", "rewritePath": "/" });
    audited.store("default", "a", bad).await?;
    eventually("a compaction", SOON, async || {
        let mut watch = pin!(endpoints.watch(&WatchParams::default().timeout(1), &followed_from).await?);
        Ok(match watch.next().await {
            Some(Ok(WatchEvent::Error(status)) | Err(kube::Error::Api(status))) if status.code == 410 => {
                Seen::Done(())
            }
            other => Seen::NotYet(format!("{other:?}")),
        })
    })
    .await?;
    relay.open();
    audited.comes_to_find(&[entry("default", "a", &["url-port"])]).await?;
    audit.logs("because=Gone").await
}
