//! The default follows its url, until somebody owns the field.

use anyhow::Result;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::{endpoint, shared, spec, test};

async fn merge(endpoints: &Api<DynamicObject>, change: Value) -> Result<Value> {
    let patched =
        endpoints.patch("e", &PatchParams::default(), &Patch::Merge(json!({ "spec": change }))).await?;
    Ok(patched.data["spec"]["rewritePath"].clone())
}

async fn apply(endpoints: &Api<DynamicObject>, manager: &str, applied: Value) -> Result<Value> {
    let patch = PatchParams::apply(manager).force();
    let applied = endpoints.patch("e", &patch, &Patch::Apply(endpoint("e", &applied))).await?;
    Ok(spec(&applied)["rewritePath"].clone())
}

fn url(path: &str) -> Value {
    json!({ "url": format!("http://10.0.1.50{path}") })
}

#[test]
fn a_default_follows_the_url_until_someone_owns_it() {
    test(async {
        let endpoints = shared().await?.namespace("follows").await?;
        endpoints.create(&PostParams::default(), &endpoint("e", &url("/a/v1"))).await?;
        assert_eq!(merge(&endpoints, url("/b/v1")).await?, "/b/");
        assert_eq!(merge(&endpoints, url("/c/v1")).await?, "/c/");
        assert_eq!(merge(&endpoints, json!({ "rewritePath": "/mine/" })).await?, "/mine/");
        assert_eq!(merge(&endpoints, url("/d/v1")).await?, "/mine/");
        assert_eq!(merge(&endpoints, json!({ "rewritePath": null })).await?, "/d/");
        assert_eq!(merge(&endpoints, url("/e/v1")).await?, "/e/");
        Ok(())
    });
}

#[test]
fn it_does_so_for_server_side_apply() {
    test(async {
        let endpoints = shared().await?.namespace("applied").await?;
        assert_eq!(apply(&endpoints, "ada", url("/a/v1")).await?, "/a/");
        assert_eq!(apply(&endpoints, "ada", url("/b/v1")).await?, "/b/");
        // Whoever applies the stored value owns the field.
        let owned = json!({ "url": "http://10.0.1.50/b/v1", "rewritePath": "/b/" });
        assert_eq!(apply(&endpoints, "bob", owned).await?, "/b/");
        assert_eq!(apply(&endpoints, "ada", url("/c/v1")).await?, "/b/");
        // Whoever stops applying the field gives up its ownership.
        assert_eq!(apply(&endpoints, "bob", url("/c/v1")).await?, "/c/");
        assert_eq!(apply(&endpoints, "ada", url("/d/v1")).await?, "/d/");
        Ok(())
    });
}
