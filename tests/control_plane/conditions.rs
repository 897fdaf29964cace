//! The matchConditions skip `/mutate` exactly for what it would allow without a warning.

use anyhow::{Context, Result};
use kube::api::{Patch, PatchParams, PostParams};
use modelendpoint_core::admission::{self, Hook, Outcome};
use modelendpoint_core::endpoint::Policy;
use modelendpoint_core::endpoint::rewrite_path::ends_in_one_slash;
use serde_json::{Value, json};

use crate::cluster::{Cluster, endpoint, test};

/// Whether `/mutate` allows a new endpoint with this spec without a patch or a warning.
fn is_silent(spec: &Value) -> Result<bool> {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "modelplane.ai", "version": "v1alpha1", "kind": "ModelEndpoint" },
            "operation": "CREATE",
            "object": { "spec": spec },
        },
    })
    .to_string();
    let answer = admission::answer(&Policy::NONE, Hook::Mutate, review.as_bytes())
        .ok()
        .context("a review has a UID")?;
    let answered: Value = serde_json::from_slice(&answer.review)?;
    Ok(answer.outcome == Outcome::Allowed && answered["response"]["warnings"].is_null())
}

#[test]
fn what_a_condition_skips_would_be_allowed_in_silence() {
    test(async {
        let cluster = Cluster::start().await?;
        let endpoints = cluster.namespace("conditions").await?;
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        let corpus =
            concat!(include_str!("../corpus/urls.jsonl"), include_str!("../corpus/rewrite_paths.jsonl"));
        let (mut skipped, mut answered) = (0, cluster.reviews_answered("/mutate").await?);
        for line in corpus.lines() {
            let sample: Value = serde_json::from_str(line)?;
            let (id, spec) = (sample["id"].as_str().context("an id")?, &sample["spec"]);
            // The client library can't send a spec of another type as it is.
            if !spec.is_object() {
                continue;
            }
            // It may be refused. What matters is that no condition fails.
            if let Err(error) = endpoints.create(&dry_run, &endpoint(id, spec)).await {
                let text = error.to_string();
                assert!(
                    !text.contains("failed to match") && !text.contains("Internal error"),
                    "{text}: {sample}"
                );
            }
            let now = cluster.reviews_answered("/mutate").await?;
            let was_called = now > answered;
            answered = now;
            let in_normal_form = spec["rewritePath"].as_str().is_some_and(ends_in_one_slash);
            assert_eq!(was_called, !in_normal_form, "{sample}");
            if !was_called {
                assert!(is_silent(spec)?, "{sample}");
                skipped += 1;
            }
        }
        assert!(skipped > 100, "{skipped}");
        Ok(())
    });
}

#[test]
fn an_update_in_normal_form_is_skipped_unless_it_changes_the_url() {
    test(async {
        let cluster = Cluster::start().await?;
        let endpoints = cluster.namespace("conditions").await?;
        let composed =
            json!({ "url": "http://34.118.20.7/ml-team/qwen/v1", "rewritePath": "/ml-team/qwen/" });
        let answered = async || {
            anyhow::Ok((
                cluster.reviews_answered("/mutate").await?,
                cluster.reviews_answered("/validate").await?,
            ))
        };
        let mut before = answered().await?;
        endpoints.create(&PostParams::default(), &endpoint("e", &composed)).await?;
        let mut calls = Vec::new();
        for change in [
            json!({ "rewritePath": "/ml-team/qwen-2/" }),
            json!({ "rewritePath": "/ml-team/qwen-3" }),
            json!({ "url": "http://34.118.20.8/ml-team/qwen/v1" }),
            json!({ "rewritePath": null }),
        ] {
            let now = answered().await?;
            calls.push((now.0 - before.0, now.1 - before.1));
            before = now;
            let patch = Patch::Merge(json!({ "spec": change }));
            endpoints.patch("e", &PatchParams::default(), &patch).await?;
        }
        let now = answered().await?;
        calls.push((now.0 - before.0, now.1 - before.1));
        assert_eq!(calls, [(0, 1), (0, 1), (1, 1), (1, 1), (1, 1)]);
        Ok(())
    });
}
