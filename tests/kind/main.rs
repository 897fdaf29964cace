//! The whole life of an installation, in a cluster with nodes and pods.
//!
//! `tests/kind/run` makes the cluster. `cargo test` leaves this out; `cargo test --test kind` runs it
//! against the cluster of `KUBECONFIG`, and fails when there is none.

mod chart;
mod cluster;
mod disruptions;
mod installation;

use anyhow::Result;

use cluster::Cluster;

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_from_its_first_minute_to_its_last() -> Result<()> {
    let cluster = Cluster::connect().await?;
    installation::installs_with_one_command_and_refuses_bad_endpoints(&cluster).await?;
    installation::calls_both_webhooks_through_the_service(&cluster).await?;
    installation::takes_little_memory(&cluster).await?;
    installation::spreads_over_the_nodes(&cluster).await?;

    disruptions::no_write_fails_in_a_rolling_restart(&cluster).await?;
    disruptions::no_write_fails_when_scaled_up_and_down(&cluster).await?;
    disruptions::no_write_fails_when_nodes_are_drained(&cluster).await?;
    disruptions::no_write_fails_when_the_image_changes(&cluster).await?;
    installation::takes_little_memory(&cluster).await?;

    installation::uninstalls_and_leaves_nothing(&cluster).await?;
    installation::upgrades_from_the_previous_manifests(&cluster).await?;
    installation::uninstalls_and_leaves_nothing(&cluster).await?;

    chart::lives_from_install_to_uninstall_while_clients_write(&cluster).await
}
