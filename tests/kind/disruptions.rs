//! Disruptions of pods that are normal in a cluster, while clients write.

use anyhow::{Result, bail};
use control_plane::{Seen, eventually};
use k8s_openapi::api::core::v1::Node;
use kube::api::{EvictParams, ListParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::cluster::{Cluster, SOON};

pub(crate) async fn no_write_fails_in_a_rolling_restart(cluster: &Cluster) -> Result<()> {
    // as `kubectl rollout restart` does it
    let annotation = json!({ "kubectl.kubernetes.io/restartedAt": "now" });
    let change = json!({ "spec": { "template": { "metadata": { "annotations": annotation } } } });
    cluster.while_writing("rolling restart", cluster.change_deployment(change)).await
}

pub(crate) async fn no_write_fails_when_scaled_up_and_down(cluster: &Cluster) -> Result<()> {
    for replicas in [5, 1, 2] {
        let change = json!({ "spec": { "replicas": replicas } });
        cluster.while_writing(&format!("scaled to {replicas}"), cluster.change_deployment(change)).await?;
    }
    Ok(())
}

pub(crate) async fn no_write_fails_when_the_image_changes(cluster: &Cluster) -> Result<()> {
    let container = json!({ "name": "webhook", "image": cluster.other_image() });
    let change = json!({ "spec": { "template": { "spec": { "containers": [container] } } } });
    cluster.while_writing("another image", cluster.change_deployment(change)).await
}

pub(crate) async fn no_write_fails_when_nodes_are_drained(cluster: &Cluster) -> Result<()> {
    let nodes = Api::<Node>::all(cluster.client.clone());
    for node in nodes.list(&ListParams::default()).await?.items {
        let name = node.name_any();
        if node.labels().contains_key("node-role.kubernetes.io/control-plane") {
            continue;
        }
        nodes.cordon(&name).await?;
        let drained = cluster.while_writing(&format!("{name} drained"), drain(cluster, &name)).await;
        nodes.uncordon(&name).await?;
        drained?;
    }
    Ok(())
}

/// As `kubectl drain` does: evicts until the disruption budget lets it.
async fn drain(cluster: &Cluster, node: &str) -> Result<()> {
    let on_node = ListParams::default().fields(&format!("spec.nodeName={node}"));
    eventually("an empty node", SOON, async || {
        let pods = cluster.pods().list(&on_node).await?.items;
        for pod in pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            match cluster.pods().evict(&pod.name_any(), &EvictParams::default()).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if [404, 429].contains(&status.code) => {}
                Err(error) => bail!(error),
            }
        }
        Ok(if pods.is_empty() { Seen::Done(()) } else { Seen::NotYet(format!("{} pods", pods.len())) })
    })
    .await?;
    cluster.rolled_out().await
}
