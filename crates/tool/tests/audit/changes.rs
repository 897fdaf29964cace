//! Changes are judged as they arrive.

use std::fs;

use anyhow::Result;
use control_plane::{REPORTS, Seen, eventually};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::audited::{Audited, Found, OPEN_REPORTS, entry};
use crate::running::{Running, SOON};

fn url(url: &str) -> Value {
    json!({ "url": url, "rewritePath": "/" })
}

impl Audited {
    /// Waits until there are exactly these reports.
    pub(crate) async fn comes_to_find(&self, expected: &[Found]) -> Result<()> {
        eventually("these reports", SOON, async || {
            let found = self.found(OPEN_REPORTS).await?;
            Ok(if found == expected { Seen::Done(()) } else { Seen::NotYet(format!("{found:?}")) })
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_and_metrics_follow_every_change() -> Result<()> {
    let audited = Audited::new(&[REPORTS]).await?;
    audited.store("default", "a", url("http://10.0.1.50:0/")).await?;
    let audit = Running::start(audited.control_plane.kubeconfig(), &[]).await?;
    audited.comes_to_find(&[entry("default", "a", &["url-port"])]).await?;
    audit.has("endpoints{verdict=\"refused\"} 1").await?;
    assert_eq!((audit.status_of("/readyz").await, audit.status_of("/livez").await), (200, 200));

    audited.store("default", "b", url("ftp://10.0.1.50/")).await?;
    audited.store("default", "c", url("http://10.0.1.50/")).await?;
    audited.store("default", "d", url("http://h.example:443/")).await?;
    let [a, b, d] = [("a", "url-port"), ("b", "url-scheme"), ("d", "url-http-on-443")]
        .map(|(name, rule)| entry("default", name, &[rule]));
    audited.comes_to_find(&[a.clone(), b.clone(), d.clone()]).await?;
    for sample in [
        "endpoints{verdict=\"fine\"} 1",
        "endpoints{verdict=\"warned\"} 1",
        "endpoints{verdict=\"refused\"} 2",
        "findings{rule=\"url-http-on-443\",severity=\"warn\",namespace=\"default\"} 1",
        "reports 3",
        "changes_total 3",
        "report_writes_total{outcome=\"applied\"} 3",
    ] {
        audit.has(sample).await?;
    }

    audited.change("default", "a", url("http://10.0.1.50/")).await?;
    audited.delete("default", "b").await?;
    audited.comes_to_find(&[d]).await?;
    for sample in [
        "endpoints{verdict=\"fine\"} 2",
        "endpoints{verdict=\"refused\"} 0",
        "findings{rule=\"url-port\",severity=\"deny\",namespace=\"default\"} 0",
        "report_writes_total{outcome=\"deleted\"} 2",
    ] {
        audit.has(sample).await?;
    }
    assert_eq!(audit.stop().await?.code(), Some(0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_policy_judges_everything_again_and_a_mistake_in_it_changes_nothing() -> Result<()> {
    let audited = Audited::new(&[REPORTS]).await?;
    audited.store("default", "a", url("http://10.0.1.50:0/")).await?;
    let directory = tempfile::tempdir()?;
    let policy = directory.path().join("policy.yaml");
    fs::write(&policy, "rules: {url-port: off}\n")?;
    let flag = format!("--policy={}", policy.display());
    let audit = Running::start(audited.control_plane.kubeconfig(), &[&flag]).await?;
    audit.has("passes_total{result=\"success\"} 1").await?;
    assert_eq!(audited.found(OPEN_REPORTS).await?, []);

    fs::write(&policy, "rules: {url-port: warn}\n")?;
    audited.comes_to_find(&[entry("default", "a", &["url-port"])]).await?;
    audit.has("endpoints{verdict=\"warned\"} 1").await?;
    fs::write(&policy, "rules: {url-prt: warn}\n")?;
    audit.has("policy_refused 1").await?;
    audit.logs("there is no rule `url-prt`").await?;
    fs::write(&policy, "rules: {url-port: deny}\n")?;
    audit.has("endpoints{verdict=\"refused\"} 1").await?;
    audit.has("policy_refused 0").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_somebody_else_changes_or_deletes_is_repaired() -> Result<()> {
    let audited = Audited::new(&[REPORTS]).await?;
    for name in ["a", "b"] {
        audited.store("default", name, url("http://10.0.1.50:0/")).await?;
    }
    let _audit = Running::start(audited.control_plane.kubeconfig(), &["--every=1s"]).await?;
    let expected = ["a", "b"].map(|name| entry("default", name, &["url-port"]));
    audited.comes_to_find(&expected).await?;
    let reports = audited.api(OPEN_REPORTS);
    let emptied = Patch::Merge(json!({ "results": [], "summary": { "fail": 0 } }));
    reports.patch("modelendpoint-a", &PatchParams::default(), &emptied).await?;
    reports.delete("modelendpoint-b", &kube::api::DeleteParams::default()).await?;
    audited.comes_to_find(&expected).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_audits_at_once_store_a_report_once() -> Result<()> {
    let audited = Audited::new(&[REPORTS]).await?;
    let kubeconfig = audited.control_plane.kubeconfig();
    let audits = [Running::start(kubeconfig, &[]).await?, Running::start(kubeconfig, &[]).await?];
    for audit in &audits {
        audit.has("passes_total{result=\"success\"} 1").await?;
    }
    audited.store("default", "a", url("http://10.0.1.50:0/")).await?;
    for audit in &audits {
        audit.has("report_writes_total{outcome=\"applied\"} 1").await?;
    }
    let reports = audited.reports(OPEN_REPORTS).await?;
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0]["metadata"]["generation"], 1);
    let managers = reports[0]["metadata"]["managedFields"].as_array().map(Vec::len);
    assert_eq!(managers, Some(1));
    Ok(())
}
