//! Attempts to store a url that was not judged, in every way that the conditions or the API server might leave open.

use anyhow::{Context, Result};
use axum::http::Request;
use control_plane::{ControlPlane, install_definition, model_endpoint_definition, model_endpoint_resource};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::{Cluster, endpoint, refused, shared, spec, test};

const PATH: &str = "/apis/modelplane.ai/v1alpha1/namespaces";

/// Sends a whole object as it is. The client library can't send a spec of another type.
async fn send(cluster: &Cluster, method: &str, path: &str, object: &Value) -> Result<kube::Result<Value>> {
    let request = Request::builder().method(method).uri(path).header("Content-Type", "application/json");
    let request = request.body(serde_json::to_vec(object)?)?;
    Ok(cluster.control_plane.client().request(request).await)
}

fn object(name: &str, spec: Option<&Value>) -> Value {
    let mut object = json!({
        "apiVersion": "modelplane.ai/v1alpha1",
        "kind": "ModelEndpoint",
        "metadata": { "name": name },
    });
    if let Some(spec) = spec {
        object["spec"] = spec.clone();
    }
    object
}

/// Specs that the schema refuses, or that contain no url.
fn odd_specs() -> Vec<Option<Value>> {
    let path = |url: Value| json!({ "url": url, "rewritePath": "/a/" });
    let specs = [
        json!(null),
        json!(true),
        json!(5),
        json!("http://[::1"),
        json!([]),
        json!([{ "url": "http://[::1" }]),
        json!({}),
        json!({ "rewritePath": "/a/" }),
        json!({ "rewritePath": null }),
        json!({ "rewritePath": 5 }),
        path(json!(null)),
        path(json!("")),
        path(json!(5)),
        path(json!(["http://[::1"])),
        path(json!({ "url": "http://[::1" })),
        json!({ "url": null }),
        json!({ "URL": "http://[::1" }),
    ];
    std::iter::once(None).chain(specs.into_iter().map(Some)).collect()
}

#[test]
fn a_spec_of_an_odd_shape_is_refused_and_no_condition_fails() {
    test(async {
        let cluster = shared().await?;
        let endpoints = cluster.namespace("odd").await?;
        let sound = json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" });
        endpoints.create(&PostParams::default(), &endpoint("sound", &sound)).await?;
        for odd in odd_specs() {
            for (method, path, name) in [
                ("POST", format!("{PATH}/odd/modelendpoints"), "odd"),
                ("PUT", format!("{PATH}/odd/modelendpoints/sound"), "sound"),
            ] {
                let mut sent = object(name, odd.as_ref());
                sent["metadata"]["resourceVersion"] = match method {
                    "PUT" => json!(endpoints.get("sound").await?.metadata.resource_version),
                    _ => json!(null),
                };
                let result = send(cluster, method, &path, &sent).await?;
                let message = refused(result)?.message.unwrap_or_default();
                assert!(!message.contains("failed to match"), "{method} {odd:?}: {message}");
                assert!(!message.contains("expression"), "{method} {odd:?}: {message}");
            }
        }
        assert_eq!(spec(&endpoints.get("sound").await?), &sound);
        assert!(endpoints.get_opt("odd").await?.is_none());
        Ok(())
    });
}

#[test]
fn without_a_schema_no_odd_shape_leads_to_a_malformed_url() {
    test(async {
        let mut definition = serde_json::to_value(model_endpoint_definition()?)?;
        let anything = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = anything;
        let control_plane = ControlPlane::start().await?;
        install_definition(&control_plane.client(), &definition.to_string()).await?;
        let endpoints: Api<DynamicObject> =
            Api::namespaced_with(control_plane.client(), "default", &model_endpoint_resource());
        let cluster = Cluster::with_webhook(control_plane).await?;
        let mut stored = 0;
        for odd in odd_specs() {
            let created = send(
                &cluster,
                "POST",
                &format!("{PATH}/default/modelendpoints"),
                &object("odd", odd.as_ref()),
            )
            .await?;
            if created.is_err() {
                continue;
            }
            stored += 1;
            let labels = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
            endpoints
                .patch("odd", &PatchParams::default(), &labels)
                .await
                .with_context(|| format!("{odd:?}"))?;
            let malformed = json!({ "url": "http://[::1", "rewritePath": "/a/" });
            let mut sent = object("odd", Some(&malformed));
            sent["metadata"]["resourceVersion"] =
                json!(endpoints.get("odd").await?.metadata.resource_version);
            let path = format!("{PATH}/default/modelendpoints/odd");
            refused(send(&cluster, "PUT", &path, &sent).await?).with_context(|| format!("{odd:?}"))?;
            endpoints.delete("odd", &DeleteParams::default()).await?;
        }
        assert!(stored > 0, "{stored}");
        Ok(())
    });
}

