//! Crossplane's own writes, as they were recorded, never depend on the webhook. Only a change of where an endpoint
//! points does.

use anyhow::{Context, Result, ensure};
use control_plane::{ControlPlane, apply, install_crd};
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::cluster::{Cluster, endpoint, refused, test};
use crate::recording::{NAMESPACE, Recorded, life, replay, replay_in_outage};

/// The recorded endpoints that were created before the webhook was registered.
const FROM_BEFORE: [&str; 4] = ["malformed", "tls-port", "no-slash", "no-rewrite-path"];

#[test]
#[expect(clippy::too_many_lines, reason = "one expected value, whole")]
fn a_standalone_and_a_composed_endpoint_are_reviewed_when_their_url_changes() {
    test(async {
        let cluster = Cluster::start().await?;
        let endpoints = cluster.namespace(NAMESPACE).await?;
        assert_eq!(
            replay(&cluster, &life("standalone")?).await?,
            "\
person POST 201 mutate validate
crossplane PUT 200
crossplane PUT 200
crossplane PUT 200
crossplane PUT 200
crossplane APPLY composite 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite status 200
person PATCH 200 mutate validate
crossplane PUT status 200
"
        );
        let stored = endpoints.get("u1").await?;
        assert_eq!(
            leads_to(&stored),
            json!({ "url": "https://api.groq.com/other/v1", "rewritePath": "/other/" })
        );

        // The write that changes the host from an IPv4 address to a name is denied. Deleting the endpoint is enough.
        assert_eq!(
            replay(&cluster, &life("composed")?).await?,
            "\
crossplane APPLY composed 201 validate
crossplane PUT 200
crossplane PUT 200
crossplane PUT 200
crossplane APPLY composite 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite 200
crossplane APPLY composed 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite status 200
crossplane APPLY composed 200 mutate validate
crossplane PUT status 200
crossplane APPLY composed 422 mutate validate
person DELETE 200
crossplane PUT 200
"
        );
        assert_eq!(
            replay(&cluster, &life("composed, again")?).await?,
            "\
crossplane APPLY composed 201 validate
crossplane PUT 200
crossplane PUT 200
crossplane PUT 200
crossplane APPLY composite 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composed 200
crossplane APPLY composite 200
crossplane PUT status 200
"
        );
        Ok(())
    });
}

#[test]
fn an_endpoint_from_before_the_webhook_lives_and_dies_without_a_review() {
    test(async {
        let (control_plane, lives) = stored_before_the_webhook().await?;
        let cluster = Cluster::with_webhook(control_plane).await?;
        for ((name, rest), expected) in lives.iter().zip(LATER) {
            assert_eq!(replay(&cluster, rest).await?, expected, "{name}");
        }
        assert_eq!(left(&cluster).await?, ["l-noslash"]);
        Ok(())
    });
}

#[test]
fn in_an_outage_every_write_succeeds_that_crossplane_makes_by_itself() {
    test(async {
        let (control_plane, lives) = stored_before_the_webhook().await?;
        let mut cluster = Cluster::with_webhook(control_plane).await?;
        let (standalone, composed) = (life("standalone")?, life("composed")?);
        assert_eq!(replay(&cluster, &standalone[..1]).await?, "person POST 201 mutate validate\n");
        assert_eq!(replay(&cluster, &composed[..1]).await?, "crossplane APPLY composed 201 validate\n");
        assert_eq!(cluster.webhook.stop().await?, 0);

        for ((name, rest), expected) in lives.iter().zip(LATER) {
            assert_eq!(replay_in_outage(&cluster, rest).await?, expected, "{name}");
        }
        assert_eq!(
            replay_in_outage(&cluster, &standalone[1..]).await?,
            "\
crossplane PUT 200
crossplane PUT 200
crossplane PUT 200
crossplane PUT 200
crossplane APPLY composite 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite status 200
person PATCH 500
crossplane PUT status 200
"
        );
        // Only what the parent has changed fails.
        assert_eq!(
            replay_in_outage(&cluster, &composed[1..]).await?,
            "\
crossplane PUT 200
crossplane PUT 200
crossplane PUT 200
crossplane APPLY composite 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite 200
crossplane APPLY composed 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite status 200
crossplane APPLY composed 500
crossplane PUT status 200
crossplane APPLY composed 500
person DELETE 200
crossplane PUT 200
"
        );
        assert_eq!(left(&cluster).await?, ["l-noslash", "u1"]);
        Ok(())
    });
}

#[test]
fn a_parent_that_leaves_out_the_slash_is_reviewed_at_each_reconcile_and_changes_nothing() {
    test(async {
        let cluster = Cluster::start().await?;
        let endpoints = cluster.namespace(NAMESPACE).await?;
        let url = "http://10.0.1.70/ml-team/p/v1";
        for (name, composed, reviews_of_each) in [
            ("slash", json!({ "url": url, "rewritePath": "/ml-team/p/" }), [0, 0]),
            ("no-slash", json!({ "url": url, "rewritePath": "/ml-team/p" }), [1, 0]),
            ("absent", json!({ "url": url }), [0, 0]),
        ] {
            let reconcile = || compose(&cluster, name, &composed);
            let version = reconcile().await?.metadata.resource_version.context("a version")?;
            for _ in 0..3 {
                let before = reviews(&cluster).await?;
                let answered = reconcile().await?;
                let after = reviews(&cluster).await?;
                assert_eq!([after[0] - before[0], after[1] - before[1]], reviews_of_each, "{name}");
                assert_eq!(answered.metadata.resource_version.as_ref(), Some(&version), "{name}");
            }
            let stored = endpoints.get(name).await?;
            assert_eq!(leads_to(&stored), json!({ "url": url, "rewritePath": "/ml-team/p/" }), "{name}");
        }
        Ok(())
    });
}

