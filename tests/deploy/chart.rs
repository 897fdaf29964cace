//! The Helm chart, rendered by real Helm. By default it equals the output of kustomize, and it refuses values that do
//! not fit together.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use control_plane::{Helm, kustomize};
use serde_json::{Value, json};

use crate::chart_values::POLICIES;
use crate::installed::{NAME, deploy};
use crate::manifests::{kustomization, relative, text};

/// What Helm's own labels say, kustomize does not.
const LABELS_OF_HELM: [&str; 4] = [
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/version",
    "helm.sh/chart",
];

#[tokio::test]
async fn helm_lint_finds_nothing() -> Result<()> {
    for helm in Helm::ALL {
        let output =
            helm.command().await?.args(["lint", "--strict"]).arg(deploy().join("chart")).output().await?;
        ensure!(output.status.success(), "{helm:?}: {}", String::from_utf8_lossy(&output.stdout));
    }
    Ok(())
}

#[tokio::test]
async fn the_chart_renders_object_by_object_what_kustomize_renders() -> Result<()> {
    let cert_manager = ["--set", "certificates.source=cert-manager"];
    let monitoring =
        ["serviceMonitor", "rules", "dashboard"].map(|part| format!("--set=monitoring.{part}=true"));
    let monitoring: Vec<_> = monitoring.iter().map(String::as_str).collect();
    for (overlay, components, values) in [
        ("overlays/managed", &[][..], &[][..]),
        ("overlays/cert-manager", &[], &cert_manager),
        ("overlays/managed", &["monitoring"], &monitoring),
        ("overlays/managed", &["client-certificates"], &["--set", "clientCertificates.enabled=true"]),
        (
            "overlays/managed",
            &["policy"],
            &["--set", "policy.existingConfigMap=modelendpoint-webhook-policy"],
        ),
        ("overlays/backstop", &[], &["--set", "backstop.enabled=true"]),
        ("overlays/managed", &["audit"], &["--set", "audit.enabled=true"]),
    ] {
        let resources = [relative(&deploy().join(overlay))?];
        let components: Result<Vec<_>> =
            components.iter().map(|name| relative(&deploy().join("components").join(name))).collect();
        let directory = kustomization(&json!({ "resources": resources, "components": components? }))?;
        let expected = by_name(kustomize(directory.path()).await?);
        for helm in Helm::ALL {
            let rendered = by_name(helm.template(&arguments(values)?).await?);
            for (name, object) in &expected {
                assert_eq!(rendered.get(name), Some(object), "{helm:?} {values:?}: {name}");
            }
            assert_eq!(rendered.len(), expected.len(), "{helm:?} {values:?}: {:?}", rendered.keys());
        }
    }
    Ok(())
}

/// By kind and name, without what is Helm's own, and without the namespace, which Helm makes by
/// `--create-namespace`.
fn by_name(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let ours = objects.into_iter().filter(|object| object["kind"] != "Namespace");
    ours.map(|mut object| {
        let name = name(&object);
        for label in LABELS_OF_HELM {
            object["metadata"]["labels"].as_object_mut().map(|labels| labels.remove(label));
        }
        (name, object)
    })
    .collect()
}

/// The arguments of `helm template`, with the release named as in deploy/.
pub(crate) fn arguments<'a>(values: &[&'a str]) -> Result<Vec<&'a str>> {
    let chart = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/chart"));
    let chart = chart.to_str().context("a path in UTF-8")?;
    let release = [NAME, chart, "--namespace", NAME, "--kube-version", "1.37.0"];
    Ok(release.into_iter().chain(values.iter().copied()).collect())
}

#[tokio::test]
async fn a_wrong_value_is_refused_before_anything_is_installed() -> Result<()> {
    for (value, why) in [
        ("replcias=3", "replcias"),
        ("enforcement=dryrun", "enforcement"),
        ("certificates.source=vault", "certificates"),
        ("image.digest=latest", "digest"),
        ("replicas=two", "replicas"),
        ("drain=1m", "drain"),
        ("drain=010s", "drain"),
        ("networkPolicy.enabled=true", "networkPolicy.apiServers is empty"),
        ("backstop.enabled=true,policy.existingConfigMap=ours", "the webhook has a policy"),
        ("backstop.enabled=true,backstop.policies=[", "backstop.policies: error"),
    ] {
        is_refused(&["--set", value], why).await?;
    }
    Ok(())
}

