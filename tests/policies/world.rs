//! A control plane with two namespaces: [`POLICIES`] is judged by policies alone, [`WEBHOOK`] by the webhook alone.

use std::future::Future;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Result, anyhow};
use control_plane::{ControlPlane, Seen, Webhook, WebhookCertificates, api, apply, eventually, install_crd};
use kube::api::{Patch, PatchParams};
use modelendpoint_admission_policies::{Minor, manifests};
use modelendpoint_core::endpoint::Policy;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::verdict::{Endpoints, Verdict};

pub(crate) const POLICIES: &str = "by-policies";
pub(crate) const WEBHOOK: &str = "by-webhook";

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_modelendpoint-webhook");

pub(crate) fn deploy() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy"))
}

const SOON: Duration = Duration::from_mins(1);

pub(crate) struct World {
    pub(crate) control_plane: ControlPlane,
    _webhook: Webhook,
    _certificates: WebhookCertificates,
    _directory: tempfile::TempDir,
}

/// The tests of this process run in one runtime.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// Runs a test.
pub(crate) fn test(test: impl Future<Output = Result<()>>) {
    if let Err(error) = RUNTIME.block_on(test) {
        panic!("{error:?}");
    }
}

/// A control plane with the CRD and both namespaces, in which nothing is judged yet.
pub(crate) async fn bare() -> Result<ControlPlane> {
    let control_plane = ControlPlane::start().await?;
    install_crd(&control_plane.client()).await?;
    for name in [POLICIES, WEBHOOK] {
        namespace(&control_plane, name).await?;
    }
    Ok(control_plane)
}

pub(crate) async fn namespace(control_plane: &ControlPlane, name: &str) -> Result<()> {
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    apply(&control_plane.client(), &namespace).await
}

pub(crate) fn minor(control_plane: &ControlPlane) -> Result<Minor> {
    control_plane.version().parse().map_err(|why: String| anyhow!(why))
}

impl World {
    /// Makes both judge by this policy file.
    pub(crate) async fn judging(control_plane: ControlPlane, policy_file: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("policy.yaml");
        std::fs::write(&file, policy_file)?;
        let policy = modelendpoint_policy::parse(policy_file).map_err(|mistakes| anyhow!("{mistakes:?}"))?;

        let certificates = WebhookCertificates::new(&["modelendpoint-webhook.modelendpoint-webhook.svc"])?;
        let mut arguments = certificates.serve_arguments();
        arguments.extend(["--policy".into(), file.into_os_string()]);
        let webhook = Webhook::start(Path::new(BINARY), &arguments).await?;
        let port = webhook.address().port();
        control_plane.register_webhooks(deploy(), port, &certificates.ca_bundle()).await?;
        keep_out(&control_plane, POLICIES).await?;
        install_policies(&control_plane, &policy, &[POLICIES]).await?;
        Ok(World { control_plane, _webhook: webhook, _certificates: certificates, _directory: directory })
    }

    pub(crate) fn endpoints(&self, namespace: &'static str) -> Endpoints {
        Endpoints::of(&self.control_plane, namespace)
    }
}

/// Registers the webhooks for every namespace except this one.
async fn keep_out(control_plane: &ControlPlane, namespace: &'static str) -> Result<()> {
    let expression =
        json!({ "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [namespace] });
    for (kind, name) in [
        ("MutatingWebhookConfiguration", "mutate.modelendpoints.modelplane.ai"),
        ("ValidatingWebhookConfiguration", "validate.modelendpoints.modelplane.ai"),
    ] {
        let object = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind });
        let selector = json!({ "name": name, "namespaceSelector": { "matchExpressions": [expression] } });
        let patch = Patch::Strategic(json!({ "webhooks": [selector] }));
        api(&control_plane.client(), &object)
            .patch("modelendpoint-webhook", &PatchParams::default(), &patch)
            .await?;
    }
    let endpoints = Endpoints::of(control_plane, namespace);
    eventually("a namespace without webhooks", SOON, async || {
        let verdict = endpoints.create(&json!({ "url": "ftp://h", "rewritePath": "/a" })).await?;
        let is_stored = matches!(&verdict, Verdict::Stored { spec, .. } if spec["rewritePath"] == "/a");
        Ok(if is_stored { Seen::Done(()) } else { Seen::NotYet(format!("{verdict:?}")) })
    })
    .await
}

/// Installs the policies for these namespaces, and waits until they act.
pub(crate) async fn install_policies(
    control_plane: &ControlPlane,
    policy: &Policy,
    namespaces: &[&'static str],
) -> Result<()> {
    let minor = minor(control_plane)?;
    let made = manifests(policy, minor).map_err(|why| anyhow!("{why}"))?;
    let has_defaults = made.objects.iter().any(|object| object["kind"] == "MutatingAdmissionPolicy");
    for mut object in made.objects {
        if object["kind"].as_str().is_some_and(|kind| kind.ends_with("Binding")) {
            object["spec"]["matchResources"] = json!({ "namespaceSelector": { "matchExpressions": [
                { "key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces }
            ] } });
        }
        apply(&control_plane.client(), &object).await?;
    }
    let endpoints = Endpoints::of(control_plane, namespaces[0]);
    eventually("policies that act", SOON, async || {
        let refused = endpoints.create(&json!({ "url": "http://[::1", "rewritePath": "/a/" })).await?;
        let warned =
            endpoints.create(&json!({ "url": "http://a.example:443/", "rewritePath": "/a" })).await?;
        let Verdict::Stored { spec, warnings } = &warned else {
            return Ok(Seen::NotYet(format!("{warned:?}")));
        };
        let is_changed = spec["rewritePath"] == if has_defaults { "/a/" } else { "/a" };
        let acts = matches!(refused, Verdict::Refused(_)) && is_changed && !warnings.is_empty();
        Ok(if acts { Seen::Done(()) } else { Seen::NotYet(format!("{refused:?} {warned:?}")) })
    })
    .await
}
