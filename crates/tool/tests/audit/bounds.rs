//! The audit's memory and its reports are limited.

use anyhow::Result;
use control_plane::REPORTS;
use serde_json::json;

use crate::audited::{Audited, OPEN_REPORTS, entry, printed};
use crate::running::{Running, peak_kib};

/// The memory limit of the container in deploy/components/audit, in MiB.
const MEMORY_LIMIT: u64 = 128;

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_most_reports_endpoints_are_counted_only() -> Result<()> {
    let audited = Audited::new(&[REPORTS]).await?;
    let bad = json!({ "url": "http://10.0.1.50:0/", "rewritePath": "/" });
    for name in ["a", "b", "c"] {
        audited.store("default", name, bad.clone()).await?;
    }
    let output = audited.once(&["--max-reports=2"]).await?;
    let summary = "3 ModelEndpoints: 3 would be refused, 0 with warnings; 2 reports, of which 2 written; 0 deleted\n\
                   1 more have no report: raise --max-reports\n";
    assert_eq!(printed(&output), (Some(0), summary.to_owned()));
    let [a, b] = ["a", "b"].map(|name| entry("default", name, &["url-port"]));
    assert_eq!(audited.found(OPEN_REPORTS).await?, [a.clone(), b]);

    let output = audited.once(&["--max-reports=1"]).await?;
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(audited.found(OPEN_REPORTS).await?, [a]);
    let audit = Running::start(audited.control_plane.kubeconfig(), &["--max-reports=1"]).await?;
    audit.has("unreported_endpoints 2").await?;
    audit.has("findings{rule=\"url-port\",severity=\"deny\",namespace=\"default\"} 3").await
}

/// An object of 1 MiB is rare, but anybody who may write endpoints can store one.
#[tokio::test(flavor = "multi_thread")]
async fn large_objects_are_read_in_smaller_pages() -> Result<()> {
    let audited = Audited::new(&[REPORTS]).await?;
    for number in 0..20 {
        let url = format!("http://10.0.1.50:0/{}", "a".repeat(1 << 20));
        audited
            .store("default", &format!("large-{number:02}"), json!({ "url": url, "rewritePath": "/" }))
            .await?;
    }
    let output = audited.once(&[]).await?;
    let summary = "20 ModelEndpoints: 20 would be refused, 0 with warnings; 20 reports, of which 20 written; 0 deleted\n";
    assert_eq!(printed(&output), (Some(0), summary.to_owned()));
    let largest = audited.reports(OPEN_REPORTS).await?.iter().map(|report| report.to_string().len()).max();
    assert!(largest < Some(8192), "{largest:?}");

    let audit = Running::start(audited.control_plane.kubeconfig(), &[]).await?;
    audit.has("passes_total{result=\"success\"} 1").await?;
    let peak = peak_kib(audit.id()?)? >> 10;
    assert!(peak < MEMORY_LIMIT, "{peak} MiB");
    Ok(())
}
