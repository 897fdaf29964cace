//! Clocks that were set, and processes that were suspended.

use std::pin::pin;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use control_plane::{Seen, eventually};
use futures_util::TryStreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, WatchParams};
use modelendpoint_webhook::certificates::managed::lifetimes::Lifetimes;
use modelendpoint_webhook::certificates::managed::stored::{Data, Stored};
use modelendpoint_webhook::certificates::pair::Pair;
use serde_json::json;
use tokio::time::timeout;

use crate::installed::{Installed, LONG, NAME, SECRET, SHORT, SOON, ready};
use crate::rotation::{shake_hands, signing};
use crate::skewed::Skewed;
use control_plane::writer::Writer;

/// The time before a clock was set back, and before it was set forward.
fn other_times() -> [SystemTime; 2] {
    const YEARS: Duration = Duration::from_hours(3 * 8760);
    [SystemTime::now() + YEARS, SystemTime::now() - YEARS]
}

/// What a webhook would have stored if its clock had shown this time.
fn made_at(time: SystemTime) -> Result<Data> {
    let lifetimes = Lifetimes::new(Duration::from_hours(8760), Duration::from_hours(720))?;
    Ok(Stored::start(&format!("{NAME}.{NAME}.svc"), time, lifetimes)?.write())
}

impl Installed {
    /// Waits until the Secret has a leaf that is valid now, from its signing CA.
    async fn holds_a_leaf_of_today(&self) -> Result<()> {
        eventually("a leaf that is valid now", SOON, async || {
            let data = self.secrets().get(SECRET).await?.data.unwrap_or_default();
            let stored = Stored::read(&data)?;
            let is_valid = stored.outline(&format!("{NAME}.{NAME}.svc")).is_valid(SystemTime::now());
            Ok(if is_valid { Seen::Done(()) } else { Seen::NotYet(format!("{stored:?}")) })
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
    // A replica that serves a good leaf waits for 15 s before it serves one from another CA.
    const NOT_LONG: [&str; 2] = ["--managed-ca-lifetime=8760h", "--managed-leaf-lifetime=5m"];
    let installed = Installed::new().await?;
    let start = || installed.start_replica(&NOT_LONG);
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

/// How often the Secret is written during this time.
async fn writes_within(installed: &Installed, time: Duration) -> Result<usize> {
    let params = WatchParams::default().fields(&format!("metadata.name={SECRET}"));
    let from = installed.secrets().get(SECRET).await?.resource_version().unwrap_or_default();
    let mut events = pin!(installed.secrets().watch(&params, &from).await?);
    let mut writes = 0;
    let counted = timeout(time, async {
        while events.try_next().await?.is_some() {
            writes += 1;
        }
        Ok::<_, kube::Error>(())
    });
    match counted.await {
        Ok(ended) => ended?,
        Err(_) => return Ok(writes),
    }
    bail!("the watch ended early")
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_whose_clocks_are_off_say_so_and_leave_the_certificates_to_the_others() -> Result<()> {
    let installed = Installed::new().await?;
    let honest = installed.start_replica(&LONG).await?;
    ready(&honest).await?;
    installed.refuses_bad_endpoints().await?;
    let before = installed.secrets().get(SECRET).await?.data;
    let writer = Writer::start(installed.endpoints(), "e");
    let mut skewed = Vec::new();
    for days in [25, 300, -25] {
        let program = Skewed::by_days(days)?;
        let replica = installed.start_replica_of(&program.program(), &LONG).await?;
        let seconds = days * 24 * 3600;
        eventually("a metric that says so", SOON, async || {
            let metrics = replica.metrics().await?;
            let skew = metrics
                .lines()
                .find_map(|line| line.strip_prefix("modelendpoint_webhook_clock_skew_seconds "))
                .map(str::parse::<i64>);
            Ok(match skew {
                Some(Ok(skew)) if (skew - seconds).abs() < 30 => Seen::Done(()),
                skew => Seen::NotYet(format!("{skew:?}")),
            })
        })
        .await?;
        assert!(replica.log().contains("the clock of this node differs"), "{}", replica.log());
        // Its certificate is valid for the clients, so it is ready.
        ready(&replica).await?;
        skewed.push((replica, program));
    }
    let of_the_secret = writes_within(&installed, Duration::from_secs(15)).await?;
    assert!(of_the_secret <= 1, "{of_the_secret} writes of the Secret in 15 s");
    assert_eq!(installed.secrets().get(SECRET).await?.data, before);
    for bundle in installed.ca_bundles().await? {
        assert_eq!(bundle, installed.authorities().await?);
    }
    let written = writer.finish().await?;
    assert_eq!(written.failures, [""; 0], "of {} writes", written.writes);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_by_replicas_whose_clocks_are_off_works() -> Result<()> {
    let installed = Installed::new().await?;
    let programs = [Skewed::by_days(300)?, Skewed::by_days(-25)?];
    let mut replicas = Vec::new();
    for program in &programs {
        replicas.push(installed.start_replica_of(&program.program(), &LONG).await?);
    }
    for replica in &replicas {
        ready(replica).await?;
    }
    installed.refuses_bad_endpoints().await?;
    installed.holds_a_leaf_of_today().await?;
    assert_eq!(installed.authorities().await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_goes_on_beside_a_replica_whose_clock_is_off() -> Result<()> {
    let installed = Installed::new().await?;
    let honest = installed.start_replica(&SHORT).await?;
    let program = Skewed::by_days(-25)?;
    let skewed = installed.start_replica_of(&program.program(), &SHORT).await?;
    for replica in [&honest, &skewed] {
        ready(replica).await?;
    }
    installed.refuses_bad_endpoints().await?;
    let writer = Writer::start(installed.endpoints(), "e");
    let first = signing(&installed).await?;
    eventually("the end of the first CA", SOON, async || {
        let there = installed.authorities().await?.contains(&first);
        Ok(if there { Seen::NotYet("it is still in the Secret".to_owned()) } else { Seen::Done(()) })
    })
    .await?;
    assert!(installed.authorities().await?.len() <= 3);
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
