//! A control plane with deploy/ applied, and replicas of the webhook behind its Service.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use control_plane::{
    ControlPlane, Seen, ServiceAccountFiles, Webhook, apply, eventually, install_crd, kustomize,
    model_endpoint_resource,
};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::relay::{Relay, is_ready};
use control_plane::writer::endpoint;

/// The name of all objects in deploy/.
pub(crate) const NAME: &str = "modelendpoint-webhook";
pub(crate) const SECRET: &str = "modelendpoint-webhook-managed-certs";
/// The patience with anything that the webhook or the API server does by itself.
pub(crate) const SOON: Duration = Duration::from_mins(1);

/// A leaf is valid for days, so nothing is rotated during a test.
pub(crate) const LONG: [&str; 2] = ["--managed-ca-lifetime=8760h", "--managed-leaf-lifetime=720h"];

/// A CA is replaced after two thirds of 31 s.
pub(crate) const SHORT: [&str; 2] = ["--managed-ca-lifetime=30s", "--managed-leaf-lifetime=10s"];

pub(crate) struct Installed {
    pub control_plane: ControlPlane,
    /// Forwards the connections to the Service.
    pub service: Relay,
    /// Forwards the webhook's connections to the API server.
    pub api_server: Relay,
    pub service_account: ServiceAccountFiles,
}

impl Installed {
    pub(crate) async fn new() -> Result<Self> {
        let control_plane = ControlPlane::start().await?;
        let client = control_plane.client();
        install_crd(&client).await?;
        let service = Relay::to_ready_replicas().await?;
        for manifest in kustomize(&deploy()).await? {
            apply(&client, &reachable(manifest, service.port())).await?;
        }
        let address = control_plane.api_server_url().strip_prefix("https://").context("a URL")?;
        let api_server = Relay::to(address.parse()?).await?;
        let service_account = control_plane.service_account(NAME, NAME, api_server.address()).await?;
        Ok(Self { control_plane, service, api_server, service_account })
    }

    /// Starts a replica behind the Service, with the service account's permissions.
    pub(crate) async fn start_replica(&self, lifetimes: &[&str]) -> Result<Webhook> {
        self.start_replica_of(Path::new(env!("CARGO_BIN_EXE_modelendpoint-webhook")), lifetimes).await
    }

    /// The same with another program.
    pub(crate) async fn start_replica_of(&self, program: &Path, lifetimes: &[&str]) -> Result<Webhook> {
        let mut arguments = vec!["--managed-certs", "--drain=1s"];
        arguments.extend(lifetimes);
        let replica = Webhook::start_as(program, &self.service_account, &arguments).await?;
        self.service.add_replica(replica.address(), replica.ops_address());
        Ok(replica)
    }

    /// The manifests that were applied.
    pub(crate) async fn manifests(&self) -> Result<Vec<Value>> {
        let manifests = kustomize(&deploy()).await?;
        Ok(manifests.into_iter().map(|manifest| reachable(manifest, self.service.port())).collect())
    }

    /// `kubectl apply` of the same, as a person does it.
    pub(crate) async fn kubectl_apply(&self) -> Result<std::process::Output> {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": self.manifests().await? });
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), list.to_string())?;
        Ok(self.control_plane.kubectl().args(["apply", "--filename"]).arg(file.path()).output().await?)
    }

    pub(crate) fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.control_plane.client(), NAME)
    }

    pub(crate) fn mutating(&self) -> Api<MutatingWebhookConfiguration> {
        Api::all(self.control_plane.client())
    }

    pub(crate) fn validating(&self) -> Api<ValidatingWebhookConfiguration> {
        Api::all(self.control_plane.client())
    }

    pub(crate) fn endpoints(&self) -> Api<DynamicObject> {
        Api::default_namespaced_with(self.control_plane.client(), &model_endpoint_resource())
    }

    /// The `caBundle` of each webhook of both configurations.
    pub(crate) async fn ca_bundles(&self) -> Result<Vec<Vec<CertificateDer<'static>>>> {
        let mutating = self.mutating().get_opt(NAME).await?.and_then(|c| c.webhooks).unwrap_or_default();
        let validating = self.validating().get_opt(NAME).await?.and_then(|c| c.webhooks).unwrap_or_default();
        let configs = mutating
            .into_iter()
            .map(|webhook| webhook.client_config)
            .chain(validating.into_iter().map(|webhook| webhook.client_config));
        configs.map(|config| certificates(&config.ca_bundle.unwrap_or_default().0)).collect()
    }

    /// As a tool does that ignores other writers.
    pub(crate) async fn set_ca_bundles(&self, bundle: Option<ByteString>) -> Result<()> {
        let patch = |webhook: &str| {
            let webhook = json!({ "name": webhook, "clientConfig": { "caBundle": bundle } });
            Patch::Strategic(json!({ "webhooks": [webhook] }))
        };
        let params = PatchParams::default();
        self.mutating().patch(NAME, &params, &patch("mutate.modelendpoints.modelplane.ai")).await?;
        self.validating().patch(NAME, &params, &patch("validate.modelendpoints.modelplane.ai")).await?;
        Ok(())
    }

    /// The CAs in the Secret, the signing one first.
    pub(crate) async fn authorities(&self) -> Result<Vec<CertificateDer<'static>>> {
        let Some(secret) = self.secrets().get_opt(SECRET).await? else { return Ok(Vec::new()) };
        let data = secret.data.unwrap_or_default();
        data.get("ca.crt").map_or(Ok(Vec::new()), |pem| certificates(&pem.0))
    }

    /// Waits until a bad endpoint is refused by the webhook, called through the Service.
    pub(crate) async fn refuses_bad_endpoints(&self) -> Result<()> {
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        eventually("the refusal of a bad endpoint", SOON, async || {
            Ok(match self.endpoints().create(&dry_run, &endpoint("bad", "http://[::1")).await {
                Err(kube::Error::Api(status)) if status.code == 422 => Seen::Done(()),
                Err(error) => Seen::not_yet(&error),
                Ok(_) => Seen::NotYet("it was admitted".to_owned()),
            })
        })
        .await
    }
}

/// Waits until `/readyz` says so.
pub(crate) async fn ready(replica: &Webhook) -> Result<()> {
    eventually("readiness", SOON, async || {
        replica.ensure_running()?;
        Ok(if is_ready(replica.ops_address()).await { Seen::Done(()) } else { Seen::NotYet(replica.log()) })
    })
    .await
}

pub(crate) fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// There is no kube-proxy, so the Service becomes an alias of localhost.
fn reachable(mut manifest: Value, port: u16) -> Value {
    if manifest["kind"] == "Service" {
        manifest["spec"] = json!({ "type": "ExternalName", "externalName": "localhost" });
    }
    for webhook in manifest.get_mut("webhooks").and_then(Value::as_array_mut).into_iter().flatten() {
        webhook["clientConfig"]["service"]["port"] = json!(port);
    }
    manifest
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    ensure!(
        pem.is_empty() || !read.is_empty(),
        "there is no certificate in {}",
        String::from_utf8_lossy(pem)
    );
    Ok(read)
}
