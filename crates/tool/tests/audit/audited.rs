//! A control plane with endpoints that were stored before the webhook was installed, and audits of it.

use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context, Result};
use control_plane::{ControlPlane, api, install_crd, model_endpoint_resource};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::process::Command;

pub(crate) const OPEN_REPORTS: &str = "openreports.io/v1alpha1";
pub(crate) const POLICY_REPORTS: &str = "wgpolicyk8s.io/v1alpha2";

/// The namespace and the endpoint of a report, and the rules that the endpoint breaks.
pub(crate) type Found = (String, String, Vec<String>);

pub(crate) struct Audited {
    pub control_plane: ControlPlane,
}

impl Audited {
    /// A control plane with the definition of ModelEndpoints and of these kinds of reports.
    pub(crate) async fn new(definitions: &[&str]) -> Result<Self> {
        let control_plane = ControlPlane::start().await?;
        install_crd(&control_plane.client()).await?;
        for definition in definitions {
            control_plane::install_definition(&control_plane.client(), definition).await?;
        }
        Ok(Audited { control_plane })
    }

    pub(crate) async fn namespace(&self, name: &str) -> Result<()> {
        let namespace = serde_json::from_value(json!({ "metadata": { "name": name } }))?;
        Api::<Namespace>::all(self.control_plane.client()).create(&PostParams::default(), &namespace).await?;
        Ok(())
    }

    pub(crate) fn endpoints(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.control_plane.client(), namespace, &model_endpoint_resource())
    }

    pub(crate) async fn store(&self, namespace: &str, name: &str, spec: Value) -> Result<()> {
        let endpoint = DynamicObject::new(name, &model_endpoint_resource()).data(json!({ "spec": spec }));
        self.endpoints(namespace).create(&PostParams::default(), &endpoint).await?;
        Ok(())
    }

    pub(crate) async fn change(&self, namespace: &str, name: &str, spec: Value) -> Result<()> {
        let change = Patch::Merge(json!({ "spec": spec }));
        self.endpoints(namespace).patch(name, &PatchParams::default(), &change).await?;
        Ok(())
    }

    pub(crate) async fn delete(&self, namespace: &str, name: &str) -> Result<()> {
        self.endpoints(namespace).delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// `audit --once` with these flags.
    pub(crate) async fn once(&self, flags: &[&str]) -> Result<Output> {
        self.once_as(self.control_plane.kubeconfig(), flags).await
    }

    pub(crate) async fn once_as(&self, kubeconfig: &Path, flags: &[&str]) -> Result<Output> {
        let mut audit = audit(kubeconfig);
        audit.arg("--once").args(flags).output().await.context("the binary does not run")
    }

    /// Reports of this kind in `default`.
    pub(crate) fn api(&self, api_version: &str) -> Api<DynamicObject> {
        self.api_in(api_version, "default")
    }

    pub(crate) fn api_in(&self, api_version: &str, namespace: &str) -> Api<DynamicObject> {
        self.api_of(api_version, Some(namespace))
    }

    fn api_of(&self, api_version: &str, namespace: Option<&str>) -> Api<DynamicObject> {
        let kind = if api_version == OPEN_REPORTS { "Report" } else { "PolicyReport" };
        let like = json!({ "apiVersion": api_version, "kind": kind, "metadata": { "namespace": namespace } });
        api(&self.control_plane.client(), &like)
    }

    /// Every report as the API server stores it, sorted by namespace and name.
    pub(crate) async fn reports(&self, api_version: &str) -> Result<Vec<Value>> {
        let list = self.api_of(api_version, None).list(&ListParams::default()).await?;
        list.items.into_iter().map(|report| Ok(serde_json::to_value(report)?)).collect()
    }

    /// The namespace and the endpoint of every report, and the rules that the endpoint breaks.
    pub(crate) async fn found(&self, api_version: &str) -> Result<Vec<Found>> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found = self.reports(api_version).await?.into_iter().map(|report| {
            let results = report["results"].as_array().cloned().unwrap_or_default();
            let rules = results.iter().map(|result| text(&result["rule"])).collect();
            (text(&report["metadata"]["namespace"]), text(&report["scope"]["name"]), rules)
        });
        Ok(found.collect())
    }
}

/// The binary, with access to a cluster.
pub(crate) fn audit(kubeconfig: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modelendpoint"));
    command.arg("audit").env("KUBECONFIG", kubeconfig).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// An entry of [`Audited::found`].
pub(crate) fn entry(namespace: &str, name: &str, rules: &[&str]) -> Found {
    (namespace.to_owned(), name.to_owned(), rules.iter().map(|rule| (*rule).to_owned()).collect())
}

/// Exit code and standard output.
pub(crate) fn printed(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}
