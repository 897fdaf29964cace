//! The API server's own admission accepts the pods, and the webhook can't block its own installation.

use anyhow::{Context, Result, bail};
use control_plane::{Seen, eventually};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::installed::{Installed, NAME, SOON};
use control_plane::writer::endpoint;

/// The pod of the Deployment, as Pod Security admission sees it.
async fn create_pod(installed: &Installed, change: impl Fn(&mut Value)) -> Result<Result<(), String>> {
    let client = installed.control_plane.client();
    let deployment = Api::<Deployment>::namespaced(client.clone(), NAME).get(NAME).await?;
    let template = deployment.spec.context("a spec")?.template;
    let mut pod = json!({
        "metadata": { "generateName": "webhook-", "labels": template.metadata.and_then(|m| m.labels) },
        "spec": template.spec,
    });
    change(&mut pod["spec"]);
    let pod: Pod = serde_json::from_value(pod)?;
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    match Api::<Pod>::namespaced(client, NAME).create(&dry_run, &pod).await {
        Ok(_) => Ok(Ok(())),
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(Err(status.message.clone())),
        Err(error) => bail!(error),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pods_meet_the_restricted_standard_that_their_namespace_enforces() -> Result<()> {
    let installed = Installed::new().await?;
    assert_eq!(create_pod(&installed, |_| ()).await?, Ok(()));
    let refused = create_pod(&installed, |spec| {
        spec["securityContext"]["seccompProfile"] = Value::Null;
    });
    let message = refused.await?.unwrap_err();
    assert!(message.contains("violates PodSecurity \"restricted:latest\""), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_webhook_down_its_own_namespace_and_kube_system_go_on() -> Result<()> {
    let installed = Installed::new().await?;
    let client = installed.control_plane.client();
    // no replica was ever started
    let good = endpoint("e", "http://10.0.1.50/v1");
    let created = installed.endpoints().create(&PostParams::default(), &good).await;
    assert!(matches!(created, Err(kube::Error::Api(status)) if status.code == 500));

    for namespace in [NAME, "kube-system"] {
        let config_maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
        let config_map = serde_json::from_value(json!({ "metadata": { "name": "c" } }))?;
        config_maps.create(&PostParams::default(), &config_map).await?;
        let change = Patch::Merge(json!({ "data": { "a": "b" } }));
        config_maps.patch("c", &PatchParams::default(), &change).await?;
        config_maps.delete("c", &DeleteParams::default()).await?;
    }
    assert_eq!(create_pod(&installed, |_| ()).await?, Ok(()));
    let deployments = Api::<Deployment>::namespaced(client, NAME);
    let scale = Patch::Merge(json!({ "spec": { "replicas": 3 } }));
    deployments.patch(NAME, &PatchParams::default(), &scale).await?;
    let label = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
    installed.mutating().patch(NAME, &PatchParams::default(), &label).await?;
    installed.mutating().delete(NAME, &DeleteParams::default()).await?;
    installed.validating().delete(NAME, &DeleteParams::default()).await?;
    eventually("a write without the webhook", SOON, async || {
        Ok(match installed.endpoints().create(&PostParams::default(), &good).await {
            Ok(_) => Seen::Done(()),
            Err(error) => Seen::not_yet(&error),
        })
    })
    .await
}
