//! Endpoints with an origin, on an API server with the resource of Modelplane 0.5.

use anyhow::{Context, Result, bail};
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use modelendpoint_core::endpoint::CLUSTER_LABEL;
use serde_json::{Value, json};

use crate::cluster::{Cluster, endpoint, refused, spec, test};

/// What Modelplane composes: the webhook neither changes it nor warns about it, and `/mutate` is not even called.
fn composed() -> Value {
    json!({
        "origin": "https://gw-eu.modelplane-system.svc.cluster.local",
        "api": { "schema": "OpenAI", "prefix": "/ml-team/qwen-0/v1" },
        "model": "ml-team/qwen",
    })
}

fn sample_endpoint(sample: &Value) -> Result<DynamicObject> {
    let mut object = endpoint(sample["id"].as_str().context("an id")?, &sample["spec"]);
    let labels = &sample["metadata"]["labels"];
    if !labels.is_null() {
        object.metadata.labels = Some(serde_json::from_value(labels.clone())?);
    }
    Ok(object)
}

/// What the API server did wrong with a sample; `None` if nothing.
fn disagreement(sample: &Value, result: kube::Result<DynamicObject>) -> Result<Option<String>> {
    let expected = &sample["expected"];
    if expected["normalised"].is_object() {
        let stored = result.map(|object| spec(&object).clone());
        let agrees = matches!(&stored, Ok(stored) if *stored == expected["normalised"]);
        return Ok((!agrees).then(|| format!("stored {stored:?}")));
    }
    let is_admitted = match (expected["verdict"].as_str(), expected["chosen"].as_str()) {
        (Some("ambiguous"), chosen) => chosen != Some("deny"),
        (verdict, _) => verdict == Some("allow"),
    };
    match result {
        Ok(object) if is_admitted => {
            let stored = spec(&object);
            Ok((*stored != sample["admitted"]).then(|| format!("stored {stored}")))
        }
        Ok(object) => Ok(Some(format!("admitted {}", spec(&object)))),
        Err(error) if is_admitted => Ok(Some(format!("refused: {error}"))),
        // For a value of another type, the schema answers 400.
        result @ Err(_) if expected["by"] != "schema" => {
            let status = refused(result)?;
            Ok((status.code != Some(422)).then(|| format!("{status:?}")))
        }
        Err(_) => Ok(None),
    }
}

#[test]
fn the_api_server_stores_an_origin_exactly_if_the_corpus_says_so() {
    test(async {
        let cluster = Cluster::start_0_5().await?;
        let endpoints = cluster.namespace("origins").await?;
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        let (mut disagreements, mut judged) = (Vec::new(), 0);
        for line in include_str!("../corpus/origins.jsonl").lines() {
            let sample: Value = serde_json::from_str(line)?;
            let result = endpoints.create(&dry_run, &sample_endpoint(&sample)?).await;
            judged += 1;
            if let Some(what) = disagreement(&sample, result)? {
                disagreements.push(format!("{what}: {} {}", sample["spec"], sample["expected"]));
            }
        }
        assert_eq!((judged, disagreements), (399, vec![]));
        Ok(())
    });
}

#[test]
fn a_write_that_changes_no_judged_field_of_an_origin_causes_no_call() {
    test(async {
        let cluster = Cluster::start_0_5().await?;
        let endpoints = cluster.namespace("calls").await?;
        let answered = async || {
            anyhow::Ok([
                cluster.reviews_answered("/mutate").await?,
                cluster.reviews_answered("/validate").await?,
            ])
        };
        let mut before = answered().await?;
        endpoints.create(&PostParams::default(), &endpoint("e", &composed())).await?;
        let mut calls = vec![("create", answered().await?)];
        for (what, change) in [
            ("a label", json!({ "metadata": { "labels": { "team": "ml" } } })),
            ("a finalizer", json!({ "metadata": { "finalizers": ["example.com/f"] } })),
            ("crossplane", json!({ "spec": { "crossplane": { "compositionRef": { "name": "c" } } } })),
            ("the cluster", json!({ "metadata": { "labels": { CLUSTER_LABEL: "gw-eu" } } })),
            ("origin", json!({ "spec": { "origin": "https://gw-us.modelplane-system.svc.cluster.local" } })),
            (
                "upper case",
                json!({ "spec": { "origin": "https://GW-us.modelplane-system.svc.cluster.local" } }),
            ),
            ("prefix", json!({ "spec": { "api": { "prefix": "/ml-team/qwen-1/v1" } } })),
            ("model", json!({ "spec": { "model": "ml-team/qwen-2" } })),
            (
                "credential",
                json!({ "spec": { "credential": { "method": "APIKey", "apiKey": { "secretRef": { "name": "k" } } } } }),
            ),
            ("no finalizer", json!({ "metadata": { "finalizers": null } })),
        ] {
            endpoints.patch("e", &PatchParams::default(), &Patch::Merge(change)).await?;
            calls.push((what, answered().await?));
        }
        let calls: Vec<_> = calls
            .into_iter()
            .map(|(what, now)| {
                let called = (what, now[0] - before[0], now[1] - before[1]);
                before = now;
                called
            })
            .collect();
        assert_eq!(
            calls,
            [
                ("create", 0, 1),
                ("a label", 0, 0),
                ("a finalizer", 0, 0),
                ("crossplane", 0, 0),
                ("the cluster", 0, 1),
                ("origin", 0, 1),
                ("upper case", 1, 0),
                ("prefix", 0, 1),
                ("model", 0, 1),
                ("credential", 0, 1),
                ("no finalizer", 0, 0),
            ]
        );
        Ok(())
    });
}

#[test]
fn what_the_schema_would_refuse_is_refused_with_what_to_write() {
    test(async {
        let cluster = Cluster::start_0_5().await?;
        let endpoints = cluster.namespace("words").await?;
        let written = json!({ "origin": "https://api.groq.com/openai/v1" });
        let status = refused(endpoints.create(&PostParams::default(), &endpoint("e", &written)).await)?;
        let message = status.message.context("a message")?;
        assert!(
            message.contains(
                "write `origin: https://api.groq.com` and `prefix: /openai/v1` under `api` [origin-path]"
            ),
            "{message}"
        );
        let base = json!({ "origin": "https://API.openai.com/v1" });
        let stored = endpoints.create(&PostParams::default(), &endpoint("e", &base)).await?;
        assert_eq!(
            spec(&stored),
            &json!({ "origin": "https://api.openai.com", "api": { "schema": "OpenAI", "prefix": "/v1" } })
        );
        // The API server drops the old fields before it calls any webhook.
        let old = json!({ "url": "https://api.openai.com/v1", "rewritePath": "/" });
        let status = refused(endpoints.create(&PostParams::default(), &endpoint("old", &old)).await)?;
        let Some(message) = status.message else { bail!("no message") };
        assert!(message.contains("spec.origin: Required value"), "{message}");
        Ok(())
    });
}