#[test]
fn in_an_outage_a_parent_that_leaves_out_the_slash_fails_and_one_that_writes_it_does_not() {
    test(async {
        let mut cluster = Cluster::start().await?;
        cluster.namespace(NAMESPACE).await?;
        let url = "http://10.0.1.70/a/v1";
        let with_path = |path: &str| json!({ "url": url, "rewritePath": path });
        compose(&cluster, "path", &with_path("/a")).await?;
        compose(&cluster, "url", &json!({ "url": url })).await?;
        assert_eq!(cluster.webhook.stop().await?, 0);

        not_reached(compose(&cluster, "path", &with_path("/a")).await)?;
        for (name, composed) in [("path", with_path("/a/")), ("url", json!({ "url": url }))] {
            let stored = compose(&cluster, name, &composed).await?;
            assert_eq!(leads_to(&stored), with_path("/a/"), "{name}");
        }
        // Server-side apply removes a field that is no longer applied, so the webhook must set a default.
        not_reached(compose(&cluster, "path", &json!({ "url": url })).await)?;
        Ok(())
    });
}

/// The outcome of the later writes of each of [`FROM_BEFORE`]. It is the same with and without the webhook.
const LATER: [&str; 4] = [
    "\
crossplane PUT 200
crossplane PUT 200
crossplane PUT 200
crossplane PUT status 200
crossplane PUT 200
crossplane PUT status 200
person DELETE 200
crossplane PUT 200
",
    "\
crossplane PUT 200
crossplane PUT 200
crossplane PUT 200
crossplane PUT status 200
crossplane PUT 200
crossplane APPLY composite 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite 200
crossplane PUT status 200
person DELETE 200
crossplane PUT 200
crossplane PUT status 200
kube-controller-manager PATCH 200
",
    "\
crossplane PUT 200
crossplane PUT 200
crossplane PUT 200
crossplane PUT status 200
crossplane PUT 200
crossplane APPLY composite 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite 200
crossplane PUT status 200
person PATCH 200
person PATCH 200
crossplane PUT status 200
person PATCH 200
crossplane PUT status 200
person PATCH 200
crossplane PUT status 200
",
    "\
crossplane PUT 200
crossplane PUT 200
crossplane PUT 200
crossplane PUT status 200
crossplane PUT 200
crossplane APPLY composite 200
crossplane APPLY composite status 200
crossplane PUT status 200
crossplane APPLY composite 200
crossplane PUT status 200
person DELETE 200
crossplane PUT 200
",
];

/// A control plane without a webhook that has each of [`FROM_BEFORE`], and the writes that follow for them.
async fn stored_before_the_webhook() -> Result<(ControlPlane, Vec<(&'static str, Vec<Recorded>)>)> {
    let control_plane = ControlPlane::start().await?;
    install_crd(&control_plane.client()).await?;
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    apply(&control_plane.client(), &namespace).await?;
    let mut lives = Vec::new();
    for name in FROM_BEFORE {
        let mut rest = life(name)?;
        let status = rest.remove(0).send(&control_plane).await?;
        ensure!(status == 201, "{name} was not stored: {status}");
        lives.push((name, rest));
    }
    Ok((control_plane, lives))
}

/// The names of the stored endpoints.
async fn left(cluster: &Cluster) -> Result<Vec<String>> {
    let stored = cluster.endpoints(NAMESPACE).list(&ListParams::default()).await?;
    Ok(stored.into_iter().filter_map(|endpoint| endpoint.metadata.name).collect())
}

/// As a parent's reconcile applies it.
async fn compose(cluster: &Cluster, name: &str, spec: &Value) -> kube::Result<DynamicObject> {
    let manager = format!("apiextensions.crossplane.io/composed/{}", "41c0".repeat(16));
    let apply = PatchParams::apply(&manager).force();
    cluster.endpoints(NAMESPACE).patch(name, &apply, &Patch::Apply(endpoint(name, spec))).await
}

/// Asserts that the write failed because the mutating webhook is down.
fn not_reached(result: kube::Result<DynamicObject>) -> Result<()> {
    let status = refused(result)?;
    let message = status.message.unwrap_or_default();
    let start = "Internal error occurred: failed calling webhook \"mutate.modelendpoints.modelplane.ai\": \
                 failed to call webhook: Post \"https://modelendpoint-webhook.modelendpoint-webhook.svc:";
    ensure!(status.code == Some(500) && message.starts_with(start), "{message}");
    Ok(())
}

async fn reviews(cluster: &Cluster) -> Result<[u64; 2]> {
    Ok([cluster.reviews_answered("/mutate").await?, cluster.reviews_answered("/validate").await?])
}

/// The fields of the spec that the rules are about.
fn leads_to(endpoint: &DynamicObject) -> Value {
    let mut spec = endpoint.data["spec"].clone();
    spec.as_object_mut().expect("a spec").remove("crossplane");
    spec
}
