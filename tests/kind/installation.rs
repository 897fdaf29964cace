//! Installation, first calls, and uninstallation.

use anyhow::{Context, Result, ensure};
use control_plane::{Seen, eventually};
use kube::api::{DeleteParams, ListParams, PostParams};
use tokio::time::Instant;

use crate::cluster::{Cluster, SOON};
use control_plane::writer::endpoint;

pub(crate) async fn installs_with_one_command_and_refuses_bad_endpoints(cluster: &Cluster) -> Result<()> {
    let began = Instant::now();
    cluster.apply().await?;
    cluster.refuses_bad_endpoints().await?;
    eprintln!("install to the first refusal of a bad endpoint: {:.1?}", began.elapsed());
    cluster.rolled_out().await
}

pub(crate) async fn calls_both_webhooks_through_the_service(cluster: &Cluster) -> Result<()> {
    let endpoints = cluster.endpoints();
    let good = endpoint("good", "http://10.0.1.50/team/v1");
    let stored = endpoints.create(&PostParams::default(), &good).await?;
    ensure!(stored.data["spec"]["rewritePath"] == "/team/", "not mutated: {}", stored.data);
    endpoints.delete("good", &DeleteParams::default()).await?;
    let refused = endpoints.create(&PostParams::default(), &endpoint("bad", "http://[::1")).await;
    let Err(kube::Error::Api(status)) = refused else { anyhow::bail!("{refused:?}") };
    ensure!(status.code == 422 && status.message.contains("url-syntax"), "{status:?}");
    Ok(())
}

/// The limit in docs/operations.md. Pages of the program file do not count: the kernel can drop them, and how many
/// are resident depends on the node.
pub(crate) async fn takes_little_memory(cluster: &Cluster) -> Result<()> {
    const MOST_KIB: f64 = 4096.0;
    let replicas = cluster.metrics().await?;
    ensure!(replicas.len() == 2, "{} replicas tell their memory", replicas.len());
    for metrics in replicas {
        let kib = |name: &str| {
            let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            value.map(|bytes| anyhow::Ok(bytes.parse::<f64>()? / 1024.0)).transpose()
        };
        let resident = kib("process_resident_memory_bytes")?.context("no figure of resident memory")?;
        let Some(anonymous) = kib("process_anonymous_memory_bytes")? else {
            eprintln!("NOT TESTED: anonymous memory, which /metrics does not tell ({resident} KiB resident)");
            continue;
        };
        eprintln!("memory of a replica: {anonymous} KiB anonymous, {resident} KiB resident");
        ensure!(anonymous <= MOST_KIB, "a replica takes {anonymous} KiB of anonymous memory");
    }
    Ok(())
}

pub(crate) async fn spreads_over_the_nodes(cluster: &Cluster) -> Result<()> {
    let pods = cluster.pods().list(&ListParams::default()).await?.items;
    let mut nodes: Vec<_> =
        pods.into_iter().filter_map(|pod| pod.spec.and_then(|spec| spec.node_name)).collect();
    nodes.sort();
    nodes.dedup();
    ensure!(nodes.len() == 2, "both replicas are on {nodes:?}");
    Ok(())
}

pub(crate) async fn upgrades_from_the_previous_manifests(cluster: &Cluster) -> Result<()> {
    cluster.apply_previous().await?;
    cluster.refuses_bad_endpoints().await?;
    cluster.rolled_out().await?;
    cluster
        .while_writing("upgrade from the previous manifests", async {
            cluster.apply().await?;
            cluster.rolled_out().await
        })
        .await
}

pub(crate) async fn uninstalls_and_leaves_nothing(cluster: &Cluster) -> Result<()> {
    let there = cluster.what_is_there().await?;
    ensure!(there.len() >= 11, "the label does not tell what is installed: {there:?}");
    let began = Instant::now();
    cluster.delete().await?;
    let left = cluster.what_is_there().await?;
    ensure!(left.is_empty(), "left behind: {left:?}");
    eventually("a write without the webhook", SOON, async || {
        let good = endpoint("without", "http://10.0.1.50/team/v1");
        Ok(match cluster.endpoints().create(&PostParams::default(), &good).await {
            Ok(stored) if stored.data["spec"]["rewritePath"].is_null() => Seen::Done(()),
            Ok(stored) => anyhow::bail!("who mutated it? {}", stored.data),
            Err(error) => Seen::not_yet(&error),
        })
    })
    .await?;
    cluster.endpoints().delete("without", &DeleteParams::default()).await?;
    eprintln!("uninstall: {:.1?}", began.elapsed());
    Ok(())
}
