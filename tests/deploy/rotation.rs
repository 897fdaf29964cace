//! Rotations with short lifetimes and several replicas, while a client writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, Result};
use control_plane::{Seen, apply, eventually};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;

use crate::installed::{Installed, LONG, NAME, SECRET, SHORT, SOON, ready};
use control_plane::writer::Writer;

const ROTATION: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn no_write_fails_through_three_rotations_of_the_ca() -> Result<()> {
    let installed = Arc::new(Installed::new().await?);
    let start = || installed.start_replica(&SHORT);
    let replicas = <[_; 5]>::from(tokio::try_join!(start(), start(), start(), start(), start())?);
    for replica in &replicas {
        ready(replica).await?;
    }
    installed.refuses_bad_endpoints().await?;

    let writers = ["one", "two"].map(|name| Writer::start(installed.endpoints(), name));
    let visitors =
        replicas.each_ref().map(|replica| Visitor::start(Arc::clone(&installed), replica.address().port()));
    let mut former = signing(&installed).await?;
    let first = former.clone();
    for rotation in 1..=3 {
        former = eventually("another CA that signs", ROTATION, async || {
            let signing = signing(&installed).await?;
            Ok(if signing == former {
                Seen::NotYet(format!("still the CA after {} rotations", rotation - 1))
            } else {
                Seen::Done(signing)
            })
        })
        .await?;
    }
    eventually("the end of the first CA", ROTATION, async || {
        let bundles = installed.ca_bundles().await?;
        let there = bundles.iter().any(|bundle| bundle.contains(&first))
            || installed.authorities().await?.contains(&first);
        Ok(if there { Seen::NotYet("it is still trusted".to_owned()) } else { Seen::Done(()) })
    })
    .await?;

    for visitor in visitors {
        let visits = visitor.finish().await?;
        assert!(visits > 100, "{visits} visits");
    }
    for writer in writers {
        let written = writer.finish().await?;
        assert_eq!(written.failures, [""; 0], "of {} writes", written.writes);
        assert!(written.writes > 200, "{} writes", written.writes);
    }
    for replica in &replicas {
        let metrics = replica.metrics().await?;
        let served = metrics
            .lines()
            .find_map(|line| {
                line.strip_prefix("modelendpoint_webhook_managed_certificates_total{event=\"served\"} ")
            })
            .context("a counter")?;
        assert!(served.parse::<u32>()? >= 4, "{served} leaves: {}", replica.log());
        assert!(metrics.contains("managed_certificates_total{event=\"failure\"} 0"), "{}", replica.log());
    }
    Ok(())
}

pub(crate) async fn signing(installed: &Installed) -> Result<CertificateDer<'static>> {
    installed.authorities().await?.into_iter().next().context("a CA")
}

/// Connects to a replica again and again, as an API server that has just read `caBundle`. Each handshake must
/// succeed.
struct Visitor {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Result<usize>>,
}

impl Visitor {
    fn start(installed: Arc<Installed>, port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut visits = 0;
            while !stopped.load(Relaxed) {
                for bundle in installed.ca_bundles().await? {
                    shake_hands(port, bundle)
                        .await
                        .context("a replica serves what a caBundle does not trust")?;
                    visits += 1;
                }
                sleep(Duration::from_millis(100)).await;
            }
            Ok(visits)
        });
        Self { stop, task }
    }

    /// Returns the number of handshakes. Fails if one failed, or if the visitor panicked.
    async fn finish(self) -> Result<usize> {
        self.stop.store(true, Relaxed);
        self.task.await?
    }
}

pub(crate) async fn shake_hands(port: u16, trusted: Vec<CertificateDer<'static>>) -> Result<()> {
    let mut roots = RootCertStore::empty();
    for authority in trusted {
        roots.add(authority)?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_webpki_verifier(verifier)
        .with_no_client_auth();
    let name = ServerName::try_from(format!("{NAME}.{NAME}.svc"))?;
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    Ok(())
}

/// With the default lifetimes, the pause is 5 s. The test checks half of it, to tolerate a slow machine.
#[tokio::test(flavor = "multi_thread")]
async fn no_leaf_is_served_as_soon_as_its_ca_is_in_the_configurations_but_a_while_later() -> Result<()> {
    let installed = Installed::new().await?;
    let replica = installed.start_replica(&LONG).await?;
    eventually("the CA in both configurations", SOON, async || {
        let bundles = installed.ca_bundles().await?;
        Ok(if bundles.len() == 2 && bundles.iter().all(|bundle| bundle.len() == 1) {
            Seen::Done(())
        } else {
            Seen::NotYet(replica.log())
        })
    })
    .await?;
    let trusted = Instant::now();
    ready(&replica).await?;
    let pause = trusted.elapsed();
    assert!(pause > Duration::from_millis(2_500), "{pause:?}: an API server may not have heard of the CA");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_ca_signs_nothing_while_one_of_the_configurations_lacks_it() -> Result<()> {
    const NOT_SO_SHORT: [&str; 2] = ["--managed-ca-lifetime=75s", "--managed-leaf-lifetime=25s"];
    let installed = Installed::new().await?;
    let replica = installed.start_replica(&NOT_SO_SHORT).await?;
    ready(&replica).await?;
    installed.refuses_bad_endpoints().await?;
    let first = signing(&installed).await?;
    let writer = Writer::start(installed.endpoints(), "e");

    let manifests = installed.manifests().await?;
    let role = manifests.iter().find(|manifest| manifest["kind"] == "ClusterRole").context("a role")?;
    let mut without = role.clone();
    without["rules"][1]["verbs"] = json!(["get", "watch"]);
    apply(&installed.control_plane.client(), &without).await?;
    eventually("another CA in the Secret", SOON, async || {
        let added = signing(&installed).await? != first;
        Ok(if added { Seen::Done(()) } else { Seen::NotYet(replica.log()) })
    })
    .await?;
    let leaf = async || -> Result<_> {
        Ok(installed.secrets().get(SECRET).await?.data.unwrap_or_default().remove("tls.crt"))
    };
    let before = leaf().await?;
    eventually("some tries", SOON, async || {
        let tries = replica.log().matches("cannot patch resource").count();
        Ok(if tries >= 3 { Seen::Done(()) } else { Seen::NotYet(replica.log()) })
    })
    .await?;
    assert_eq!(leaf().await?, before);
    // Meanwhile, all replicas serve the trusted leaf, even one that starts now.
    let late = installed.start_replica(&NOT_SO_SHORT).await?;
    ready(&late).await?;
    assert_eq!(leaf().await?, before);

    apply(&installed.control_plane.client(), role).await?;
    eventually("a leaf of the new CA", SOON, async || {
        Ok(if leaf().await? == before { Seen::NotYet(replica.log()) } else { Seen::Done(()) })
    })
    .await?;
    let written = writer.finish().await?;
    assert_eq!(written.failures, [""; 0], "of {} writes", written.writes);
    Ok(())
}
