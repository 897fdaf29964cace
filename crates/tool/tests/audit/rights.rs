//! The service account has exactly the permissions that the audit needs. Without any one of them, the audit says
//! which one is missing.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use control_plane::{POLICY_REPORTS as POLICY_REPORTS_CRD, REPORTS, Right, apply, kustomize};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::audited::{Audited, entry};
use crate::relay::kubeconfig_with_token;
use crate::running::Running;

const NAMESPACE: &str = "modelendpoint-webhook";
const NAME: &str = "modelendpoint-audit";
const USER: &str = "system:serviceaccount:modelendpoint-webhook:modelendpoint-audit";

#[tokio::test(flavor = "multi_thread")]
async fn without_any_one_of_its_rights_the_audit_says_which_is_missing() -> Result<()> {
    for definition in [REPORTS, POLICY_REPORTS_CRD] {
        let audited = Audited::new(&[definition]).await?;
        let directory = tempfile::tempdir()?;
        let kubeconfig = audited.install(directory.path()).await?;
        let role = manifests().await?.into_iter().find(|manifest| manifest["kind"] == "ClusterRole");
        let role = role.context("a role")?;
        let plural = if definition == REPORTS { "reports" } else { "policyreports" };
        let rights: Vec<_> = Right::all_of(&role)
            .into_iter()
            .filter(|(right, _)| right.resource == plural || right.resource == "modelendpoints")
            .collect();
        assert_eq!(rights.len(), 6, "{rights:?}");
        for (right, without) in rights {
            audited.needs_every_right(definition == REPORTS).await?;
            apply(&audited.control_plane.client(), &without).await?;
            audited.control_plane.allows(USER, &right, false).await?;
            let audit = Running::start(&kubeconfig, &[]).await?;
            audit.logs(&format!("cannot {} resource \"{}\"", right.verb, right.resource)).await?;

            // When the permission is back, the audit recovers.
            apply(&audited.control_plane.client(), &role).await?;
            audited.control_plane.allows(USER, &right, true).await?;
            audit.has("report_writes_total{outcome=\"deleted\"} 1").await?;
            audited.store("default", "c", json!({ "url": "ftp://10.0.1.50/", "rewritePath": "/" })).await?;
            audit.has("endpoints{verdict=\"refused\"} 2").await?;
        }
    }
    Ok(())
}

/// What the component adds to an installation.
async fn manifests() -> Result<Vec<Value>> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/audit-cron-job");
    let manifests = kustomize(&example).await?;
    let ours = |manifest: &Value| manifest["metadata"]["name"] == NAME || manifest["kind"] == "Namespace";
    Ok(manifests.into_iter().filter(ours).collect())
}

impl Audited {
    /// Installs the component, and returns access with its service account.
    async fn install(&self, directory: &Path) -> Result<PathBuf> {
        let client = self.control_plane.client();
        for manifest in manifests().await? {
            apply(&client, &manifest).await?;
        }
        let request = TokenRequest {
            spec: TokenRequestSpec { audiences: Vec::new(), ..TokenRequestSpec::default() },
            ..TokenRequest::default()
        };
        let accounts = Api::<ServiceAccount>::namespaced(client, NAMESPACE);
        let issued = accounts.create_token_request(NAME, &PostParams::default(), &request).await?;
        kubeconfig_with_token(&self.control_plane, directory, &issued.status.context("a token")?.token)
    }

    /// Creates one report to write, and one to delete.
    async fn needs_every_right(&self, is_open: bool) -> Result<()> {
        let api_version = if is_open { crate::audited::OPEN_REPORTS } else { crate::audited::POLICY_REPORTS };
        for name in ["a", "b", "c"] {
            if self.endpoints("default").get_opt(name).await?.is_some() {
                self.delete("default", name).await?;
            }
        }
        let bad = json!({ "url": "http://10.0.1.50:0/", "rewritePath": "/" });
        self.store("default", "b", bad.clone()).await?;
        self.once(&[]).await?;
        assert_eq!(self.found(api_version).await?, [entry("default", "b", &["url-port"])]);
        self.change("default", "b", json!({ "url": "http://10.0.1.50/" })).await?;
        self.store("default", "a", bad).await
    }
}
