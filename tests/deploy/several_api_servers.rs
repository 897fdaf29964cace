//! Two API servers, one of which is suspended while a new CA is added. When it resumes, it does not know that CA yet,
//! but calls the webhook at once.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use control_plane::{Seen, eventually, model_endpoint_resource};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DynamicObject, ListParams, PostParams};
use modelendpoint_webhook::certificates::managed::lifetimes::{Lifetimes, due};
use modelendpoint_webhook::certificates::managed::stored::Stored;
use serde_json::json;
use tokio::time::sleep;

use crate::installed::{Installed, NAME, SECRET, SOON, ready};
use crate::rotation::signing;
use control_plane::writer::Writer;

/// The time for replicas to become ready, and for this test to suspend an API server.
const PREPARATION: Duration = Duration::from_secs(40);

/// Puts certificates into the Secret as if a webhook had issued them some time ago, so that the CA is soon due for
/// replacement.
async fn a_ca_that_is_soon_due(installed: &Installed, lifetimes: Lifetimes) -> Result<()> {
    let now = SystemTime::now();
    let name = format!("{NAME}.{NAME}.svc");
    let made_now = Stored::start(&name, now, lifetimes)?;
    let due_in = due(made_now.signer.authority.validity).duration_since(now)?;
    let made = now + PREPARATION - due_in;
    let secret = Secret {
        data: Some(Stored::start(&name, made, lifetimes)?.with_leaf(&name, now, lifetimes)?.write()),
        ..serde_json::from_value(json!({ "metadata": { "name": SECRET } }))?
    };
    installed.secrets().create(&PostParams::default(), &secret).await?;
    Ok(())
}

async fn no_write_fails_with_an_api_server_stopped_for(
    stopped_for: Duration,
    rotation: Duration,
    flags: [&str; 2],
    lifetimes: Lifetimes,
) -> Result<()> {
    let installed = Installed::new().await?;
    let mut another = installed.control_plane.another_api_server().await?;
    a_ca_that_is_soon_due(&installed, lifetimes).await?;
    let replicas =
        <[_; 2]>::from(tokio::try_join!(installed.start_replica(&flags), installed.start_replica(&flags))?);
    for replica in &replicas {
        ready(replica).await?;
    }
    installed.refuses_bad_endpoints().await?;
    let first = signing(&installed).await?;
    let writer = Writer::start(installed.endpoints(), "through-one");

    let mut through_another = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let endpoints: Api<DynamicObject> =
            Api::default_namespaced_with(another.client().await?, &model_endpoint_resource());
        // From now on, it has an open connection.
        endpoints.list(&ListParams::default()).await?;
        through_another.push((name, endpoints));
    }
    another.freeze()?;
    let writers: Vec<_> =
        through_another.into_iter().map(|(name, endpoints)| Writer::start(endpoints, name)).collect();
    assert_eq!(signing(&installed).await?, first, "the rotation came too early for this test");
    eventually("the new CA in the configurations", SOON, async || {
        let signing = signing(&installed).await?;
        let bundles = installed.ca_bundles().await?;
        let there = signing != first && bundles.iter().all(|bundle| bundle.contains(&signing));
        Ok(if there { Seen::Done(()) } else { Seen::NotYet(replicas[0].log()) })
    })
    .await?;
    sleep(stopped_for).await;
    another.thaw()?;

    let former = installed.secrets().get(SECRET).await?.data.context("data")?["tls.crt"].clone();
    eventually("a leaf of the new CA", rotation, async || {
        let data = installed.secrets().get(SECRET).await?.data.unwrap_or_default();
        let served =
            replicas.iter().all(|replica| replica.log().matches("serving a certificate").count() > 1);
        let renewed = data.get("tls.crt") != Some(&former);
        Ok(if renewed && served { Seen::Done(()) } else { Seen::NotYet(replicas[0].log()) })
    })
    .await?;
    for writer in writers.into_iter().chain([writer]) {
        let written = writer.finish().await?;
        assert_eq!(written.failures, [""; 0], "of {} writes", written.writes);
    }
    Ok(())
}

/// The pause of a planned rotation is 15 s with these lifetimes, and 5 s if it is urgent.
#[tokio::test(flavor = "multi_thread")]
async fn no_write_fails_when_an_api_server_was_stopped_during_a_rotation() -> Result<()> {
    let lifetimes = Lifetimes::new(Duration::from_mins(15), Duration::from_mins(5))?;
    let flags = ["--managed-ca-lifetime=15m", "--managed-leaf-lifetime=5m"];
    no_write_fails_with_an_api_server_stopped_for(Duration::from_secs(9), SOON, flags, lifetimes).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the same in true time takes seven minutes"]
async fn no_write_fails_when_an_api_server_was_stopped_for_a_minute() -> Result<()> {
    let lifetimes = Lifetimes::new(Duration::from_hours(8760), Duration::from_hours(720))?;
    let flags = ["--managed-ca-lifetime=8760h", "--managed-leaf-lifetime=720h"];
    let rotation = Duration::from_mins(7);
    no_write_fails_with_an_api_server_stopped_for(Duration::from_mins(1), rotation, flags, lifetimes).await
}
