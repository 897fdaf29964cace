//! The Helm chart, rendered by real Helm: it is what kustomize renders, and an API server accepts what values
//! make of it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use control_plane::{ControlPlane, Helm, api, apply, install_crd, install_definition, kustomize};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::installed::{NAME, deploy};
use crate::manifests::{FROM_ELSEWHERE, kustomization, relative};

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
        let name = format!("{} {}", object["kind"], object["metadata"]["name"]);
        for label in LABELS_OF_HELM {
            object["metadata"]["labels"].as_object_mut().map(|labels| labels.remove(label));
        }
        (name, object)
    })
    .collect()
}

/// Of `helm template`, for the name that everything has in deploy/.
fn arguments<'a>(values: &[&'a str]) -> Result<Vec<&'a str>> {
    let chart = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/chart"));
    let chart = chart.to_str().context("a path in UTF-8")?;
    let release = [NAME, chart, "--namespace", NAME, "--kube-version", "1.37.0"];
    Ok(release.into_iter().chain(values.iter().copied()).collect())
}

/// One knob or several, as `--set-json` takes them.
const MATRIX: [&str; 17] = [
    r#"replicas=3,image={"repository":"registry.example.org/w","tag":"1","pullPolicy":"Always"}"#,
    r#"image.digest="sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",imagePullSecrets=[{"name":"r"}]"#,
    r#"fullnameOverride="guard",commonLabels={"team":"ml"},podLabels={"a":"b"},podAnnotations={"c":"d"}"#,
    r#"nameOverride="guard",webhookAnnotations={"admissions.enforcer/disabled":"true"}"#,
    r#"enforcement="audit",failurePolicy="Ignore",timeoutSeconds=10"#,
    r#"policy.inline={"rules":{"url-version":"off"},"allow":[{"namespaces":["*"],"hosts":["*.example.com"]}]}"#,
    r#"policy.existingConfigMap="ours",enforcement="warn""#,
    r#"certificates={"source":"managed","caLifetime":"2160h","leafLifetime":"240h"}"#,
    r#"certificates={"source":"cert-manager","leafLifetime":"240h"}"#,
    r#"certificates={"source":"cert-manager","issuerRef":{"name":"ca","kind":"ClusterIssuer"}}"#,
    r#"clientCertificates={"enabled":true,"names":["kube-apiserver","b"]},extraEnv=[{"name":"A","value":"b"}]"#,
    r#"networkPolicy={"enabled":true,"apiServers":["10.20.0.11/32","fd00::1/128"],"apiServerPort":443}"#,
    r#"monitoring={"serviceMonitor":true,"rules":true,"dashboard":true,"labels":{"release":"prometheus"}}"#,
    r#"service={"ipFamilyPolicy":"SingleStack","ipFamilies":["IPv4"],"annotations":{"a":"b"}},serviceAccount={"name":"sa","annotations":{"a":"b"}}"#,
    r#"hostNetwork=true,httpsPort=9443,opsPort=9080,priorityClassName="system-cluster-critical""#,
    r#"nodeSelector={"a":"b"},tolerations=[{"operator":"Exists"}],affinity={"nodeAffinity":{}},topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]"#,
    r#"resources={"limits":{"cpu":"1"}},podDisruptionBudget.enabled=false,extraArgs=["--log-level=debug"],drain="5s",maxConnections=100,logFormat="text",test.image="a/b:c""#,
];

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
        for values in MATRIX {
            let rendered = helm.template(&arguments(&["--set-json", values])?).await?;
            let tests = ["--set-json", values, "--show-only", "templates/tests/refuses.yaml"];
            let tests = helm.template_with_tests(&arguments(&tests)?).await?;
            ensure!(rendered.len() >= 7 && tests.len() == 4, "{values}: {} objects", rendered.len());
            for object in rendered.iter().chain(&tests) {
                let name = object["metadata"]["name"].as_str().context("a name")?;
                let applied = api(&client, object).patch(name, &strictly, &Patch::Apply(object)).await;
                applied.with_context(|| format!("{helm:?} {values}: {} {name}", object["kind"]))?;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_value_is_refused_before_anything_is_installed() -> Result<()> {
    for (value, why) in [
        ("replcias=3", "replcias"),
        ("enforcement=dryrun", "enforcement"),
        ("certificates.source=vault", "certificates"),
        ("image.digest=latest", "digest"),
        ("replicas=two", "replicas"),
        ("networkPolicy.enabled=true", "networkPolicy.apiServers is empty"),
    ] {
        for helm in Helm::ALL {
            let refused = helm.template(&arguments(&["--set", value])?).await;
            let refused = refused.err().with_context(|| format!("{helm:?} accepted {value}"))?.to_string();
            assert!(refused.contains(why), "{helm:?} {value}: {refused}");
        }
    }
    Ok(())
}
