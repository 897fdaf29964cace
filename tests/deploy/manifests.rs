//! Every manifest, applied to a real kube-apiserver, which refuses unknown fields.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use control_plane::{ControlPlane, apply, install_crd, install_definition, kustomize};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::installed::deploy;

/// What cert-manager and the Prometheus operator add to a cluster.
pub(crate) const FROM_ELSEWHERE: [&str; 4] = [
    include_str!("crds/certificates.json"),
    include_str!("crds/issuers.json"),
    include_str!("crds/prometheusrules.json"),
    include_str!("crds/servicemonitors.json"),
];

/// The API servers of an invented cluster.
const CONTROL_PLANE: &str = "examples/network-policy/control-plane.yaml";

#[tokio::test(flavor = "multi_thread")]
async fn every_overlay_with_every_component_is_accepted_as_it_is() -> Result<()> {
    let control_plane = ControlPlane::start().await?;
    let client = control_plane.client();
    install_crd(&client).await?;
    for definition in FROM_ELSEWHERE {
        install_definition(&client, definition).await?;
    }
    for directory in overlays()? {
        // The components patch pods, and this overlay has none.
        let manifests = if directory.ends_with("policies") {
            kustomize(&directory).await?
        } else {
            kustomize(with_components(&directory)?.path()).await?
        };
        ensure!(manifests.len() > 5, "{}: {} manifests", directory.display(), manifests.len());
        for manifest in manifests {
            let is_new =
                manifest["kind"].as_str().is_some_and(|kind| kind.starts_with("MutatingAdmissionPolicy"));
            if is_new && !has_mutating_policies(&control_plane) {
                continue;
            }
            apply(&client, &manifest).await.with_context(|| directory.display().to_string())?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_object_per_file() -> Result<()> {
    for file in yaml_files(&deploy())? {
        let text = fs::read_to_string(&file)?;
        let kinds = text.lines().filter(|line| line.starts_with("kind:")).count();
        if text.starts_with("# Made by") {
            continue;
        }
        let is_patch = text.lines().any(|line| line.starts_with("- op:"));
        ensure!(is_patch && kinds == 0 || kinds == 1, "{} has {kinds} objects", file.display());
    }
    Ok(())
}

/// `namespace:` in a kustomization is enough to install into another namespace.
#[tokio::test(flavor = "multi_thread")]
async fn every_overlay_can_be_installed_into_another_namespace() -> Result<()> {
    for overlay in overlays()? {
        let directory = kustomization(&json!({ "resources": [relative(&overlay)?], "namespace": "guards" }))?;
        for manifest in kustomize(directory.path()).await? {
            let text = manifest.to_string();
            let said: Vec<_> =
                text.match_indices(r#""namespace":""#).map(|(at, key)| &text[at + key.len()..]).collect();
            assert!(said.iter().all(|namespace| namespace.starts_with("guards\"")), "{text}");
            for elsewhere in ["--namespace=", "system:serviceaccount:modelendpoint-webhook"] {
                assert!(!text.contains(elsewhere), "{elsewhere} in {text}");
            }
        }
    }
    Ok(())
}

/// They are stable (v1) since 1.36.
pub(crate) fn has_mutating_policies(control_plane: &ControlPlane) -> bool {
    !["v1.34.", "v1.35."].iter().any(|old| control_plane.version().starts_with(old))
}

fn overlays() -> Result<Vec<PathBuf>> {
    let mut overlays = vec![deploy()];
    for entry in fs::read_dir(deploy().join("overlays"))? {
        overlays.push(entry?.path());
    }
    Ok(overlays)
}

/// A kustomization that adds every component to this overlay.
fn with_components(overlay: &Path) -> Result<TempDir> {
    let mut components = Vec::new();
    for entry in fs::read_dir(deploy().join("components"))? {
        components.push(relative(&entry?.path())?);
    }
    let resources = [relative(overlay)?, "control-plane.yaml".to_owned()];
    let directory = kustomization(&json!({ "resources": resources, "components": components }))?;
    // The component for the NetworkPolicy requires this file.
    fs::copy(deploy().join(CONTROL_PLANE), directory.path().join("control-plane.yaml"))?;
    Ok(directory)
}

/// A directory with a kustomization of these fields.
pub(crate) fn kustomization(fields: &Value) -> Result<TempDir> {
    let directory = tempfile::Builder::new().prefix("kustomize-").tempdir()?;
    fs::write(directory.path().join("kustomization.yaml"), fields.to_string())?;
    Ok(directory)
}

/// The path, relative to a kustomization in a temporary directory.
pub(crate) fn relative(path: &Path) -> Result<String> {
    let depth = std::env::temp_dir().canonicalize()?.components().count();
    Ok(format!("{}{}", "../".repeat(depth), path.display().to_string().trim_start_matches('/')))
}

/// Of alerts, for `promtool`.
fn is_test(file: &Path) -> bool {
    file.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(".test"))
}

/// Without the chart's, which are templates.
fn yaml_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("deploy/chart") {
            files.extend(yaml_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "yaml") && !is_test(&path) {
            files.push(path);
        }
    }
    Ok(files)
}

/// cert-manager is not available, so this test checks the names that connect its objects to ours.
#[tokio::test(flavor = "multi_thread")]
async fn with_cert_manager_there_is_no_access_to_the_api_server_and_all_names_agree() -> Result<()> {
    let manifests = kustomize(&deploy().join("overlays/cert-manager")).await?;
    let of_kind = |kind: &str| manifests.iter().filter(|m| m["kind"] == kind).collect::<Vec<_>>();
    for kind in ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"] {
        assert_eq!(of_kind(kind), Vec::<&Value>::new());
    }
    assert_eq!(of_kind("ServiceAccount")[0]["automountServiceAccountToken"], false);
    let pod = &of_kind("Deployment")[0]["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);

    let certificates = of_kind("Certificate");
    let leaf = certificates.iter().find(|c| c["spec"]["isCA"] != true).context("a leaf")?;
    assert_eq!(pod["volumes"][0]["secret"]["secretName"], leaf["spec"]["secretName"]);
    let (namespace, name) = (&leaf["metadata"]["namespace"], &leaf["metadata"]["name"]);
    let configurations = [of_kind("MutatingWebhookConfiguration"), of_kind("ValidatingWebhookConfiguration")];
    for configuration in configurations.concat() {
        let injected_from = &configuration["metadata"]["annotations"]["cert-manager.io/inject-ca-from"];
        assert_eq!(
            injected_from.as_str(),
            Some(format!("{}/{}", text(namespace), text(name)).as_str()),
            "{configuration}"
        );
        let service = &configuration["webhooks"][0]["clientConfig"]["service"];
        let dns_name = format!("{}.{}.svc", text(&service["name"]), text(&service["namespace"]));
        let dns_names = leaf["spec"]["dnsNames"].as_array().context("DNS names")?;
        assert!(dns_names.contains(&json!(dns_name)), "{dns_names:?}");
    }
    let issuer =
        of_kind("Issuer").into_iter().find(|i| i["metadata"]["name"] == leaf["spec"]["issuerRef"]["name"]);
    let ca = certificates.iter().find(|c| c["spec"]["isCA"] == true).context("a CA")?;
    assert_eq!(issuer.context("an issuer")?["spec"]["ca"]["secretName"], ca["spec"]["secretName"]);
    Ok(())
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
