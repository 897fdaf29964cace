//! A control plane that serves one generation of the resource, with two namespaces: [`POLICIES`] is judged by policies
//! alone, [`WEBHOOK`] by the webhook alone.

use std::future::Future;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Result, anyhow};
use control_plane::{
    ControlPlane, Seen, Webhook, WebhookCertificates, api, apply, eventually, install_crd, install_crd_0_5,
};
use kube::api::{Patch, PatchParams};
use modelendpoint_admission_policies::{Minor, manifests};
use modelendpoint_core::endpoint::{Generation, Policy};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::sample::Sample;
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
pub(crate) async fn bare(generation: Generation) -> Result<ControlPlane> {
    let control_plane = ControlPlane::start().await?;
    match generation {
        Generation::Url => install_crd(&control_plane.client()).await?,
        Generation::Origin => install_crd_0_5(&control_plane.client()).await?,
    }
    for name in [POLICIES, WEBHOOK] {
        namespace(&control_plane, name).await?;
    }
    Ok(control_plane)
}

pub(crate) async fn namespace(control_plane: &ControlPlane, name: &str) -> Result<()> {
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    apply(&control_plane.client(), &namespace).await
}

fn minor(control_plane: &ControlPlane) -> Result<Minor> {
    control_plane.version().parse().map_err(|why: String| anyhow!(why))
}

/// Whether the API server serves mutating policies.
pub(crate) fn has_defaults(control_plane: &ControlPlane) -> Result<bool> {
    Ok(minor(control_plane)? >= "1.36".parse().map_err(|why: String| anyhow!(why))?)
}

impl World {
    /// Makes both judge by this policy file.
    pub(crate) async fn judging(
        control_plane: ControlPlane,
        generation: Generation,
        policy_file: &str,
    ) -> Result<Self> {
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
        keep_out(&control_plane, generation, POLICIES).await?;
        install_policies(&control_plane, generation, &policy, &[POLICIES]).await?;
        Ok(World { control_plane, _webhook: webhook, _certificates: certificates, _directory: directory })
    }

    pub(crate) fn endpoints(&self, namespace: &'static str) -> Endpoints {
        Endpoints::of(&self.control_plane, namespace)
    }
}

/// Registers the webhooks for every namespace except this one.
async fn keep_out(
    control_plane: &ControlPlane,
    generation: Generation,
    namespace: &'static str,
) -> Result<()> {
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
        let probe = Probe::of(generation);
        let changed = endpoints.create(&probe.changed).await?;
        let refused = endpoints.create(&probe.refused).await?;
        let are_stored = matches!(&changed, Verdict::Stored { spec, .. } if probe.is_unchanged(spec))
            && matches!(refused, Verdict::Stored { .. });
        Ok(if are_stored { Seen::Done(()) } else { Seen::NotYet(format!("{changed:?} {refused:?}")) })
    })
    .await
}

/// Installs the policies for these namespaces, and waits until they act.
pub(crate) async fn install_policies(
    control_plane: &ControlPlane,
    generation: Generation,
    policy: &Policy,
    namespaces: &[&'static str],
) -> Result<()> {
    let minor = minor(control_plane)?;
    let made = manifests(policy, minor).map_err(|why| anyhow!("{why}"))?;
    let has_defaults = has_defaults(control_plane)?;
    for mut object in made.objects {
        if object["kind"].as_str().is_some_and(|kind| kind.ends_with("Binding")) {
            object["spec"]["matchResources"] = json!({ "namespaceSelector": { "matchExpressions": [
                { "key": "kubernetes.io/metadata.name", "operator": "In", "values": namespaces }
            ] } });
        }
        apply(&control_plane.client(), &object).await?;
    }
    let endpoints = Endpoints::of(control_plane, namespaces[0]);
    let probe = Probe::of(generation);
    eventually("policies that act", SOON, async || {
        let refused = endpoints.create(&probe.refused).await?;
        let warned = endpoints.create(&probe.warned).await?;
        let changed = endpoints.create(&probe.changed).await?;
        let acts = matches!(refused, Verdict::Refused(_))
            && matches!(&warned, Verdict::Stored { warnings, .. } if !warnings.is_empty())
            && (!has_defaults
                || matches!(&changed, Verdict::Stored { spec, .. } if !probe.is_unchanged(spec)));
        Ok(if acts { Seen::Done(()) } else { Seen::NotYet(format!("{refused:?} {warned:?} {changed:?}")) })
    })
    .await
}

/// What shows that somebody judges.
struct Probe {
    refused: Sample,
    warned: Sample,
    /// The schema alone takes it, and mutation changes it.
    changed: Sample,
}

impl Probe {
    fn of(generation: Generation) -> Self {
        let [refused, warned, changed] = match generation {
            Generation::Url => [
                json!({ "url": "http://[::1", "rewritePath": "/a/" }),
                json!({ "url": "http://a.example:443/", "rewritePath": "/" }),
                json!({ "url": "http://a.example/", "rewritePath": "/a" }),
            ],
            Generation::Origin => [
                json!({ "origin": "https://a.example://x" }),
                json!({ "origin": "http://a.example:443" }),
                json!({ "origin": "https://A.example" }),
            ],
        };
        let [refused, warned, changed] = [refused, warned, changed].map(Sample::of);
        Probe { refused, warned, changed }
    }

    /// Whether this is how [`Probe::changed`] was sent.
    fn is_unchanged(&self, stored: &serde_json::Value) -> bool {
        ["rewritePath", "origin"].iter().all(|field| stored[field] == self.changed.spec[field])
    }
}