#[test]
fn a_subresource_stores_no_url() {
    test(async {
        let cluster = shared().await?;
        let endpoints = cluster.namespace("subresources").await?;
        let sound = json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" });
        let mut created = endpoints.create(&PostParams::default(), &endpoint("e", &sound)).await?;
        created.data["spec"] = json!({ "url": "http://[::1" });
        created.data["status"] = json!({ "routing": { "backendName": "b" } });
        endpoints.replace_status("e", &PostParams::default(), &created).await?;
        let patch = Patch::Merge(json!({ "spec": { "url": "http://[::1" } }));
        endpoints.patch_status("e", &PatchParams::default(), &patch).await?;
        let applied = object("e", Some(&json!({ "url": "http://[::1" })));
        let apply = PatchParams::apply("ada").force();
        endpoints.patch_status("e", &apply, &Patch::Apply(applied)).await?;
        assert_eq!(endpoints.get("e").await?.data["status"]["routing"]["backendName"], "b");
        let scale = format!("{PATH}/subresources/modelendpoints/e/scale");
        assert_eq!(refused(send(cluster, "PUT", &scale, &json!({})).await?)?.code, Some(404));
        assert_eq!(spec(&endpoints.get("e").await?), &sound);
        Ok(())
    });
}

#[test]
fn an_endpoint_in_a_batch_is_judged_on_its_own() {
    test(async {
        let cluster = shared().await?;
        let endpoints = cluster.namespace("batch").await?;
        let with_url = |name: &str, url: &str| object(name, Some(&json!({ "url": url, "rewritePath": "/" })));
        let list = |urls: [&str; 3]| {
            let items = ["a", "b", "c"].into_iter().zip(urls).map(|(name, url)| with_url(name, url));
            json!({ "apiVersion": "v1", "kind": "List", "items": items.collect::<Vec<_>>() }).to_string()
        };
        let apply = |flags: &[&'static str]| [&["apply", "-n", "batch", "-f", "-"], flags].concat();
        let names = async || {
            let names = endpoints.list(&kube::api::ListParams::default()).await?.items.into_iter();
            anyhow::Ok(names.filter_map(|endpoint| endpoint.metadata.name).collect::<Vec<_>>())
        };
        let mixed = list(["http://10.0.1.50/", "http://[::1", "http://10.0.1.52/"]);
        for flags in [&[][..], &["--server-side"]] {
            let printed = cluster.kubectl(&apply(flags), &mixed).await?;
            assert!(printed.stderr.contains("spec.url: "), "{printed:?}");
            assert_eq!((printed.code, names().await?), (Some(1), vec!["a".to_owned(), "c".to_owned()]));
        }
        // `replace --force` deletes the endpoint and creates it again. The malformed one is not stored.
        let bad = with_url("a", "http://[::1").to_string();
        let printed = cluster.kubectl(&["replace", "--force", "-n", "batch", "-f", "-"], &bad).await?;
        assert!(printed.stderr.contains("spec.url: "), "{printed:?}");
        assert_eq!((printed.code, names().await?), (Some(1), vec!["c".to_owned()]));
        Ok(())
    });
}

#[test]
fn a_change_of_owner_is_no_change_and_opens_no_way() {
    test(async {
        let cluster = Cluster::start().await?;
        let endpoints = cluster.namespace("owners").await?;
        let sound = json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" });
        endpoints.create(&PostParams::default(), &endpoint("e", &sound)).await?;
        let answered = async || {
            anyhow::Ok((
                cluster.reviews_answered("/mutate").await?,
                cluster.reviews_answered("/validate").await?,
            ))
        };
        let before = answered().await?;
        for manager in ["ada", "grace"] {
            let apply = PatchParams::apply(manager).force();
            endpoints.patch("e", &apply, &Patch::Apply(endpoint("e", &sound))).await?;
        }
        assert_eq!(answered().await?, before, "neither field changed");
        // Even if several managers own the url, the change is judged.
        let moved = json!({ "url": "http://[::1", "rewritePath": "/a/" });
        for manager in ["ada", "grace"] {
            let apply = PatchParams::apply(manager).force();
            refused(endpoints.patch("e", &apply, &Patch::Apply(endpoint("e", &moved))).await)?;
        }
        assert_eq!(spec(&endpoints.get("e").await?), &sound);
        Ok(())
    });
}
