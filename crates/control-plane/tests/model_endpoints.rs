//! The basis of all other tests: a control plane starts, and stores a `ModelEndpoint`.

use control_plane::{ControlPlane, install_crd, model_endpoint_resource};
use kube::{
    Api,
    api::{DynamicObject, PostParams},
};
use serde_json::json;

#[tokio::test]
async fn a_model_endpoint_is_stored_and_read_back() {
    let control_plane = ControlPlane::start().await.unwrap();
    let client = control_plane.client();
    install_crd(&client).await.unwrap();

    let resource = model_endpoint_resource();
    let endpoints = Api::<DynamicObject>::default_namespaced_with(client, &resource);
    let spec = json!({"spec": {
        "url": "http://10.0.1.50/ml-team/qwen-72b/",
        "rewritePath": "/ml-team/qwen-72b/",
        "crossplane": {"compositionRef": {"name": "modelendpoints"}},
    }});
    let endpoint = DynamicObject::new("qwen-72b", &resource).data(spec);
    endpoints.create(&PostParams::default(), &endpoint).await.unwrap();

    let stored = endpoints.get("qwen-72b").await.unwrap();
    assert_eq!(
        stored.data["spec"],
        json!({
            "url": "http://10.0.1.50/ml-team/qwen-72b/",
            "rewritePath": "/ml-team/qwen-72b/",
            "crossplane": {
                "compositionRef": {"name": "modelendpoints"},
                "compositionUpdatePolicy": "Automatic",
            },
        })
    );
    let listed = control_plane.kubectl().args(["get", "modelplane", "--output=wide"]).output().await.unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout);
    let header: Vec<&str> = listed.split('\n').next().unwrap().split_whitespace().collect();
    assert_eq!(
        header,
        ["NAME", "URL", "SYNCED", "READY", "COMPOSITION", "COMPOSITIONREVISION", "AGE"],
        "{listed}"
    );
}

#[tokio::test]
async fn a_client_can_be_someone_else() {
    let control_plane = ControlPlane::start().await.unwrap();
    let nobody = control_plane
        .client_as("system:serviceaccount:ml-team:nobody", &["system:authenticated"])
        .await
        .unwrap();
    let error = install_crd(&nobody).await.unwrap_err();
    let cause = error.root_cause().to_string();
    assert!(cause.contains("User \"system:serviceaccount:ml-team:nobody\" cannot patch"), "{cause}");
}

#[tokio::test]
async fn a_flag_that_kube_apiserver_refuses_is_told_in_its_own_words() {
    let error = ControlPlane::builder().api_server_flag("--no-such-flag").start().await.err().unwrap();
    let error = format!("{error:#}");
    assert!(error.contains("unknown flag: --no-such-flag"), "{error}");
}
