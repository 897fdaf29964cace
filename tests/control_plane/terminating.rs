//! An endpoint that is being deleted is judged like any other, because it still serves as long as a finalizer keeps
//! it.

use anyhow::Result;
use control_plane::{ControlPlane, install_crd, model_endpoint_resource};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::{Cluster, endpoint, refused, refused_fields, shared, spec, test};

const FINALIZER: &str = "example.org/keep";

fn kept(name: &str, spec: &Value) -> DynamicObject {
    let mut endpoint = endpoint(name, spec);
    endpoint.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
    endpoint
}

/// Creates an endpoint that a finalizer keeps, and deletes it.
async fn terminating(endpoints: &Api<DynamicObject>, name: &str, spec: &Value) -> Result<()> {
    endpoints.create(&PostParams::default(), &kept(name, spec)).await?;
    endpoints.delete(name, &DeleteParams::default()).await?;
    assert!(endpoints.get(name).await?.metadata.deletion_timestamp.is_some());
    Ok(())
}

fn url(url: &str) -> Patch<Value> {
    Patch::Merge(json!({ "spec": { "url": url } }))
}

/// A manifest that claims that its endpoint is being deleted. Kubernetes up to 1.36 stores such an object.
fn born_terminating(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "modelplane.ai/v1alpha1",
        "kind": "ModelEndpoint",
        "metadata": {
            "name": name,
            "finalizers": [FINALIZER],
            "deletionTimestamp": "2026-01-01T00:00:00Z",
            "deletionGracePeriodSeconds": 0,
        },
        "spec": spec,
    })
}

#[test]
fn deletion_opens_no_way_to_a_malformed_url() {
    test(async {
        let endpoints = shared().await?.namespace("terminating").await?;
        terminating(&endpoints, "e", &json!({ "url": "http://10.0.1.50/a/v1" })).await?;
        let patch = PatchParams::default();
        let status = refused(endpoints.patch("e", &patch, &url("http://[::1")).await)?;
        assert_eq!((status.code, refused_fields(&status)), (Some(422), vec!["spec.url"]));
        let mut replacement = endpoints.get("e").await?;
        replacement.data["spec"]["url"] = json!("http://[::1");
        let status = refused(endpoints.replace("e", &PostParams::default(), &replacement).await)?;
        assert_eq!(refused_fields(&status), ["spec.url"]);
        let apply = PatchParams::apply("ada").force();
        let applied = born_terminating("e", &json!({ "url": "http://[::1" }));
        let status = refused(endpoints.patch("e", &apply, &Patch::Apply(applied)).await)?;
        assert_eq!(refused_fields(&status), ["spec.url"]);
        assert_eq!(
            spec(&endpoints.get("e").await?),
            &json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" })
        );
        Ok(())
    });
}

#[test]
fn a_default_follows_its_url_until_the_end() {
    test(async {
        let endpoints = shared().await?.namespace("terminating-default").await?;
        terminating(&endpoints, "e", &json!({ "url": "http://10.0.1.50/a/v1" })).await?;
        let patch = PatchParams::default();
        let moved = endpoints.patch("e", &patch, &url("http://10.0.1.50/b/v1")).await?;
        assert_eq!(spec(&moved), &json!({ "url": "http://10.0.1.50/b/v1", "rewritePath": "/b/" }));
        let slash = Patch::Merge(json!({ "spec": { "rewritePath": "/c" } }));
        let normalized = endpoints.patch("e", &patch, &slash).await?;
        assert_eq!(spec(&normalized), &json!({ "url": "http://10.0.1.50/b/v1", "rewritePath": "/c/" }));
        Ok(())
    });
}

#[test]
fn an_object_that_claims_to_be_deleted_is_judged_when_it_is_created() {
    test(async {
        let endpoints = shared().await?.namespace("born-terminating").await?;
        let apply = PatchParams::apply("ada").force();
        let malformed = json!({ "url": "http://[::1", "rewritePath": "/" });
        let applied = Patch::Apply(born_terminating("applied", &malformed));
        let status = refused(endpoints.patch("applied", &apply, &applied).await)?;
        assert_eq!((status.code, refused_fields(&status)), (Some(422), vec!["spec.url"]));
        let posted: DynamicObject = serde_json::from_value(born_terminating("posted", &malformed))?;
        let status = refused(endpoints.create(&PostParams::default(), &posted).await)?;
        assert_eq!(refused_fields(&status), ["spec.url"]);
        for name in ["applied", "posted"] {
            assert!(endpoints.get_opt(name).await?.is_none(), "{name}");
        }

        // A well-formed one is mutated, whether or not the API server accepts the timestamp.
        let sound = json!({ "url": "http://10.0.1.50/a/v1" });
        let stored =
            endpoints.patch("sound", &apply, &Patch::Apply(born_terminating("sound", &sound))).await?;
        assert_eq!(spec(&stored), &json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" }));
        Ok(())
    });
}

#[test]
fn in_an_outage_finalizers_go_and_malformed_urls_do_not_come() {
    test(async {
        let control_plane = ControlPlane::start().await?;
        install_crd(&control_plane.client()).await?;
        let endpoints: Api<DynamicObject> =
            Api::namespaced_with(control_plane.client(), "default", &model_endpoint_resource());
        for (name, url) in
            [("patched", "http://[::1"), ("replaced", "http://[::1"), ("sound", "http://10.0.1.50/v1")]
        {
            terminating(&endpoints, name, &json!({ "url": url, "rewritePath": "no//slash" })).await?;
        }
        let mut cluster = Cluster::with_webhook(control_plane).await?;
        assert_eq!(cluster.webhook.stop().await?, 0);

        let patch = PatchParams::default();
        let apply = PatchParams::apply("ada").force();
        let born = born_terminating("born", &json!({ "url": "http://[::1", "rewritePath": "/" }));
        for result in [
            endpoints.patch("sound", &patch, &url("http://[::1")).await,
            endpoints.patch("patched", &patch, &url("http://[::2")).await,
            endpoints.patch("born", &apply, &Patch::Apply(born)).await,
        ] {
            let status = refused(result)?;
            let message = status.message.unwrap_or_default();
            assert!(message.contains("failed calling webhook"), "{message}");
            assert_eq!(status.code, Some(500));
        }
        assert_eq!(spec(&endpoints.get("sound").await?)["url"], "http://10.0.1.50/v1");
        assert!(endpoints.get_opt("born").await?.is_none());

        let none = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        endpoints.patch("patched", &patch, &none).await?;
        endpoints.patch("sound", &patch, &none).await?;
        // As Crossplane does it: it writes the whole object, without the finalizer.
        let mut replacement = endpoints.get("replaced").await?;
        replacement.metadata.finalizers = None;
        endpoints.replace("replaced", &PostParams::default(), &replacement).await?;
        for name in ["patched", "replaced", "sound"] {
            assert!(endpoints.get_opt(name).await?.is_none(), "{name}");
        }
        Ok(())
    });
}
