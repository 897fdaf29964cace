//! What the API server stores, and what it refuses.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use crate::cluster::{endpoint, refused, refused_fields, shared, spec, test};

#[test]
fn a_malformed_endpoint_is_refused_with_every_cause() {
    test(async {
        let endpoints = shared().await?.namespace("refused").await?;
        let bad = endpoint("bad", &json!({ "url": "ftp://user:s3cret@vllm/v1", "rewritePath": "openai/" }));
        let status = refused(endpoints.create(&PostParams::default(), &bad).await)?;
        let details = status.details.clone().unwrap_or_default();
        assert_eq!((status.code, status.reason.as_deref()), (Some(422), Some("Invalid")));
        assert_eq!(
            (details.name.as_deref(), details.group.as_deref(), details.kind.as_deref()),
            (Some("bad"), Some("modelplane.ai"), Some("ModelEndpoint"))
        );
        let causes: Vec<_> = details
            .causes
            .unwrap_or_default()
            .into_iter()
            .map(|cause| (cause.field.unwrap_or_default(), cause.reason.unwrap_or_default()))
            .collect();
        let cause = |field: &str, reason: &str| (field.to_owned(), reason.to_owned());
        assert_eq!(
            causes,
            [
                cause("spec.url", "FieldValueNotSupported"),
                cause("spec.url", "FieldValueForbidden"),
                cause("spec.url", "FieldValueInvalid"),
                cause("spec.rewritePath", "FieldValueInvalid"),
            ]
        );
        let message = status.message.unwrap_or_default();
        assert!(
            message.starts_with(
                "admission webhook \"validate.modelendpoints.modelplane.ai\" denied the request: \
                 ModelEndpoint.modelplane.ai \"bad\" is invalid: spec.url: has the scheme `…`"
            ),
            "{message}"
        );
        assert!(!message.contains("s3cret"), "{message}");
        assert_eq!(endpoints.get_opt("bad").await?.map(|stored| stored.metadata.name), None);
        Ok(())
    });
}

#[test]
fn every_way_to_write_goes_through_both_webhooks() {
    test(async {
        let endpoints = shared().await?.namespace("ways").await?;
        let post = PostParams::default();
        let url = "http://10.0.1.50/a/v1";
        let stored = |path: &str| json!({ "url": url, "rewritePath": path });

        let created = endpoints.create(&post, &endpoint("e", &stored("/create"))).await?;
        assert_eq!(spec(&created), &stored("/create/"));

        let mut replacement = created;
        replacement.data["spec"]["rewritePath"] = json!("/replace");
        let replaced = endpoints.replace("e", &post, &replacement).await?;
        assert_eq!(spec(&replaced), &stored("/replace/"));
        replacement = replaced;
        replacement.data["spec"]["rewritePath"] = json!("replace");
        let status = refused(endpoints.replace("e", &post, &replacement).await)?;
        assert_eq!(refused_fields(&status), ["spec.rewritePath"]);

        let patch = PatchParams::default();
        let merge = |path: &str| Patch::Merge(json!({ "spec": { "rewritePath": path } }));
        assert_eq!(spec(&endpoints.patch("e", &patch, &merge("/merge")).await?), &stored("/merge/"));
        let status = refused(endpoints.patch("e", &patch, &merge("merge")).await)?;
        assert_eq!(refused_fields(&status), ["spec.rewritePath"]);

        let json_patch = async |path: &str| {
            let operations =
                json!([{ "op": "replace", "path": "/spec/rewritePath", "value": path }]).to_string();
            let arguments = ["patch", "-n", "ways", "modelendpoint", "e", "--type=json", "-p", &operations];
            shared().await?.kubectl(&arguments, "").await
        };
        assert_eq!(json_patch("/json").await?.stdout, "modelendpoint.modelplane.ai/e patched\n");
        assert_eq!(spec(&endpoints.get("e").await?), &stored("/json/"));
        let printed = json_patch("json").await?;
        assert!(printed.stderr.contains("spec.rewritePath: "), "{printed:?}");
        assert_eq!((printed.code, printed.stdout.as_str()), (Some(1), ""));

        let apply = PatchParams::apply("ada").force();
        let applied = |path: &str| Patch::Apply(endpoint("e", &stored(path)));
        assert_eq!(spec(&endpoints.patch("e", &apply, &applied("/apply")).await?), &stored("/apply/"));
        let status = refused(endpoints.patch("e", &apply, &applied("apply")).await)?;
        assert_eq!(refused_fields(&status), ["spec.rewritePath"]);

        assert_eq!(spec(&endpoints.get("e").await?), &stored("/apply/"));
        endpoints.delete("e", &DeleteParams::default()).await?;
        Ok(())
    });
}

