//! A control plane with the CRD and the webhook, as after an installation.

use std::ffi::{OsStr, OsString};
use std::future::Future;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use control_plane::{
    ControlPlane, Webhook, WebhookCertificates, install_crd, install_crd_0_5, model_endpoint_resource,
};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{Api, DynamicObject, PostParams};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// A running control plane, and the webhook that it calls.
pub(crate) struct Cluster {
    pub control_plane: ControlPlane,
    pub webhook: Webhook,
    _certificates: WebhookCertificates,
}

/// The output of a command, and its exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Printed {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// All tests of this process run in one runtime, because the shared client lives in it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
static SHARED: OnceCell<Cluster> = OnceCell::const_new();

/// Runs a test.
pub(crate) fn test(test: impl Future<Output = Result<()>>) {
    if let Err(error) = RUNTIME.block_on(test) {
        panic!("{error:?}");
    }
}

/// The cluster that tests share. Each test uses a namespace of its own.
pub(crate) async fn shared() -> Result<&'static Cluster> {
    SHARED.get_or_try_init(Cluster::start).await
}

impl Cluster {
    /// A control plane with the CRD and the webhook. The webhook is registered, and the API server already calls it.
    pub(crate) async fn start() -> Result<Self> {
        Cluster::start_with(&[]).await
    }

    /// The same, with these flags for the webhook.
    pub(crate) async fn start_with(flags: &[&OsStr]) -> Result<Self> {
        let control_plane = ControlPlane::start().await?;
        install_crd(&control_plane.client()).await?;
        Cluster::with_webhook_of(control_plane, flags).await
    }

    /// The same with the CRD of Modelplane 0.5.
    pub(crate) async fn start_0_5() -> Result<Self> {
        Cluster::start_0_5_with(&[]).await
    }

    pub(crate) async fn start_0_5_with(flags: &[&OsStr]) -> Result<Self> {
        let control_plane = ControlPlane::start().await?;
        install_crd_0_5(&control_plane.client()).await?;
        Cluster::with_webhook_of(control_plane, flags).await
    }

    /// Adds the webhook to a control plane that has the CRD.
    pub(crate) async fn with_webhook(control_plane: ControlPlane) -> Result<Self> {
        Cluster::with_webhook_of(control_plane, &[]).await
    }

    async fn with_webhook_of(control_plane: ControlPlane, flags: &[&OsStr]) -> Result<Self> {
        let certificates = WebhookCertificates::new(&["modelendpoint-webhook.modelendpoint-webhook.svc"])?;
        let mut arguments = certificates.serve_arguments();
        arguments.extend(flags.iter().map(OsString::from));
        let webhook = Webhook::start(binary(), &arguments).await?;
        let port = webhook.address().port();
        control_plane.register_webhooks(deploy_directory(), port, &certificates.ca_bundle()).await?;
        Ok(Cluster { control_plane, webhook, _certificates: certificates })
    }

    /// Creates a namespace, and returns a client for the ModelEndpoints in it.
    pub(crate) async fn namespace(&self, name: &str) -> Result<Api<DynamicObject>> {
        let namespace = serde_json::from_value(json!({ "metadata": { "name": name } }))?;
        Api::<Namespace>::all(self.control_plane.client()).create(&PostParams::default(), &namespace).await?;
        Ok(self.endpoints(name))
    }

    pub(crate) fn endpoints(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.control_plane.client(), namespace, &model_endpoint_resource())
    }

    /// Runs kubectl with these arguments and this standard input.
    pub(crate) async fn kubectl(&self, arguments: &[&str], input: &str) -> Result<Printed> {
        let mut command = self.control_plane.kubectl();
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("kubectl does not start")?;
        let mut stdin = child.stdin.take().context("kubectl takes no input")?;
        stdin.write_all(input.as_bytes()).await?;
        drop(stdin);
        let Output { status, stdout, stderr } = child.wait_with_output().await?;
        Ok(Printed {
            code: status.code(),
            stdout: String::from_utf8(stdout)?,
            stderr: String::from_utf8(stderr)?,
        })
    }

    /// How many reviews the webhook has answered at a path.
    pub(crate) async fn reviews_answered(&self, path: &str) -> Result<u64> {
        let metrics = self.webhook.metrics().await?;
        let label = format!("path=\"{path}\"");
        let counts = metrics.lines().filter(|line| {
            line.starts_with("modelendpoint_webhook_requests_total{") && line.contains(&label)
        });
        counts.map(|line| Ok(line.rsplit_once(' ').context("a sample")?.1.parse::<u64>()?)).sum()
    }
}

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_modelendpoint-webhook"))
}

pub(crate) fn deploy_directory() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy"))
}

pub(crate) fn endpoint(name: &str, spec: &Value) -> DynamicObject {
    DynamicObject::new(name, &model_endpoint_resource()).data(json!({ "spec": spec }))
}

pub(crate) fn spec(endpoint: &DynamicObject) -> &Value {
    &endpoint.data["spec"]
}

/// The refusal that a call was answered with.
pub(crate) fn refused<T: std::fmt::Debug>(result: kube::Result<T>) -> Result<Status> {
    match result {
        Err(kube::Error::Api(status)) => {
            // kube has its own type for a Status; the JSON is the same.
            let details = status.details.as_ref();
            let causes = details.map(|details| {
                details.causes.iter().map(|cause| json!({ "reason": cause.reason, "message": cause.message, "field": cause.field })).collect::<Vec<_>>()
            });
            Ok(serde_json::from_value(json!({
                "code": status.code,
                "reason": status.reason,
                "message": status.message,
                "details": details.map(|details| json!({
                    "name": details.name, "group": details.group, "kind": details.kind, "uid": details.uid, "causes": causes,
                })),
            }))?)
        }
        other => bail!("expected a refusal, and got {other:?}"),
    }
}

/// The fields that a refusal names, each once.
pub(crate) fn refused_fields(status: &Status) -> Vec<&str> {
    let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
    let mut fields: Vec<_> = causes.filter_map(|cause| cause.field.as_deref()).collect();
    fields.dedup();
    fields
}
