//! Replicas that start at the same time.

use anyhow::Result;

use crate::installed::{Installed, LONG, ready};

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_at_once_agree_on_one_ca_and_one_leaf() -> Result<()> {
    let installed = Installed::new().await?;
    let start = || installed.start_replica(&LONG);
    let replicas = tokio::try_join!(start(), start(), start(), start(), start())?;
    let replicas = <[_; 5]>::from(replicas);
    for replica in &replicas {
        ready(replica).await?;
    }
    installed.refuses_bad_endpoints().await?;

    let authorities = installed.authorities().await?;
    assert_eq!(authorities.len(), 1);
    for bundle in installed.ca_bundles().await? {
        assert_eq!(bundle, authorities);
    }
    let mut expirations = Vec::new();
    for replica in &replicas {
        let metrics = replica.metrics().await?;
        let line = metrics
            .lines()
            .find(|line| line.starts_with("modelendpoint_webhook_certificate_expiration_timestamp_seconds "));
        expirations.push(line.map(str::to_owned));
        assert!(metrics.contains("managed_certificates_total{event=\"served\"} 1"), "{metrics}");
        assert!(metrics.contains("managed_certificates_total{event=\"failure\"} 0"), "{}", replica.log());
    }
    expirations.dedup();
    assert_eq!(expirations.len(), 1, "{expirations:?}");
    Ok(())
}