async fn is_refused(values: &[&str], why: &str) -> Result<()> {
    for helm in Helm::ALL {
        let refused = helm.template(&arguments(values)?).await;
        let refused = refused.err().with_context(|| format!("{helm:?} accepted {values:?}"))?.to_string();
        assert!(refused.contains(why), "{helm:?} {values:?}: {refused}");
    }
    Ok(())
}

#[tokio::test]
async fn before_kubernetes_1_36_the_backstop_asks_for_policies_without_defaults() -> Result<()> {
    let old = ["--kube-version", "1.35.9"];
    let backstop = [&old[..], &["--set", "backstop.enabled=true"]].concat();
    is_refused(&backstop, "Kubernetes v1.35.9 has no MutatingAdmissionPolicy: add --set-file").await?;

    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), POLICIES)?;
    let policies = format!("backstop.policies={}", file.path().display());
    for helm in Helm::ALL {
        let without = helm.template(&arguments(&old)?).await?;
        ensure!(!without.iter().any(is_backstop), "{helm:?}");
        let rendered =
            helm.template(&arguments(&[&backstop[..], &["--set-file", &policies]].concat())?).await?;
        let names: Vec<_> = rendered.iter().filter(|object| is_backstop(object)).map(name).collect();
        assert_eq!(names, ["ValidatingAdmissionPolicy modelendpoint-rules"], "{helm:?}");
    }
    Ok(())
}

fn is_backstop(object: &Value) -> bool {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    ["modelendpoint-rules", "modelendpoint-defaults", "modelendpoint-warnings"].contains(&name)
}

fn name(object: &Value) -> String {
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// What the webhook admits, the API server does not refuse either.
#[tokio::test]
async fn the_backstop_denies_only_if_the_webhook_does() -> Result<()> {
    for (enforcement, actions) in [("audit", "Audit"), ("warn", "Audit"), ("deny", "Deny")] {
        let values = format!("backstop.enabled=true,enforcement={enforcement}");
        let rendered = by_name(Helm::V4.template(&arguments(&["--set", &values])?).await?);
        let binding = &rendered["ValidatingAdmissionPolicyBinding modelendpoint-rules"];
        assert_eq!(binding["spec"]["validationActions"], json!([actions]), "{enforcement}");
    }
    Ok(())
}

#[tokio::test]
async fn the_audit_follows_the_policy_of_the_webhook() -> Result<()> {
    let values = ["--set", "audit.enabled=true,policy.existingConfigMap=ours"];
    let rendered = by_name(Helm::V4.template(&arguments(&values)?).await?);
    let pod =
        |deployment: &str| rendered[&format!("Deployment {deployment}")]["spec"]["template"]["spec"].clone();
    let (webhook, audit) = (pod(NAME), pod("modelendpoint-audit"));
    let ours = json!([{ "name": "policy", "configMap": { "name": "ours" } }]);
    assert_eq!([&webhook["volumes"], &audit["volumes"]], [&ours, &ours]);
    let container = &audit["containers"][0];
    assert_eq!(container["volumeMounts"], webhook["containers"][0]["volumeMounts"]);
    assert_eq!(
        container["args"],
        json!(["audit", "--ops-listen=[::]:8080", "--log-format=json", "--policy=/policy/policy.yaml"])
    );
    Ok(())
}

/// docs/serving.md, Stopping, has what happens after the drain: up to 20 seconds.
#[tokio::test]
async fn a_pod_has_thirty_seconds_longer_than_it_drains() -> Result<()> {
    for (drain, seconds) in [("0s", 30), ("10s", 40), ("9999s", 10029)] {
        let rendered = by_name(Helm::V4.template(&arguments(&["--set", &format!("drain={drain}")])?).await?);
        let pod = &rendered[&format!("Deployment {NAME}")]["spec"]["template"]["spec"];
        assert_eq!(pod["terminationGracePeriodSeconds"], seconds, "{drain}");
    }
    Ok(())
}
