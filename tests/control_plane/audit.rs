//! The API server's audit log says what the webhook did to a request.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use control_plane::{ControlPlane, Seen, eventually, install_crd};
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::cluster::{Cluster, endpoint, refused, test};

const WRITTEN_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn the_audit_log_names_the_rules_that_denied_or_warned_and_the_mutation_that_patched() {
    test(async {
        let directory = tempfile::tempdir()?;
        let log = directory.path().join("audit.log");
        let policy = directory.path().join("policy.yaml");
        fs::write(&policy, POLICY)?;
        let control_plane = ControlPlane::builder()
            .api_server_flag(format!("--audit-log-path={}", log.display()))
            .api_server_flag(format!("--audit-policy-file={}", policy.display()))
            .start()
            .await?;
        install_crd(&control_plane.client()).await?;
        let cluster = Cluster::with_webhook(control_plane).await?;
        let endpoints = cluster.namespace("audited").await?;

        let post = PostParams::default();
        let whole = json!({ "url": "http://10.0.1.50/a/v1", "rewritePath": "/a/" });
        endpoints.create(&post, &endpoint("fine", &whole)).await?;
        let bare = json!({ "url": "http://10.0.1.50/a/v1" });
        endpoints.create(&post, &endpoint("defaulted", &bare)).await?;
        let moved = Patch::Merge(json!({ "spec": { "url": "http://10.0.1.50/b/v1" } }));
        endpoints.patch("defaulted", &PatchParams::default(), &moved).await?;
        let bad = json!({ "url": "ftp://user:s3cret@10.0.1.50/v1", "rewritePath": "a" });
        refused(endpoints.create(&post, &endpoint("bad", &bad)).await)?;
        let warned = json!({ "url": "http://h.example:443/", "rewritePath": "/" });
        endpoints.create(&post, &endpoint("warned", &warned)).await?;

        let mutated = |id: &str| json!({ "mutate.modelendpoints.modelplane.ai/mutated": id });
        let expected = [
            ("create", "fine", json!({})),
            ("create", "defaulted", mutated("default-rewrite-path")),
            ("patch", "defaulted", mutated("refresh-default")),
            (
                "create",
                "bad",
                json!({
                    "validate.modelendpoints.modelplane.ai/denied":
                        "url-scheme,url-userinfo,rewrite-path-absolute",
                }),
            ),
            (
                "create",
                "warned",
                json!({ "validate.modelendpoints.modelplane.ai/warned": "url-http-on-443" }),
            ),
        ];
        let expected = expected.map(|(verb, name, ours)| (verb.to_owned(), name.to_owned(), ours));
        eventually("an audit log with all five writes", WRITTEN_WITHIN, async || {
            let seen = events(&log)?;
            Ok(if seen == expected { Seen::Done(()) } else { Seen::NotYet(format!("{seen:#?}")) })
        })
        .await?;
        assert!(!fs::read_to_string(&log)?.contains("s3cret"), "annotations hold ids, no values");
        Ok(())
    });
}

const POLICY: &str = "
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    resources: [{group: modelplane.ai, resources: [modelendpoints]}]
    namespaces: [audited]
  - level: None
";

/// The verb, the name, and the webhook's annotations of each write.
fn events(log: &Path) -> Result<Vec<(String, String, Value)>> {
    let mut events = Vec::new();
    for line in fs::read_to_string(log)?.lines() {
        // The last line may still be incomplete.
        let Ok(event) = serde_json::from_str::<Value>(line) else { break };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let annotations = event["annotations"].as_object().cloned().unwrap_or_default();
        let ours = annotations.into_iter().filter(|(key, _)| key.contains(".modelendpoints.modelplane.ai/"));
        events.push((text(&event["verb"]), text(&event["objectRef"]["name"]), ours.collect()));
    }
    Ok(events)
}
