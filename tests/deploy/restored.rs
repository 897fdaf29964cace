//! A backup is restored as Velero does it: each endpoint is created again, by what the backup says of it.

use anyhow::{Context, Result, bail};
use control_plane::writer::endpoint;
use control_plane::{Seen, eventually};
use kube::ResourceExt;
use kube::api::{DeleteParams, DynamicObject, ListParams, ObjectMeta, PostParams};
use serde_json::{Value, json};

use crate::installed::{Installed, LONG, NAME, SOON, ready};

/// Works, and breaks the rule url-tls-port.
const LEGACY: &str = "https://qwen.example.com:8443/v1";
const NO_ANSWER: &str = r#"failed calling webhook "mutate.modelendpoints.modelplane.ai""#;

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_loses_what_breaks_a_rule_unless_nothing_is_enforced() -> Result<()> {
    let installed = Installed::new().await?;
    let backup = installed.backup_from_before_the_webhook().await?;

    // the configurations are there, and no pod
    eventually("a refusal for want of an answer", SOON, async || {
        Ok(match installed.restore(&backup[0]).await {
            Err(error) if error.to_string().contains(NO_ANSWER) => Seen::Done(()),
            Err(error) => bail!(error),
            // the API server has not heard of the configurations yet
            Ok(_) => Seen::NotYet(format!("{:?} was admitted", installed.delete_all().await?)),
        })
    })
    .await?;

    let mut replica = installed.start_replica(&LONG).await?;
    ready(&replica).await?;
    installed.refuses_bad_endpoints().await?;
    let restored = installed.restore_all(&backup).await?;
    let corrected = json!({ "url": "http://10.0.1.50/team/v1", "rewritePath": "/team/" });
    assert_eq!(restored, [Ok(corrected.clone()), Err("url-tls-port"), Ok(corrected.clone())]);

    replica.stop().await?;
    let replica = installed.start_replica(&[LONG[0], LONG[1], "--enforcement=audit"]).await?;
    ready(&replica).await?;
    let legacy = json!({ "url": LEGACY, "rewritePath": "/" });
    assert_eq!(installed.restore_all(&backup).await?, [Ok(corrected.clone()), Ok(legacy), Ok(corrected)]);
    Ok(())
}

impl Installed {
    /// Stores endpoints without the webhook, and takes them away.
    async fn backup_from_before_the_webhook(&self) -> Result<Vec<DynamicObject>> {
        self.mutating().delete(NAME, &DeleteParams::default()).await?;
        self.validating().delete(NAME, &DeleteParams::default()).await?;
        let mut complete = endpoint("with-a-path", "http://10.0.1.50/team/v1");
        complete.data["spec"]["rewritePath"] = json!("/team/");
        let all = [endpoint("bare", "http://10.0.1.50/team/v1"), endpoint("legacy", LEGACY), complete];
        for one in &all {
            eventually("a write without the webhook", SOON, async || {
                let stored = self.endpoints().create(&PostParams::default(), one).await;
                Ok(stored.map_or_else(|error| Seen::not_yet(&error), |_| Seen::Done(())))
            })
            .await?;
        }
        let backup = self.delete_all().await?;
        assert_eq!(
            backup.iter().map(ResourceExt::name_any).collect::<Vec<_>>(),
            ["bare", "legacy", "with-a-path"]
        );
        for manifest in self.manifests().await? {
            control_plane::apply(&self.control_plane.client(), &manifest).await?;
        }
        Ok(backup)
    }

    async fn delete_all(&self) -> Result<Vec<DynamicObject>> {
        let all = self.endpoints().list(&ListParams::default()).await?.items;
        for one in &all {
            self.endpoints().delete(&one.name_any(), &DeleteParams::default()).await?;
        }
        Ok(all)
    }

    /// Of each endpoint, the spec that is stored, or the rule that refuses it. Takes them away again.
    async fn restore_all(&self, backup: &[DynamicObject]) -> Result<Vec<Result<Value, &'static str>>> {
        let mut restored = Vec::new();
        for one in backup {
            restored.push(match self.restore(one).await {
                Ok(stored) => Ok(stored.data["spec"].clone()),
                Err(kube::Error::Api(status))
                    if status.code == 422 && status.message.contains("url-tls-port") =>
                {
                    Err("url-tls-port")
                }
                Err(error) => bail!(error),
            });
        }
        self.delete_all().await.context("what was restored")?;
        Ok(restored)
    }

    /// Velero keeps the name, the labels and the annotations.
    async fn restore(&self, backup: &DynamicObject) -> kube::Result<DynamicObject> {
        let ObjectMeta { name, namespace, labels, annotations, .. } = backup.metadata.clone();
        let mut again = backup.clone();
        again.metadata = ObjectMeta { name, namespace, labels, annotations, ..ObjectMeta::default() };
        again.labels_mut().insert("velero.io/restore-name".to_owned(), "r".to_owned());
        again.data.as_object_mut().map(|data| data.remove("status"));
        self.endpoints().create(&PostParams::default(), &again).await
    }
}
