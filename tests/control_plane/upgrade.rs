//! The steps of docs/upgrade-modelplane.md: the resource of Modelplane 0.5 in the place of the one before.

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
        // the url is still stored, and nobody can read it
        let defaults = json!({ "api": { "schema": "OpenAI", "prefix": "/v1" } });
        assert_eq!(spec(&endpoints.get("applied").await?), &defaults);

        // whatever is not judged can still be written, without a call
        let before = cluster.reviews_answered("/validate").await?;
        let label = Patch::Merge(json!({ "metadata": { "labels": { "team": "ml" } } }));
        endpoints.patch("labelled", &PatchParams::default(), &label).await?;
        assert_eq!(cluster.reviews_answered("/validate").await?, before);
        endpoints.delete("deleted", &kube::api::DeleteParams::default()).await?;

        // what `modelendpoint migrate` writes is admitted
        let migrated =
            migrate(&Spec::of_url(Field::Text(url), Field::Text("/openai/"))).ok().context("a mapping")?;
        let fields = json!({ "origin": migrated.origin, "api": { "prefix": migrated.prefix } });
        let applied = Patch::Merge(json!({ "spec": fields }));
        let stored = endpoints.patch("applied", &PatchParams::default(), &applied).await?;
        let expected = json!({ "origin": "https://api.groq.com", "api": { "schema": "OpenAI", "prefix": "/openai/v1" } });
        assert_eq!(spec(&stored), &expected);

        // and the webhook guards the new fields without a restart
        let bad = json!({ "origin": "https://api.groq.com://8080" });
        let status = refused(endpoints.create(&PostParams::default(), &endpoint("bad", &bad)).await)?;
        assert!(status.message.unwrap_or_default().ends_with("[origin-separator]"));
        Ok(())
    });
}
