//! The cluster of `KUBECONFIG`, and this repository's manifests in it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use control_plane::{Seen, eventually, install_crd, model_endpoint_resource};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::Instant;

use control_plane::writer::{Writer, Written};

pub(crate) const NAME: &str = "modelendpoint-webhook";
/// The patience with anything that a cluster does by itself.
pub(crate) const SOON: Duration = Duration::from_mins(3);

pub(crate) struct Cluster {
    pub client: Client,
    /// Of Kubernetes 1.
    pub minor: u32,
    /// An image that the nodes have.
    image: String,
    /// A kustomization of deploy/ with that image.
    kustomization: PathBuf,
}

impl Cluster {
    pub(crate) async fn connect() -> Result<Self> {
        let image = env::var("WEBHOOK_IMAGE")
            .context("there is no cluster to test in: run tests/kind/run, which makes one")?;
        let client = Client::try_default().await.context("KUBECONFIG leads to no cluster")?;
        let version = client.apiserver_version().await.context("KUBECONFIG leads to no cluster")?;
        eprintln!("Kubernetes {}, image {image}", version.git_version);
        let minor = version.minor.trim_end_matches('+').parse().context("a minor version")?;
        install_crd(&client).await?;
        let kustomization = kustomization(&image)?;
        Ok(Self { client, minor, image, kustomization })
    }

    pub(crate) async fn apply(&self) -> Result<()> {
        self.kubectl(&["apply", "--kustomize", &self.kustomization.display().to_string()]).await.map(drop)
    }

    pub(crate) async fn delete(&self) -> Result<()> {
        let timeout = format!("--timeout={}s", SOON.as_secs());
        let kustomization = self.kustomization.display().to_string();
        self.kubectl(&["delete", "--kustomize", &kustomization, &timeout]).await.map(drop)
    }

    /// The manifests of the previous release, with another image, as in every release.
    pub(crate) async fn apply_previous(&self) -> Result<()> {
        let text = include_str!("previous-manifests.yaml");
        let file = self.kustomization.join("previous-manifests.yaml");
        fs::write(&file, text.replace("image: PREVIOUS_IMAGE", &format!("image: {}", self.other_image())))?;
        self.kubectl(&["apply", "--filename", &file.display().to_string()]).await.map(drop)
    }

    /// Every object of every kind that has the label of what is installed, as `kind/name`.
    pub(crate) async fn what_is_there(&self) -> Result<Vec<String>> {
        self.labelled(&format!("app.kubernetes.io/name={NAME}")).await
    }

    /// The same, with this label.
    pub(crate) async fn labelled(&self, label: &str) -> Result<Vec<String>> {
        let kinds = self.kubectl(&["api-resources", "--verbs=list", "--output=name"]).await?;
        let warned_of = ["componentstatuses", "endpoints"];
        let kinds: Vec<&str> = kinds.split_whitespace().filter(|kind| !warned_of.contains(kind)).collect();
        let label = format!("--selector={label}");
        let there =
            self.kubectl(&["get", &kinds.join(","), "--all-namespaces", &label, "--output=name"]).await?;
        Ok(there.lines().map(str::to_owned).collect())
    }

