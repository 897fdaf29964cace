//! A directory of manifests in, objects of the API server out.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams},
};
use serde_json::Value;
use tokio::process::Command;
use tokio::task::spawn_blocking;

use crate::assets::Assets;

/// The output of `kubectl kustomize <directory>`. It needs no control plane.
pub async fn kustomize(directory: &Path) -> Result<Vec<Value>> {
    let assets = spawn_blocking(Assets::obtain).await.context("the build was cut short")??;
    let mut kustomize = Command::new(assets.kubectl());
    let output = kustomize.arg("kustomize").arg(directory).kill_on_drop(true).output().await?;
    ensure!(
        output.status.success(),
        "`kubectl kustomize {}` failed:\n{}",
        directory.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_saphyr::from_multiple(&String::from_utf8(output.stdout)?)
        .with_context(|| format!("what {} renders to is not valid YAML", directory.display()))
}

/// Server-side apply, with `fieldValidation=Strict`: an unknown field is an error.
pub async fn apply(client: &Client, object: &Value) -> Result<()> {
    let strictly = PatchParams::apply("control-plane").force().validation_strict();
    let name = name(object)?;
    api(client, object)
        .patch(name, &strictly, &Patch::Apply(object))
        .await
        .with_context(|| format!("could not apply {} {name}", object["kind"]))?;
    Ok(())
}

/// A client for objects of the same kind as this one, in its namespace if it has one.
#[must_use]
pub fn api(client: &Client, object: &Value) -> Api<DynamicObject> {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let (group, version) = text("apiVersion").split_once('/').unwrap_or(("", text("apiVersion")));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, text("kind")));
    let client = client.clone();
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    }
}

pub(crate) fn name(object: &Value) -> Result<&str> {
    object["metadata"]["name"].as_str().context("a manifest has no metadata.name")
}
