//! A release of the Helm chart, with the audit beside the webhook, from its first minute to its last, while clients write.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use control_plane::writer::{Writer, endpoint};
use control_plane::{Helm, REPORTS, Seen, eventually, install_definition};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, PostParams};

use crate::cluster::{Cluster, NAME, SOON};

pub(crate) async fn lives_from_install_to_uninstall_while_clients_write(cluster: &Cluster) -> Result<()> {
    install_definition(&cluster.client, REPORTS).await?;
    // nobody judges it when it is stored, so only the audit can find it
    let stored = endpoint("stored-before", "http://10.0.1.50:0/");
    cluster.endpoints().create(&PostParams::default(), &stored).await?;

    installs_and_blocks_only_until_it_is_ready(cluster).await?;
    has_the_audit_report(cluster, Some("1")).await?;

    let (_, tag) = cluster.image()?;
    let other = format!("image.tag={tag}-again");
    cluster.while_writing("helm upgrade", helm(cluster, "upgrade", &["--set", &other])).await?;
    cluster.while_writing("helm rollback", helm(cluster, "rollback", &[])).await?;
    cluster.endpoints().delete("stored-before", &DeleteParams::default()).await?;
    has_the_audit_report(cluster, None).await?;

    if cluster.minor >= 36 {
        let backstop = helm(cluster, "upgrade", &["--set", "backstop.enabled=true"]);
        cluster.while_writing("helm upgrade to the backstop", backstop).await?;
        cluster.refuses_bad_endpoints().await?;
        let uninstall = helm(cluster, "uninstall", &[]);
        let what = "helm uninstall with the backstop";
        let written = cluster.written_while(what, Writer::start_without_webhook, uninstall).await?;
        ensure!(written.failures.is_empty(), "{what}: {:#?}", written.failures);
    } else {
        helm(cluster, "uninstall", &[]).await?;
    }
    leaves_only_the_secret(cluster).await
}

/// Writes may fail from the moment when the webhook is registered until it answers; never after that.
async fn installs_and_blocks_only_until_it_is_ready(cluster: &Cluster) -> Result<()> {
    let (repository, tag) = cluster.image()?;
    let values = [format!("image.repository={repository}"), format!("image.tag={tag}")];
    let more =
        ["--create-namespace", "--set", "audit.enabled=true", "--set", &values[0], "--set", &values[1]];
    let install = helm(cluster, "install", &more);
    let written = cluster.written_while("helm install", Writer::start_without_webhook, install).await?;
    for failure in &written.failures {
        // a write that failed leaves the next ones nothing to change or delete
        ensure!(failure.contains("failed calling webhook") || failure.contains("not found"), "{failure}");
    }
    let a_while = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        Ok(())
    };
    cluster.while_writing("after helm install", a_while).await?;
    cluster.refuses_bad_endpoints().await
}

/// With `--wait`, and the values of the release before.
async fn helm(cluster: &Cluster, verb: &str, more: &[&str]) -> Result<()> {
    let mut helm = Helm::V4.command().await?;
    helm.env("KUBECONFIG", std::env::var_os("KUBECONFIG").context("KUBECONFIG is not set")?);
    helm.args([verb, NAME]);
    if ["install", "upgrade"].contains(&verb) {
        helm.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/chart"));
    }
    if verb == "upgrade" {
        helm.arg("--reuse-values");
    }
    helm.args(["--namespace", NAME, "--wait", "--timeout", &format!("{}s", SOON.as_secs())]).args(more);
    let output = helm.output().await?;
    let said = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
    if !output.status.success() {
        let pods = cluster.kubectl(&["describe", "pods", "--namespace", NAME]).await?;
        anyhow::bail!("helm {verb}: {said}\n{pods}");
    }
    Ok(())
}

/// Waits until the report about the endpoint has so many failures, or is gone.
async fn has_the_audit_report(cluster: &Cluster, failures: Option<&str>) -> Result<()> {
    let kind = GroupVersionKind::gvk("openreports.io", "v1alpha1", "Report");
    let reports: Api<DynamicObject> =
        Api::default_namespaced_with(cluster.client.clone(), &ApiResource::from_gvk(&kind));
    eventually("the report of the audit", SOON, async || {
        let report = reports.get_opt("modelendpoint-stored-before").await?;
        let found = report.map(|report| report.data["summary"]["fail"].to_string());
        Ok(if found.as_deref() == failures { Seen::Done(()) } else { Seen::NotYet(format!("{found:?}")) })
    })
    .await
}

/// As the chart's README says, and then nothing.
async fn leaves_only_the_secret(cluster: &Cluster) -> Result<()> {
    let left = cluster.labelled(&format!("app.kubernetes.io/instance={NAME}")).await?;
    ensure!(left.is_empty(), "left behind by helm uninstall: {left:?}");
    let secrets = cluster.kubectl(&["get", "secrets", "--namespace", NAME, "--output=name"]).await?;
    assert_eq!(secrets.trim(), format!("secret/{NAME}-managed-certs"));
    let namespaces = Api::<Namespace>::all(cluster.client.clone());
    namespaces.delete(NAME, &DeleteParams::default()).await?;
    eventually("the end of the namespace", SOON, async || {
        let left = namespaces.get_opt(NAME).await?;
        Ok(left.map_or(Seen::Done(()), |namespace| Seen::NotYet(format!("{:?}", namespace.status))))
    })
    .await
}