#[test]
fn a_dry_run_shows_the_result_and_stores_nothing() {
    test(async {
        let endpoints = shared().await?.namespace("dry-run").await?;
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        let shown = endpoints
            .create(&dry_run, &endpoint("e", &json!({ "url": "https://api.groq.com/openai/v1" })))
            .await?;
        assert_eq!(
            spec(&shown),
            &json!({ "url": "https://api.groq.com/openai/v1", "rewritePath": "/openai/" })
        );
        let status =
            refused(endpoints.create(&dry_run, &endpoint("e", &json!({ "url": "http://[::1" }))).await)?;
        assert_eq!(refused_fields(&status), ["spec.url"]);
        assert!(endpoints.get_opt("e").await?.is_none());
        Ok(())
    });
}

#[test]
fn a_generated_name_works_and_a_refusal_says_what_it_begins_with() {
    test(async {
        let endpoints = shared().await?.namespace("generated").await?;
        let generated = |url: &str| {
            let mut endpoint = endpoint("", &json!({ "url": url }));
            endpoint.metadata.name = None;
            endpoint.metadata.generate_name = Some("qwen-".to_owned());
            endpoint
        };
        let created =
            endpoints.create(&PostParams::default(), &generated("https://api.openai.com/v1")).await?;
        assert!(created.metadata.name.is_some_and(|name| name.starts_with("qwen-")));
        assert_eq!(created.data["spec"]["rewritePath"], "/");
        let status = refused(endpoints.create(&PostParams::default(), &generated("http://[::1")).await)?;
        let name = status.details.and_then(|details| details.name).unwrap_or_default();
        assert!(name.starts_with("qwen-"), "{name}");
        Ok(())
    });
}

#[test]
fn the_host_cannot_change_its_family_in_place() {
    test(async {
        let endpoints = shared().await?.namespace("family").await?;
        let url = |url: &str| Patch::Merge(json!({ "spec": { "url": url } }));
        endpoints
            .create(&PostParams::default(), &endpoint("e", &json!({ "url": "http://10.0.1.50/v1" })))
            .await?;
        endpoints.patch("e", &PatchParams::default(), &url("http://10.0.1.51/v1")).await?;
        let status =
            refused(endpoints.patch("e", &PatchParams::default(), &url("http://llm.example.com/v1")).await)?;
        let message = status.message.unwrap_or_default();
        assert!(message.contains("from an IPv4 address to a DNS name"), "{message}");
        assert_eq!(endpoints.get("e").await?.data["spec"]["url"], "http://10.0.1.51/v1");
        Ok(())
    });
}

#[test]
fn what_modelplane_composes_is_stored_byte_for_byte() {
    test(async {
        let cluster = shared().await?;
        cluster.namespace("ml-team").await?;
        let sent = r#""spec":{"rewritePath":"/ml-team/qwen-us-east-0/","url":"http://34.118.20.7/ml-team/qwen-us-east-0/v1"}"#;
        let manifest = format!(
            r#"{{"apiVersion":"modelplane.ai/v1alpha1","kind":"ModelEndpoint","metadata":{{"name":"qwen-us-east-0","namespace":"ml-team"}},{sent}}}"#
        );
        let manager = format!("--field-manager=apiextensions.crossplane.io/composed/{}", "41c0".repeat(16));
        let apply = ["apply", "--server-side", "--force-conflicts", &manager, "-f", "-"];
        let printed = cluster.kubectl(&apply, &manifest).await?;
        assert_eq!(
            (printed.stdout.as_str(), printed.stderr.as_str()),
            ("modelendpoint.modelplane.ai/qwen-us-east-0 serverside-applied\n", "")
        );
        let get =
            ["get", "--raw", "/apis/modelplane.ai/v1alpha1/namespaces/ml-team/modelendpoints/qwen-us-east-0"];
        let stored = cluster.kubectl(&get, "").await?.stdout;
        assert!(stored.contains(sent), "{stored}");
        Ok(())
    });
}
