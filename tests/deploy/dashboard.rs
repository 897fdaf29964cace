//! What the dashboard asks about the API server, a real API server counts in an outage of the webhook.

use anyhow::{Context, Result};
use control_plane::writer::endpoint;
use control_plane::{Seen, apply, eventually, kustomize};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::installed::{Installed, NAME, SOON, deploy};
use crate::manifests::{has_mutating_policies, text};

const DASHBOARD: &str = include_str!("../../deploy/components/monitoring/modelendpoint-webhook.json");

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_counts_an_outage_as_the_dashboard_asks() -> Result<()> {
    // nobody answers: there is no replica
    let installed = Installed::new().await?;
    let asked = selectors()?;
    let of =
        |metric: &str| asked.iter().find(|asked| asked.metric == metric).with_context(|| metric.to_owned());
    installed.counts(of("apiserver_admission_webhook_rejection_count")?).await?;

    installed.fail_open_with_policies().await?;
    installed.counts(of("apiserver_admission_webhook_fail_open_count")?).await?;
    installed.counts(of("apiserver_validating_admission_policy_check_total")?).await?;
    assert_eq!(asked.len(), 3);
    Ok(())
}

/// A metric, and the labels that it must have.
#[derive(Debug)]
struct Selector {
    metric: String,
    labels: Vec<String>,
}

impl Selector {
    fn matches(&self, series: &str) -> bool {
        series.strip_prefix(&self.metric).is_some_and(|rest| rest.starts_with('{'))
            && self.labels.iter().all(|label| series.contains(label))
    }
}

/// Of the API server's metrics in the dashboard.
fn selectors() -> Result<Vec<Selector>> {
    let dashboard: Value = serde_json::from_str(DASHBOARD)?;
    let panels = dashboard["panels"].as_array().context("panels")?;
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let selectors = targets.filter_map(|target| {
        let (_, from_metric) = text(&target["expr"]).split_once("apiserver_")?;
        let (metric, rest) = from_metric.split_once('{')?;
        let (labels, _) = rest.split_once('}')?;
        // `cluster` is what Prometheus adds
        let labels = labels.split(", ").filter(|label| !label.starts_with("cluster="));
        let labels =
            labels.map(|label| label.replace(r#"name=~".+[.]modelendpoints[.]modelplane[.]ai""#, NAMED));
        Some(Selector { metric: format!("apiserver_{metric}"), labels: labels.collect() })
    });
    Ok(selectors.collect())
}

/// The end of the names of both webhooks.
const NAMED: &str = r#".modelendpoints.modelplane.ai""#;

impl Installed {
    /// Writes a bad endpoint until the API server has counted that.
    async fn counts(&self, asked: &Selector) -> Result<()> {
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        eventually(&format!("{asked:?}"), SOON, async || {
            let written = self.endpoints().create(&dry_run, &endpoint("bad", "http://[::1")).await;
            let metrics = self.control_plane.kubectl().args(["get", "--raw", "/metrics"]).output().await?;
            let metrics = String::from_utf8(metrics.stdout)?;
            let same: Vec<_> = metrics.lines().filter(|line| line.starts_with(&asked.metric)).collect();
            let is_counted = same.iter().any(|series| asked.matches(series));
            Ok(if is_counted { Seen::Done(()) } else { Seen::NotYet(format!("{written:?}: {same:#?}")) })
        })
        .await
    }

    /// As the backstop has it.
    async fn fail_open_with_policies(&self) -> Result<()> {
        let webhook = json!({ "name": "mutate.modelendpoints.modelplane.ai", "failurePolicy": "Ignore" });
        let patch = Patch::Strategic(json!({ "webhooks": [webhook] }));
        self.mutating().patch(NAME, &PatchParams::default(), &patch).await?;
        self.validating().delete(NAME, &DeleteParams::default()).await?;
        for policy in kustomize(&deploy().join("policies")).await? {
            let is_mutating = text(&policy["kind"]).starts_with("Mutating");
            if !is_mutating || has_mutating_policies(&self.control_plane) {
                apply(&self.control_plane.client(), &policy).await?;
            }
        }
        Ok(())
    }
}
