//! The API server can't be reached for a while. The webhook keeps serving its certificate, and manages it again
//! afterwards.

use anyhow::Result;
use control_plane::{Seen, eventually};
use kube::api::DeleteParams;

use crate::installed::{Installed, LONG, SECRET, SOON, ready};

#[tokio::test(flavor = "multi_thread")]
async fn without_the_api_server_the_webhook_serves_what_it_has() -> Result<()> {
    let installed = Installed::new().await?;
    let replica = installed.start_replica(&LONG).await?;
    ready(&replica).await?;
    installed.refuses_bad_endpoints().await?;

    // Only the replica's connections are cut. The API server still runs and calls the replica.
    installed.api_server.cut();
    eventually("that it is noticed", SOON, async || {
        let told = replica.log().matches("cannot watch").count();
        Ok(if told >= 6 { Seen::Done(()) } else { Seen::NotYet(format!("{told} warnings")) })
    })
    .await?;
    ready(&replica).await?;
    installed.refuses_bad_endpoints().await?;
    installed.secrets().delete(SECRET, &DeleteParams::default()).await?;

    installed.api_server.mend();
    eventually("the Secret", SOON, async || {
        Ok(match installed.secrets().get_opt(SECRET).await? {
            Some(secret) if secret.data.is_some() => Seen::Done(()),
            _ => Seen::NotYet(replica.log()),
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_starts_without_the_api_server_is_ready_when_it_is_back() -> Result<()> {
    let installed = Installed::new().await?;
    installed.api_server.cut();
    let replica = installed.start_replica(&LONG).await?;
    eventually("that it is noticed", SOON, async || {
        let told = replica.log().contains("cannot watch");
        Ok(if told { Seen::Done(()) } else { Seen::NotYet(replica.log()) })
    })
    .await?;
    assert!(!crate::relay::is_ready(replica.ops_address()).await);
    installed.api_server.mend();
    ready(&replica).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_takes_requests_and_never_answers_is_given_up_and_asked_again() -> Result<()> {
    let installed = Installed::new().await?;
    installed.api_server.fall_silent();
    let replica = installed.start_replica(&LONG).await?;
    eventually("that it is noticed", SOON, async || {
        let told = replica.log().contains("cannot watch");
        Ok(if told { Seen::Done(()) } else { Seen::NotYet(replica.log()) })
    })
    .await?;
    installed.api_server.mend();
    ready(&replica).await
}