    /// The output of the command. Fails if the command fails or warns.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let output =
            Command::new("kubectl").args(arguments).output().await.context("kubectl does not start")?;
        let printed = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "kubectl {} failed:\n{printed}", arguments.join(" "));
        ensure!(!printed.contains("Warning"), "kubectl {} warns:\n{printed}", arguments.join(" "));
        Ok(String::from_utf8(output.stdout)?)
    }

    pub(crate) fn endpoints(&self) -> Api<DynamicObject> {
        Api::default_namespaced_with(self.client.clone(), &model_endpoint_resource())
    }

    pub(crate) fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client.clone(), NAME)
    }

    pub(crate) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), NAME)
    }

    /// The `/metrics` of each replica, read through the API server.
    pub(crate) async fn metrics(&self) -> Result<Vec<String>> {
        let mut metrics = Vec::new();
        for pod in self.pods().list(&ListParams::default()).await?.items {
            let pod = pod.metadata.name.context("a name")?;
            let path = format!("/api/v1/namespaces/{NAME}/pods/{pod}:8080/proxy/metrics");
            metrics.push(self.kubectl(&["get", "--raw", &path]).await?);
        }
        Ok(metrics)
    }

    /// Changes the Deployment and waits until all its pods are as it says, ready, and the only ones.
    pub(crate) async fn change_deployment(&self, change: Value) -> Result<()> {
        let patch = Patch::Strategic(change);
        self.deployments().patch(NAME, &PatchParams::default(), &patch).await?;
        self.rolled_out().await
    }

    pub(crate) async fn rolled_out(&self) -> Result<()> {
        eventually("the end of the rollout", SOON, async || {
            let deployment = self.deployments().get(NAME).await?;
            let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
            let status = deployment.status.unwrap_or_default();
            let pods = self.pods().list(&ListParams::default()).await?.items;
            let done = status.observed_generation == deployment.metadata.generation
                && status.updated_replicas == wanted
                && status.available_replicas == wanted
                && status.replicas == wanted
                && i32::try_from(pods.len()).ok() == wanted;
            Ok(if done { Seen::Done(()) } else { Seen::NotYet(format!("{status:?}, {} pods", pods.len())) })
        })
        .await
    }

    /// Waits until a bad endpoint is refused by the webhook.
    pub(crate) async fn refuses_bad_endpoints(&self) -> Result<()> {
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        let bad = DynamicObject::new("bad", &model_endpoint_resource())
            .data(json!({ "spec": { "url": "http://[::1" } }));
        eventually("the refusal of a bad endpoint", SOON, async || {
            Ok(match self.endpoints().create(&dry_run, &bad).await {
                Err(kube::Error::Api(status)) if status.code == 422 => Seen::Done(()),
                Err(error) => Seen::not_yet(&error),
                Ok(_) => Seen::NotYet("it was admitted".to_owned()),
            })
        })
        .await
    }

    /// Does something while two clients write, and fails if a write fails.
    pub(crate) async fn while_writing(
        &self,
        what: &str,
        disruption: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let written = self.written_while(what, Writer::start, Box::pin(disruption)).await?;
        ensure!(written.failures.is_empty(), "{what}: {:#?}", written.failures);
        Ok(())
    }

    /// Does something while two such clients write. Returns what came of it.
    pub(crate) async fn written_while(
        &self,
        what: &str,
        start: fn(Api<DynamicObject>, &'static str) -> Writer,
        disruption: impl Future<Output = Result<()>>,
    ) -> Result<Written> {
        let began = Instant::now();
        let writers = ["one", "two"].map(|name| start(self.endpoints(), name));
        let disrupted = disruption.await;
        let mut all = Written::default();
        for writer in writers {
            let written = writer.finish().await?;
            all.writes += written.writes;
            all.failures.extend(written.failures);
        }
        eprintln!(
            "{what}: {} of {} writes failed, in {:.0?}",
            all.failures.len(),
            all.writes,
            began.elapsed()
        );
        disrupted.with_context(|| what.to_owned())?;
        ensure!(all.writes > 30, "{what}: only {} writes", all.writes);
        Ok(all)
    }

    /// Repository and tag.
    pub(crate) fn image(&self) -> Result<(&str, &str)> {
        self.image.rsplit_once(':').context("WEBHOOK_IMAGE has no tag")
    }

    pub(crate) fn other_image(&self) -> String {
        format!("{}-again", self.image)
    }
}

/// `kubectl apply --kustomize` of it is what a user does, with another image.
fn kustomization(image: &str) -> Result<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize()?;
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kind");
    fs::create_dir_all(&directory)?;
    let directory = directory.canonicalize()?;
    let up = "../".repeat(directory.components().count() - 1);
    let deploy = repository.join("deploy").display().to_string();
    let (name, tag) = image.rsplit_once(':').context("WEBHOOK_IMAGE has no tag")?;
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [format!("{up}{}", deploy.trim_start_matches('/'))],
        "images": [{ "name": "ghcr.io/modelplane/modelendpoint-webhook", "newName": name, "newTag": tag }],
    });
    fs::write(directory.join("kustomization.yaml"), kustomization.to_string())?;
    Ok(directory)
}
