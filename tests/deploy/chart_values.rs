//! Every value of the chart changes the rendered objects, and an API server accepts the result.

use std::fs;

use anyhow::{Context, Result, ensure};
use control_plane::{ControlPlane, Helm, api, apply, install_crd, install_definition};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::chart::arguments;
use crate::installed::{NAME, deploy};
use crate::manifests::{FROM_ELSEWHERE, has_mutating_policies, text};

/// Sets of values. Together they set every value of the chart.
fn matrix() -> Vec<Value> {
    [about_the_pods(), about_admission(), about_neighbours()].concat()
}

fn about_the_pods() -> Vec<Value> {
    vec![
        json!({
            "replicas": 3,
            "image": { "repository": "registry.example.org/w", "tag": "1", "pullPolicy": "Always" },
        }),
        json!({ "image": { "digest": format!("sha256:{}", "a".repeat(64)) }, "imagePullSecrets": [{ "name": "r" }] }),
        json!({ "podLabels": { "a": "b" }, "podAnnotations": { "c": "d" } }),
        json!({
            "hostNetwork": true, "httpsPort": 9443, "opsPort": 9080,
            "priorityClassName": "system-cluster-critical",
        }),
        json!({
            "nodeSelector": { "a": "b" }, "tolerations": [{ "operator": "Exists" }],
            "affinity": { "nodeAffinity": {} }, "audit": { "enabled": true },
            "topologySpreadConstraints":
                [{ "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule" }],
        }),
        json!({ "resources": { "limits": { "cpu": "1" } }, "podDisruptionBudget": { "maxUnavailable": "50%" } }),
        json!({ "podDisruptionBudget": { "enabled": false }, "extraArgs": ["--log-level=debug"] }),
        json!({
            "drain": "5s", "maxConnections": 100, "logFormat": "text", "logLevel": "warn",
            "test": { "image": "a/b:c" },
        }),
    ]
}

fn about_admission() -> Vec<Value> {
    vec![
        json!({ "nameOverride": "guard", "webhookAnnotations": { "admissions.enforcer/disabled": "true" } }),
        json!({ "enforcement": "audit", "failurePolicy": "Ignore", "timeoutSeconds": 10 }),
        json!({ "policy": { "inline": {
            "rules": { "url-version": "off" },
            "allow": [{ "namespaces": ["*"], "hosts": ["*.example.com"] }],
        } } }),
        json!({ "policy": { "existingConfigMap": "ours" }, "enforcement": "warn" }),
        json!({ "certificates": { "source": "managed", "caLifetime": "2160h", "leafLifetime": "240h" } }),
        json!({ "certificates": { "source": "cert-manager", "leafLifetime": "240h" } }),
        json!({ "certificates": {
            "source": "cert-manager", "issuerRef": { "name": "ca", "kind": "ClusterIssuer" },
        } }),
        json!({
            "clientCertificates": { "enabled": true, "configMap": "ca", "names": ["kube-apiserver", "b"] },
            "extraEnv": [{ "name": "A", "value": "b" }],
        }),
        json!({ "backstop": { "enabled": true, "timeoutSeconds": 2 }, "enforcement": "warn" }),
        json!({
            "backstop": { "enabled": true, "policies": POLICIES }, "policy": { "existingConfigMap": "ours" },
        }),
        json!({
            "audit": {
                "enabled": true, "extraArgs": ["--every=1h"], "resources": { "limits": { "memory": "1Gi" } },
            },
            "policy": { "existingConfigMap": "ours" },
        }),
    ]
}

