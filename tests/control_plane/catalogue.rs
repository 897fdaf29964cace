//! Every example of every rule, through the API server.

use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use modelendpoint_core::endpoint::rules::{self, Example, Severity};
use serde_json::{Value, json};

use crate::cluster::{endpoint, refused, shared, test};

fn object(name: &str, example: &Example) -> DynamicObject {
    let mut spec = json!({ "url": example.url });
    if let Some(rewrite_path) = example.rewrite_path {
        spec["rewritePath"] = Value::from(rewrite_path);
    }
    endpoint(name, &spec)
}

#[test]
fn every_example_of_every_rule_is_judged_as_documented() {
    test(async {
        let endpoints = shared().await?.namespace("catalogue").await?;
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        for rule in rules::ALL {
            let deny = rule.severity == Severity::Deny;
            let good = rule.good.iter().map(|example| (example, false));
            let all = good.chain(rule.bad.iter().map(|example| (example, deny)));
            for (example, refuse) in all.filter(|(example, _)| example.allowed_host.is_none()) {
                let result = match example.previous_url {
                    None => endpoints.create(&dry_run, &object("example", example)).await,
                    Some(previous) => {
                        let before = endpoint("moving", &json!({ "url": previous }));
                        endpoints.create(&PostParams::default(), &before).await?;
                        let url = Patch::Merge(json!({ "spec": { "url": example.url } }));
                        let result = endpoints.patch("moving", &PatchParams::default(), &url).await;
                        endpoints.delete("moving", &kube::api::DeleteParams::default()).await?;
                        result
                    }
                };
                if !refuse {
                    result.map_err(|error| anyhow::anyhow!("{}: {example:?}: {error}", rule.id))?;
                    continue;
                }
                let message = refused(result)?.message.unwrap_or_default();
                assert!(message.ends_with(&format!("[{}]", rule.id)), "{example:?}: {message}");
            }
        }
        Ok(())
    });
}
