//! Time as the webhook finds it: clocks that were set, and processes that slept.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use control_plane::{Seen, eventually};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use modelendpoint_webhook::certificates::managed::lifetimes::Lifetimes;
use modelendpoint_webhook::certificates::managed::stored::{Data, Stored};
use modelendpoint_webhook::certificates::pair::Pair;
use serde_json::json;

use crate::installed::{Installed, LONG, NAME, SECRET, SHORT, SOON, ready};
use crate::rotation::{shake_hands, signing};
use crate::writer::Writer;

/// Before a clock was set back, and before it leapt.
fn other_times() -> [SystemTime; 2] {
    const YEARS: Duration = Duration::from_hours(3 * 8760);
    [SystemTime::now() + YEARS, SystemTime::now() - YEARS]
}

/// What a webhook made when its clock said so.
fn made_at(time: SystemTime) -> Result<Data> {
    let lifetimes = Lifetimes::new(Duration::from_hours(8760), Duration::from_hours(720))?;
    Ok(Stored::start(&format!("{NAME}.{NAME}.svc"), time, lifetimes)?.write())
}

impl Installed {
    /// Waits until a leaf that is valid now is in the Secret, and its CA signs.
    async fn holds_a_leaf_of_today(&self) -> Result<()> {
        eventually("a leaf that is valid now", SOON, async || {
            let data = self.secrets().get(SECRET).await?.data.unwrap_or_default();
            let stored = Stored::read(&data)?;
            let now = SystemTime::now();
            Ok(if stored.is_valid(now) { Seen::Done(()) } else { Seen::NotYet(format!("{stored:?}")) })
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_finds_certificates_of_another_time_makes_new_ones() -> Result<()> {
    let installed = Installed::new().await?;
    for time in other_times() {
        let secret = Secret {
            data: Some(made_at(time)?),
            ..serde_json::from_value(json!({ "metadata": { "name": SECRET } }))?
        };
        installed.secrets().create(&PostParams::default(), &secret).await?;
        let mut replica = installed.start_replica(&LONG).await?;
        ready(&replica).await?;
        installed.refuses_bad_endpoints().await?;
        installed.holds_a_leaf_of_today().await?;
        replica.stop().await?;
        installed.secrets().delete(SECRET, &DeleteParams::default()).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_fails_when_certificates_of_another_time_are_found_while_serving() -> Result<()> {
    let installed = Installed::new().await?;
    let start = || installed.start_replica(&LONG);
    let replicas = <[_; 2]>::from(tokio::try_join!(start(), start())?);
    for replica in &replicas {
        ready(replica).await?;
    }
    installed.refuses_bad_endpoints().await?;
    let writer = Writer::start(installed.endpoints(), "e");
    for time in other_times() {
        let patch = Patch::Merge(json!({ "data": made_at(time)? }));
        installed.secrets().patch(SECRET, &PatchParams::default(), &patch).await?;
        installed.holds_a_leaf_of_today().await?;
        let data = installed.secrets().get(SECRET).await?.data.context("data")?;
        let newest = signing(&installed).await?;
        Pair::from_pem(&data["tls.crt"].0, &data["tls.key"].0)?;
        for replica in &replicas {
            eventually("the newest leaf", SOON, async || {
                let shaken = shake_hands(replica.address().port(), vec![newest.clone()]).await;
                Ok(shaken.map_or_else(|error| Seen::NotYet(format!("{error:#}")), Seen::Done))
            })
            .await?;
        }
    }
    let written = writer.finish().await?;
    assert_eq!(written.failures, [""; 0], "of {} writes", written.writes);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_slept_over_a_rotation_serves_the_newest_leaf_when_it_wakes() -> Result<()> {
    let installed = Installed::new().await?;
    let start = || installed.start_replica(&SHORT);
    let (awake, mut asleep) = tokio::try_join!(start(), start())?;
    for replica in [&awake, &asleep] {
        ready(replica).await?;
    }
    let first = signing(&installed).await?;
    asleep.freeze()?;
    eventually("the end of the first CA", SOON, async || {
        let there = installed.authorities().await?.contains(&first);
        Ok(if there { Seen::NotYet("it is still in the Secret".to_owned()) } else { Seen::Done(()) })
    })
    .await?;
    asleep.thaw()?;
    eventually("a leaf that is trusted now", SOON, async || {
        let trusted = installed.ca_bundles().await?.swap_remove(0);
        let shaken = shake_hands(asleep.address().port(), trusted).await;
        Ok(shaken.map_or_else(|error| Seen::NotYet(format!("{error:#}")), Seen::Done))
    })
    .await?;
    ready(&asleep).await?;
    installed.refuses_bad_endpoints().await
}