fn about_neighbours() -> Vec<Value> {
    vec![
        json!({ "fullnameOverride": "guard", "commonLabels": { "team": "ml" }, "audit": { "enabled": true } }),
        // The longest name that Kubernetes allows, to prove that no derived name is too long.
        json!({
            "fullnameOverride": "n".repeat(63), "audit": { "enabled": true },
            "monitoring": { "serviceMonitor": true },
        }),
        json!({ "networkPolicy": {
            "enabled": true, "apiServers": ["10.20.0.11/32", "fd00::1/128"], "apiServerPort": 443,
            "monitoringNamespace": "prometheus",
        } }),
        json!({ "monitoring": {
            "serviceMonitor": true, "rules": true, "dashboard": true, "labels": { "release": "prometheus" },
        } }),
        json!({
            "service": { "ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv4"], "annotations": { "a": "b" } },
            "serviceAccount": { "name": "sa", "annotations": { "a": "b" } },
        }),
    ]
}

/// A shortened output of `modelendpoint policies`.
pub(crate) const POLICIES: &str = "\
# Made by `modelendpoint policies`.
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: modelendpoint-rules
spec:
  matchConstraints:
    resourceRules:
      - apiGroups: [modelplane.ai]
        apiVersions: [v1alpha1]
        operations: [CREATE]
        resources: [modelendpoints]
  validations:
    - expression: |-
        true ||
        false
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: modelendpoint-warnings
";

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_accepts_as_it_is_what_every_value_renders_to() -> Result<()> {
    let control_plane = ControlPlane::start().await?;
    let client = control_plane.client();
    install_crd(&client).await?;
    for definition in FROM_ELSEWHERE {
        install_definition(&client, definition).await?;
    }
    apply(&client, &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAME } })).await?;
    let strictly = PatchParams { dry_run: true, ..PatchParams::apply("helm").force().validation_strict() };
    for helm in Helm::ALL {
        for values in matrix() {
            let rendered = render(helm, &values).await?;
            ensure!(rendered.len() >= 11, "{values}: {} objects", rendered.len());
            for object in rendered {
                if text(&object["kind"]).starts_with("MutatingAdmissionPolicy")
                    && !has_mutating_policies(&control_plane)
                {
                    continue;
                }
                let name = object["metadata"]["name"].as_str().context("a name")?;
                let applied = api(&client, &object).patch(name, &strictly, &Patch::Apply(&object)).await;
                applied.with_context(|| format!("{helm:?} {values}: {} {name}", object["kind"]))?;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_value_changes_what_is_rendered() -> Result<()> {
    let schema = fs::read_to_string(deploy().join("chart/values.schema.json"))?;
    let values = values_of(&serde_json::from_str(&schema)?, "");
    ensure!(values.len() > 50, "the schema is not read as it should be: {values:?}");
    let mut without_effect = Vec::new();
    for value in values {
        if !has_effect(&value).await? {
            without_effect.push(value);
        }
    }
    assert_eq!(without_effect, Vec::<String>::new());
    Ok(())
}

/// Whether a row of the matrix sets it, and renders differently without it.
async fn has_effect(value: &str) -> Result<bool> {
    let (group, key) = value.rsplit_once('/').context("a pointer")?;
    for with in matrix() {
        let mut without = with.clone();
        let Some(group) = without.pointer_mut(group).and_then(Value::as_object_mut) else { continue };
        if group.remove(key).is_none() {
            continue;
        }
        // Without it, the other values may not fit together.
        if render(Helm::V4, &without).await.ok() != Some(render(Helm::V4, &with).await?) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn render(helm: Helm, values: &Value) -> Result<Vec<Value>> {
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), values.to_string())?;
    let file = file.path().to_str().context("a path in UTF-8")?;
    helm.template_with_tests(&arguments(&["--values", file])?).await
}

/// The pointers of all values that are not groups of documented values.
fn values_of(schema: &Value, at: &str) -> Vec<String> {
    let Some(properties) = schema["properties"].as_object() else { return vec![at.to_owned()] };
    // Helm's own value, if the chart is a part of another one.
    let own =
        properties.iter().filter(|(key, _)| !at.is_empty() || !["global", "enabled"].contains(&key.as_str()));
    own.flat_map(|(key, schema)| values_of(schema, &format!("{at}/{key}"))).collect()
}
