//! The dashboard of deploy/components/monitoring in, a picture of it out: each panel's own queries, answered by a
//! real Prometheus that scraped the real server under load.
//!
//! Grafana is not needed for that, and the picture is not Grafana's: [`draw`] shows what a panel says by its type,
//! unit, thresholds and legend.

mod draw;
mod load;
mod prometheus;
mod units;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::repository;
use draw::Answered;
use load::{Servers, send_reviews};
use prometheus::Prometheus;

const DASHBOARD: &str = "deploy/components/monitoring/modelendpoint-webhook.json";

/// Puts the server under load for a while, and writes docs/pictures/dashboard.svg.
///
/// # Errors
/// Which program does not do its part.
pub fn write(webhook: &Path, duration: Duration) -> Result<()> {
    let dashboard: Value =
        serde_json::from_slice(&fs::read(repository().join(DASHBOARD))?).context(DASHBOARD)?;
    let mut servers = Servers::start(webhook)?;
    let prometheus = Prometheus::scraping(&servers.scraped())?;
    send_reviews(&mut servers, duration)?;
    let panels = dashboard["panels"].as_array().context("panels")?;
    let mut answered = Vec::new();
    for panel in panels {
        let mut series = Vec::new();
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = filled_in(target["expr"].as_str().context("an expression")?, duration);
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            series.extend(prometheus.answer(&expression, legend, duration)?);
        }
        answered.push(Answered { panel, series });
    }
    fs::write(file(), draw::svg(&answered)?).context("cannot write the picture")
}

fn file() -> PathBuf {
    repository().join("docs/pictures/dashboard.svg")
}

/// As Grafana fills in its variables when everything is selected.
fn filled_in(expression: &str, duration: Duration) -> String {
    let range = format!("{}s", duration.as_secs());
    let expression = expression.replace("$__rate_interval", "20s").replace("$__range", &range);
    ["cluster", "namespace", "job", "pod"]
        .iter()
        .fold(expression, |text, name| text.replace(&format!("${name}"), ".*"))
}
