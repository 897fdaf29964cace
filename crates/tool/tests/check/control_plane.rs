//! `check --cluster` before the webhook is installed.

use control_plane::{ControlPlane, install_crd, model_endpoint_resource};
use kube::api::{Api, DynamicObject, PostParams};
use serde_json::{Value, json};
use tokio::process::Command;

fn endpoint(name: &str, spec: &Value) -> DynamicObject {
    DynamicObject::new(name, &model_endpoint_resource()).data(json!({ "spec": spec }))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_already_is_judged_and_nothing_is_written() -> anyhow::Result<()> {
    let control_plane = ControlPlane::start().await?;
    install_crd(&control_plane.client()).await?;
    let endpoints: Api<DynamicObject> =
        Api::namespaced_with(control_plane.client(), "default", &model_endpoint_resource());
    for (name, spec) in [
        ("fine", json!({ "url": "http://10.0.1.50/v1", "rewritePath": "/" })),
        ("changed", json!({ "url": "http://10.0.1.50/v1" })),
        ("refused", json!({ "url": "http://10.0.1.50:0/v1", "rewritePath": "/" })),
    ] {
        endpoints.create(&PostParams::default(), &endpoint(name, &spec)).await?;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_modelendpoint"))
        .args(["check", "--cluster", "-A", "--format", "json"])
        .env("KUBECONFIG", control_plane.kubeconfig())
        .output()
        .await?;
    assert_eq!((output.status.code(), String::from_utf8(output.stderr)?.as_str()), (Some(1), ""));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let findings = report["findings"].as_array().into_iter().flatten();
    let found: Vec<_> = findings.map(|f| json!([f["name"], f["rule"], f["severity"]])).collect();
    assert_eq!(
        found,
        [json!(["changed", "default-rewrite-path", "change"]), json!(["refused", "url-port", "deny"]),]
    );
    assert_eq!(endpoints.get("changed").await?.data["spec"].get("rewritePath"), None);
    Ok(())
}
