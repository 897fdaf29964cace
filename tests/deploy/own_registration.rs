//! What somebody who stole the service account's token can do to the webhook configurations: RBAC lets them patch
//! both, and a policy limits that to `caBundle`.

use anyhow::Result;
use control_plane::{Seen, eventually};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::installed::{Installed, NAME, SOON};

const MUTATE: &str = "mutate.modelendpoints.modelplane.ai";
const VALIDATE: &str = "validate.modelendpoints.modelplane.ai";

/// The API server's answer to a patch with the permissions of the service account. It is a dry run.
async fn patch(installed: &Installed, kind: &str, patch: &Patch<Value>) -> Result<Result<(), String>> {
    let client = installed.service_account.client()?;
    let params = PatchParams { dry_run: true, ..PatchParams::default() };
    let answer = if kind == MUTATE {
        Api::<MutatingWebhookConfiguration>::all(client).patch(NAME, &params, patch).await.map(drop)
    } else {
        Api::<ValidatingWebhookConfiguration>::all(client).patch(NAME, &params, patch).await.map(drop)
    };
    Ok(answer.map_err(|error| match error {
        kube::Error::Api(status) => status.message.clone(),
        error => error.to_string(),
    }))
}

fn of_webhook(name: &str, mut change: Value) -> Patch<Value> {
    change["name"] = json!(name);
    Patch::Strategic(json!({ "webhooks": [change] }))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_account_can_change_nothing_but_ca_bundle_in_its_configurations() -> Result<()> {
    let installed = Installed::new().await?;
    let everything = json!([{
        "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"], "operations": ["*"], "scope": "*",
    }]);
    let elsewhere = json!({ "clientConfig": { "service": null, "url": "https://192.0.2.1/" } });
    for name in [MUTATE, VALIDATE] {
        eventually("that the policy holds", SOON, async || {
            let answer = patch(&installed, name, &of_webhook(name, elsewhere.clone())).await?;
            Ok(if answer.is_err() { Seen::Done(()) } else { Seen::NotYet("it was allowed".to_owned()) })
        })
        .await?;
        let another = json!({
            "admissionReviewVersions": ["v1"], "sideEffects": "None", "rules": everything,
            "clientConfig": { "url": "https://192.0.2.1/" },
        });
        let attacks = [
            of_webhook(name, elsewhere.clone()),
            of_webhook("another.example.org", another.clone()),
            of_webhook(name, json!({ "rules": everything })),
            of_webhook(name, json!({ "rules": [] })),
            of_webhook(name, json!({ "clientConfig": { "service": { "name": "another" } } })),
            of_webhook(name, json!({ "clientConfig": { "service": { "path": "/other" } } })),
            of_webhook(name, json!({ "failurePolicy": "Ignore" })),
            of_webhook(name, json!({ "matchPolicy": "Exact" })),
            of_webhook(name, json!({ "sideEffects": "NoneOnDryRun" })),
            of_webhook(name, json!({ "timeoutSeconds": 30 })),
            of_webhook(name, json!({ "namespaceSelector": { "matchLabels": { "a": "b" } } })),
            of_webhook(name, json!({ "objectSelector": { "matchLabels": { "a": "b" } } })),
            of_webhook(name, json!({ "matchConditions": [{ "name": "never", "expression": "false" }] })),
            of_webhook(name, json!({ "$patch": "delete" })),
            Patch::Merge(json!({ "webhooks": [] })),
            Patch::Merge(json!({ "metadata": { "finalizers": ["example.org/f"] } })),
            Patch::Merge(json!({ "metadata": { "annotations": { "a": "b" } } })),
            Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } })),
            Patch::Merge(json!({ "metadata": { "ownerReferences": [
                { "apiVersion": "v1", "kind": "Namespace", "name": "gone", "uid": "00000000-0000-0000-0000-000000000000" },
            ] } })),
        ];
        for attack in attacks {
            let refused = patch(&installed, name, &attack).await?.expect_err(&format!("{attack:?}"));
            assert!(refused.contains("must not change anything but caBundle"), "{attack:?}: {refused}");
        }
        let pem = rcgen::generate_simple_self_signed(vec!["a".to_owned()])?.cert.pem();
        let bundle = json!({ "clientConfig": { "caBundle": ByteString(pem.into_bytes()) } });
        assert_eq!(patch(&installed, name, &of_webhook(name, bundle)).await?, Ok(()));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_else_can_change_the_configurations() -> Result<()> {
    let installed = Installed::new().await?;
    let change = of_webhook(MUTATE, json!({ "timeoutSeconds": 6 }));
    installed.mutating().patch(NAME, &PatchParams::default(), &change).await?;
    Ok(())
}
