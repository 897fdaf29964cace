//! The steps of docs/upgrade-modelplane.md: the definition of Modelplane 0.5 replaces the previous one.

use anyhow::Context;
use control_plane::install_crd_0_5;
use kube::api::{Patch, PatchParams, PostParams};
use modelendpoint_core::endpoint::migration::migrate;
use modelendpoint_core::endpoint::{Spec, Value as Field};
use serde_json::json;

use crate::cluster::{Cluster, endpoint, refused, spec, test};

#[test]
fn an_endpoint_that_is_applied_with_an_origin_survives_the_upgrade() {
    test(async {
        let cluster = Cluster::start().await?;
        let endpoints = cluster.namespace("upgrade").await?;
        let url = "https://api.groq.com/openai/v1";
        for name in ["applied", "labelled", "deleted"] {
            endpoints.create(&PostParams::default(), &endpoint(name, &json!({ "url": url }))).await?;
        }

        install_crd_0_5(&cluster.control_plane.client()).await?;
        // The url is still stored, but nobody can read it.
        let defaults = json!({ "api": { "schema": "OpenAI", "prefix": "/v1" } });
        assert_eq!(spec(&endpoints.get("applied").await?), &defaults);

        // Writes that are not judged still succeed, without a call.
        let before = cluster.reviews_answered("/validate").await?;
        let label = Patch::Merge(json!({ "metadata": { "labels": { "team": "ml" } } }));
        endpoints.patch("labelled", &PatchParams::default(), &label).await?;
        assert_eq!(cluster.reviews_answered("/validate").await?, before);
        endpoints.delete("deleted", &kube::api::DeleteParams::default()).await?;

        // The output of `modelendpoint migrate` is admitted.
        let migrated =
            migrate(&Spec::of_url(Field::Text(url), Field::Text("/openai/"))).ok().context("a mapping")?;
        let fields = json!({ "origin": migrated.origin, "api": { "prefix": migrated.prefix } });
        let applied = Patch::Merge(json!({ "spec": fields }));
        let stored = endpoints.patch("applied", &PatchParams::default(), &applied).await?;
        let expected = json!({ "origin": "https://api.groq.com", "api": { "schema": "OpenAI", "prefix": "/openai/v1" } });
        assert_eq!(spec(&stored), &expected);

        // The webhook judges the new fields without a restart.
        let bad = json!({ "origin": "https://api.groq.com://8080" });
        let status = refused(endpoints.create(&PostParams::default(), &endpoint("bad", &bad)).await)?;
        assert!(status.message.unwrap_or_default().ends_with("[origin-separator]"));
        Ok(())
    });
}
