//! Every object can have another name, which the flags then say.

use std::path::Path;

use anyhow::{Context, Result};
use control_plane::{
    ControlPlane, Seen, Webhook, apply, eventually, install_crd, kustomize, model_endpoint_resource,
};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::installed::{NAME, SECRET, SOON, deploy, ready};
use crate::relay::Relay;
use control_plane::writer::endpoint;

const NAMES: [&str; 5] = [
    "--namespace=guards",
    "--service=gate",
    "--secret=keys",
    "--mutating-config=gate-that-mutates",
    "--validating-config=gate-that-validates",
];

/// The name that the flag gives.
fn named(flag: &str) -> Value {
    let given = NAMES.iter().find_map(|name| name.strip_prefix(&format!("--{flag}=")));
    Value::from(given.expect("a flag of the list"))
}

/// The same object in the other namespace, with the other names.
fn renamed(mut manifest: Value, port: u16) -> Value {
    if manifest["metadata"]["namespace"] == NAME {
        manifest["metadata"]["namespace"] = named("namespace");
    }
    for subject in manifest.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        subject["namespace"] = named("namespace");
    }
    match manifest["kind"].as_str().unwrap_or_default() {
        "Namespace" => manifest["metadata"]["name"] = named("namespace"),
        "Service" => {
            manifest["metadata"]["name"] = named("service");
            manifest["spec"] = json!({ "type": "ExternalName", "externalName": "localhost" });
        }
        "Role" => manifest["rules"][0]["resourceNames"] = json!([named("secret")]),
        "ClusterRole" => {
            manifest["rules"][0]["resourceNames"] = json!([named("mutating-config")]);
            manifest["rules"][1]["resourceNames"] = json!([named("validating-config")]);
        }
        "MutatingWebhookConfiguration" => manifest["metadata"]["name"] = named("mutating-config"),
        "ValidatingWebhookConfiguration" => manifest["metadata"]["name"] = named("validating-config"),
        _ => {}
    }
    for webhook in manifest.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
        let service = &mut webhook["clientConfig"]["service"];
        service["namespace"] = named("namespace");
        service["name"] = named("service");
        service["port"] = json!(port);
    }
    manifest
}

#[tokio::test(flavor = "multi_thread")]
async fn all_names_are_those_of_the_flags() -> Result<()> {
    let control_plane = ControlPlane::start().await?;
    let client = control_plane.client();
    install_crd(&client).await?;
    let service = Relay::to_ready_replicas().await?;
    for manifest in kustomize(&deploy()).await? {
        apply(&client, &renamed(manifest, service.port())).await?;
    }
    let api_server = control_plane.api_server_url().strip_prefix("https://").context("a URL")?.parse()?;
    let account = control_plane.service_account("guards", NAME, api_server).await?;
    let arguments = ["--managed-certs", "--drain=1s"].into_iter().chain(NAMES).collect::<Vec<_>>();
    let binary = Path::new(env!("CARGO_BIN_EXE_modelendpoint-webhook"));
    let replica = Webhook::start_as(binary, &account, &arguments).await?;
    service.add_replica(replica.address(), replica.ops_address());
    ready(&replica).await?;

    let endpoints: Api<DynamicObject> =
        Api::default_namespaced_with(client.clone(), &model_endpoint_resource());
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    eventually("the refusal of a bad endpoint", SOON, async || {
        Ok(match endpoints.create(&dry_run, &endpoint("bad", "http://[::1")).await {
            Err(kube::Error::Api(status)) if status.code == 422 => Seen::Done(()),
            Err(error) => Seen::not_yet(&error),
            Ok(_) => Seen::NotYet("it was admitted".to_owned()),
        })
    })
    .await?;
    let secrets = |namespace: &str| Api::<Secret>::namespaced(client.clone(), namespace);
    assert!(secrets("guards").get("keys").await?.data.is_some());
    assert_eq!(secrets("guards").get_opt(SECRET).await?, None);
    Ok(())
}
