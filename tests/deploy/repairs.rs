//! The webhook soon repairs what people or tools break, and keeps serving meanwhile.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use control_plane::{Seen, Webhook, apply, eventually};
use k8s_openapi::ByteString;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use modelendpoint_webhook::certificates::managed::authority::Signer;
use modelendpoint_webhook::certificates::managed::lifetimes::Lifetimes;
use rustls::pki_types::CertificateDer;
use serde_json::json;

use crate::installed::{Installed, LONG, NAME, SECRET, SOON, ready};
use control_plane::writer::Writer;

async fn start() -> Result<(Installed, [Webhook; 2])> {
    let installed = Installed::new().await?;
    let replicas =
        <[_; 2]>::from(tokio::try_join!(installed.start_replica(&LONG), installed.start_replica(&LONG))?);
    for replica in &replicas {
        ready(replica).await?;
    }
    installed.refuses_bad_endpoints().await?;
    Ok((installed, replicas))
}

impl Installed {
    /// Waits until these CAs, and no others, are in every `caBundle`, and at least one is.
    async fn trusts(&self, authorities: &[CertificateDer<'static>]) -> Result<()> {
        eventually("trust in the CAs", SOON, async || {
            let bundles = self.ca_bundles().await?;
            let all = bundles.len() == 2 && bundles.iter().all(|bundle| bundle == authorities);
            Ok(if all { Seen::Done(()) } else { Seen::NotYet(format!("{bundles:02x?}")) })
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_deleted_is_put_back_and_no_write_fails() -> Result<()> {
    let (installed, _replicas) = start().await?;
    let authorities = installed.authorities().await?;
    let before = installed.secrets().get(SECRET).await?;
    let writer = Writer::start(installed.endpoints(), "e");
    for _ in 0..3 {
        installed.secrets().delete(SECRET, &DeleteParams::default()).await?;
        eventually("the Secret", SOON, async || {
            let now = installed.secrets().get_opt(SECRET).await?;
            Ok(match now {
                Some(now) if now.data == before.data && now.uid() != before.uid() => Seen::Done(()),
                now => Seen::NotYet(format!("{now:?}")),
            })
        })
        .await?;
    }
    installed.trusts(&authorities).await?;
    let written = writer.finish().await?;
    assert_eq!(written.failures, [""; 0], "of {} writes", written.writes);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_garbled_is_put_back_and_no_write_fails() -> Result<()> {
    let (installed, _replicas) = start().await?;
    let authorities = installed.authorities().await?;
    let before = installed.secrets().get(SECRET).await?.data.context("data")?;
    let writer = Writer::start(installed.endpoints(), "e");
    let garbage = ByteString(b"garbage".to_vec());
    let other_key = rcgen::KeyPair::generate()?.serialize_pem();
    let garblings = [
        json!({ "ca.crt": garbage }),
        json!({ "ca.key": garbage }),
        json!({ "ca.key": ByteString(other_key.into_bytes()) }),
        json!({ "tls.crt": garbage }),
        json!({ "tls.key": null, "more": garbage }),
        json!({ "ca.crt": null, "ca.key": null, "tls.crt": null, "tls.key": null }),
    ];
    for garbling in garblings {
        let patch = Patch::Merge(json!({ "data": garbling }));
        let garbled = installed.secrets().patch(SECRET, &PatchParams::default(), &patch).await?;
        assert_ne!(garbled.data, Some(before.clone()));
        eventually("the former data", SOON, async || {
            let now = installed.secrets().get(SECRET).await?.data.unwrap_or_default();
            let missing = before.iter().find(|(key, value)| now.get(*key) != Some(value));
            Ok(missing.map_or(Seen::Done(()), |(key, _)| Seen::NotYet(format!("{key} after {garbling}"))))
        })
        .await?;
    }
    installed.trusts(&authorities).await?;
    let written = writer.finish().await?;
    assert_eq!(written.failures, [""; 0], "of {} writes", written.writes);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_put_into_the_secret_is_left_alone() -> Result<()> {
    let (installed, _replicas) = start().await?;
    let note = ByteString(b"restore me from nothing".to_vec());
    let change = json!({
        "metadata": { "labels": { "team": "ml" }, "annotations": { "note": "ours" } },
        "data": { "note": note },
    });
    let params = PatchParams::default();
    let before = installed.secrets().patch(SECRET, &params, &Patch::Merge(change)).await?;
    let garbling = Patch::Merge(json!({ "data": { "tls.crt": ByteString(b"garbage".to_vec()) } }));
    installed.secrets().patch(SECRET, &params, &garbling).await?;
    eventually("what the Secret was", SOON, async || {
        let now = installed.secrets().get(SECRET).await?;
        let same = now.data == before.data
            && now.labels() == before.labels()
            && now.annotations() == before.annotations();
        Ok(if same { Seen::Done(()) } else { Seen::NotYet(format!("{now:?}")) })
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_undoes_the_repairs_again_and_again_is_met_with_growing_pauses() -> Result<()> {
    let (installed, replicas) = start().await?;
    let authorities = installed.authorities().await?;
    eventually("a long pause", SOON, async || {
        installed.set_ca_bundles(None).await?;
        let told = replicas.iter().all(|replica| replica.log().contains("keeps undoing the repairs"));
        Ok(if told { Seen::Done(()) } else { Seen::NotYet(replicas[0].log()) })
    })
    .await?;
    installed.trusts(&authorities).await?;
    installed.refuses_bad_endpoints().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ca_bundle_that_is_wiped_is_written_again() -> Result<()> {
    let (installed, _replicas) = start().await?;
    let authorities = installed.authorities().await?;
    let stranger = rcgen::generate_simple_self_signed(vec!["stranger".to_owned()])?.cert.pem();
    for bundle in [None, Some(stranger)] {
        let bundle = bundle.map(|pem| ByteString(pem.into_bytes()));
        installed.set_ca_bundles(bundle).await?;
        installed.trusts(&authorities).await?;
        installed.refuses_bad_endpoints().await?;
    }
    Ok(())
}

/// A CA with the name of ours that is valid for a hundred years.
#[tokio::test(flavor = "multi_thread")]
async fn a_planted_ca_with_our_name_leaves_and_ours_stay() -> Result<()> {
    let (installed, _replicas) = start().await?;
    let authorities = installed.authorities().await?;
    let writer = Writer::start(installed.endpoints(), "e");
    let for_ever = Lifetimes::new(Duration::from_hours(876_000), Duration::from_hours(720))?;
    let planted = Signer::new(SystemTime::now(), for_ever)?.authority.pem();
    let ours = installed.secrets().get(SECRET).await?.data.context("data")?["ca.crt"].clone();
    for bundle in [planted.clone().into_bytes(), [planted.as_bytes(), &ours.0].concat()] {
        let added = [&ours.0, &bundle[..]].concat();
        installed.set_ca_bundles(Some(ByteString(added))).await?;
        installed.trusts(&authorities).await?;
    }
    let written = writer.finish().await?;
    assert_eq!(written.failures, [""; 0], "of {} writes", written.writes);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_deleted_and_created_again_is_filled_in() -> Result<()> {
    let (installed, replicas) = start().await?;
    let authorities = installed.authorities().await?;
    let mut mutating = installed.mutating().get(NAME).await?;
    let mut validating = installed.validating().get(NAME).await?;
    installed.mutating().delete(NAME, &DeleteParams::default()).await?;
    installed.validating().delete(NAME, &DeleteParams::default()).await?;
    // As from a backup, or by a tool that replaces objects instead of applying them.
    for webhook in mutating.webhooks.iter_mut().flatten() {
        webhook.client_config.ca_bundle = None;
    }
    for webhook in validating.webhooks.iter_mut().flatten() {
        webhook.client_config.ca_bundle = None;
    }
    (mutating.metadata.resource_version, validating.metadata.resource_version) = (None, None);
    installed.mutating().create(&PostParams::default(), &mutating).await?;
    installed.validating().create(&PostParams::default(), &validating).await?;
    installed.trusts(&authorities).await?;
    installed.refuses_bad_endpoints().await?;
    for replica in &replicas {
        ready(replica).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn applying_the_manifests_again_takes_nothing_away() -> Result<()> {
    let (installed, _replicas) = start().await?;
    let authorities = installed.authorities().await?;
    let mutating = installed.mutating().get(NAME).await?;
    let secret = installed.secrets().get(SECRET).await?;
    for manifest in installed.manifests().await? {
        apply(&installed.control_plane.client(), &manifest).await?;
    }
    let kubectl = installed.kubectl_apply().await?;
    assert!(kubectl.status.success(), "{}", String::from_utf8_lossy(&kubectl.stderr));
    installed.trusts(&authorities).await?;
    assert_eq!(installed.secrets().get(SECRET).await?, secret);
    let again = installed.mutating().get(NAME).await?;
    assert_eq!(
        again.webhooks.unwrap_or_default()[0].client_config.ca_bundle,
        mutating.webhooks.unwrap_or_default()[0].client_config.ca_bundle
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_put_into_the_same_configuration_is_left_alone() -> Result<()> {
    let (installed, _replicas) = start().await?;
    let authorities = installed.authorities().await?;
    let stranger =
        ByteString(rcgen::generate_simple_self_signed(vec!["stranger".to_owned()])?.cert.pem().into_bytes());
    let another = json!({
        "name": "another.example.org",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "rules": [],
        "clientConfig": { "caBundle": stranger, "service": { "name": "another", "namespace": NAME, "path": "/" } },
    });
    let patch = Patch::Strategic(json!({ "webhooks": [
        another,
        { "name": "mutate.modelendpoints.modelplane.ai", "clientConfig": { "caBundle": "" } },
    ] }));
    installed.mutating().patch(NAME, &PatchParams::default(), &patch).await?;
    eventually("the repair", SOON, async || {
        let webhooks = installed.mutating().get(NAME).await?.webhooks.unwrap_or_default();
        let bundle = |name: &str| {
            webhooks.iter().find(|w| w.name == name).and_then(|w| w.client_config.ca_bundle.clone())
        };
        assert_eq!(bundle("another.example.org"), Some(stranger.clone()));
        let pem = bundle("mutate.modelendpoints.modelplane.ai").unwrap_or_default();
        Ok(if pem.0.is_empty() { Seen::NotYet("an empty caBundle".to_owned()) } else { Seen::Done(()) })
    })
    .await?;
    assert_eq!(installed.authorities().await?, authorities);
    Ok(())
}
