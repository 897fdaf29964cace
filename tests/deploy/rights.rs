//! The service account has exactly the permissions that the webhook needs: without any one of them it does not work,
//! and the API server refuses everything else.

use anyhow::Result;
use control_plane::{Right, Seen, apply, eventually};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::installed::{Installed, LONG, NAME, SECRET, SOON, ready};

const USER: &str = "system:serviceaccount:modelendpoint-webhook:modelendpoint-webhook";

#[tokio::test(flavor = "multi_thread")]
async fn without_any_one_of_its_rights_the_webhook_says_which_is_missing() -> Result<()> {
    let installed = Installed::new().await?;
    let roles: Vec<Value> = installed
        .manifests()
        .await?
        .into_iter()
        .filter(|manifest| manifest["kind"] == "Role" || manifest["kind"] == "ClusterRole")
        .collect();
    let rights: Vec<_> = roles.iter().flat_map(Right::all_of).collect();
    assert_eq!(rights.len(), 10, "{rights:?}");
    for (right, without) in rights {
        installed.reset().await?;
        let role = &roles[usize::from(roles[0]["kind"] != without["kind"])];
        apply(&installed.control_plane.client(), &without).await?;
        installed.control_plane.allows(USER, &right, false).await?;

        let replica = installed.start_replica(&LONG).await?;
        eventually(&format!("a complaint about {} {}", right.verb, right.resource), SOON, async || {
            let log = replica.log();
            let complaint = format!("cannot {} resource \\\"{}\\\"", right.verb, right.resource);
            let plain = complaint.replace('\\', "");
            let told = log.contains(&complaint) || log.contains(&plain);
            Ok(if told { Seen::Done(()) } else { Seen::NotYet(log) })
        })
        .await?;
        assert!(!crate::relay::is_ready(replica.ops_address()).await, "{right:?} is superfluous");

        // When the permission is back, the webhook recovers.
        apply(&installed.control_plane.client(), role).await?;
        installed.control_plane.allows(USER, &right, true).await?;
        ready(&replica).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_account_can_do_nothing_else() -> Result<()> {
    let installed = Installed::new().await?;
    let client = installed.service_account.client()?;
    let secrets = Api::<Secret>::namespaced(client.clone(), NAME);
    let posted: Secret = serde_json::from_value(json!({ "metadata": { "name": SECRET } }))?;
    let forbidden = |result: kube::Result<()>| match result {
        Err(kube::Error::Api(status)) => status.code,
        _ => 0,
    };
    assert_eq!(forbidden(secrets.create(&PostParams::default(), &posted).await.map(drop)), 403);
    assert_eq!(forbidden(secrets.list(&ListParams::default()).await.map(drop)), 403);
    assert_eq!(forbidden(secrets.get("another").await.map(drop)), 403);
    assert_eq!(forbidden(secrets.delete(SECRET, &DeleteParams::default()).await.map(drop)), 403);
    let apply_another = Patch::Apply(json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "another" },
    }));
    let applied = secrets.patch("another", &PatchParams::apply("test"), &apply_another).await;
    assert_eq!(forbidden(applied.map(drop)), 403);
    let elsewhere = Api::<Secret>::namespaced(client, "kube-system");
    assert_eq!(forbidden(elsewhere.get(SECRET).await.map(drop)), 403);
    for (verb, resource, name) in [
        ("update", "mutatingwebhookconfigurations", NAME),
        ("delete", "mutatingwebhookconfigurations", NAME),
        ("patch", "mutatingwebhookconfigurations", "another"),
        ("list", "validatingwebhookconfigurations", ""),
        ("patch", "validatingwebhookconfigurations", "another"),
        ("create", "validatingwebhookconfigurations", ""),
    ] {
        let right = Right {
            group: "admissionregistration.k8s.io".to_owned(),
            resource: resource.to_owned(),
            name: name.to_owned(),
            verb: verb.to_owned(),
            namespace: None,
        };
        assert!(!installed.control_plane.is_allowed(USER, &right).await?, "{right:?}");
    }
    Ok(())
}

impl Installed {
    /// The state before the first start: no Secret, and an empty `caBundle`.
    async fn reset(&self) -> Result<()> {
        if self.secrets().get_opt(SECRET).await?.is_some() {
            self.secrets().delete(SECRET, &DeleteParams::default()).await?;
        }
        self.set_ca_bundles(None).await?;
        Ok(())
    }
}
