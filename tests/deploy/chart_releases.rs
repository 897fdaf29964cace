//! A release of the chart from its first minute to its last, with real Helm and a real API server.
//!
//! There are no nodes, so this module does the work of the Deployment's controller and the kubelet: for each new
//! template of the Deployment, it starts the webhook with the arguments of its container, and marks the Deployment as
//! available when `/readyz` answers 200. So `helm --wait` waits for the same as in a cluster. tests/kind tests what
//! only a cluster has, such as images and probes.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use control_plane::{
    ControlPlane, Helm, Seen, ServiceAccountFiles, Webhook, apply, eventually, install_crd,
    model_endpoint_resource,
};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::installed::{NAME, SOON, deploy, ready};
use crate::manifests::has_mutating_policies;
use crate::relay::Relay;
use control_plane::writer::endpoint;

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_installed_upgraded_rolled_back_and_uninstalled_by_helm_3() -> Result<()> {
    from_first_to_last(Helm::V3).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_installed_upgraded_rolled_back_and_uninstalled_by_helm_4() -> Result<()> {
    from_first_to_last(Helm::V4).await
}

async fn from_first_to_last(helm: Helm) -> Result<()> {
    let cluster = Cluster::start(helm).await?;
    // There is no definition of ModelEndpoint yet, and the chart does not need it.
    cluster.rolled_out_while("install", &["--create-namespace"]).await?;
    install_crd(&cluster.control_plane.client()).await?;
    ensure!(!cluster.admits_a_bad_endpoint().await?, "`--wait` ended before bad endpoints were refused");
    cluster.helm_test().await?;
    let bundle = cluster.ca_bundle().await?;

    cluster.rolled_out_while("upgrade", &["--set", "enforcement=audit"]).await?;
    ensure!(cluster.admits_a_bad_endpoint().await?, "the upgrade changed nothing");
    cluster.rolled_out_while("rollback", &[]).await?;
    ensure!(!cluster.admits_a_bad_endpoint().await?, "the rollback changed nothing");
    assert_eq!(cluster.ca_bundle().await?, bundle, "upgrade and rollback leave caBundle alone");

    if has_mutating_policies(&cluster.control_plane) {
        cluster.judges_during_an_outage_with_the_backstop().await?;
    }
    cluster.run("uninstall", &[]).await?;
    eventually("a write without the webhook", SOON, async || {
        let is_admitted = cluster.admits_a_bad_endpoint().await?;
        Ok(if is_admitted { Seen::Done(()) } else { Seen::NotYet("something is left behind".to_owned()) })
    })
    .await
}

struct Cluster {
    helm: Helm,
    control_plane: ControlPlane,
    service: Relay,
    chart: TempDir,
    /// The replica of the template that was rolled out last.
    replica: Mutex<Option<Webhook>>,
    /// The logs of all replicas so far.
    accounts: Mutex<Vec<ServiceAccountFiles>>,
}

impl Cluster {
    async fn start(helm: Helm) -> Result<Self> {
        let control_plane = ControlPlane::start().await?;
        let service = Relay::to_ready_replicas().await?;
        let chart = reachable_chart(service.port())?;
        Ok(Self {
            helm,
            control_plane,
            service,
            chart,
            replica: Mutex::default(),
            accounts: Mutex::default(),
        })
    }

    /// Runs Helm, and meanwhile rolls out each change of the Deployment.
    async fn rolled_out_while(&self, verb: &str, more: &[&str]) -> Result<()> {
        let (helm, rolled_out) = tokio::join!(self.run(verb, more), self.roll_out());
        rolled_out?;
        helm
    }

    async fn run(&self, verb: &str, more: &[&str]) -> Result<()> {
        let mut helm = self.helm.command().await?;
        helm.env("KUBECONFIG", self.control_plane.kubeconfig()).args([verb, NAME]);
        if ["install", "upgrade"].contains(&verb) {
            helm.arg(self.chart.path());
        }
        succeeds(helm.args(["--namespace", NAME, "--wait", "--timeout", "2m"]).args(more)).await
    }

    /// Waits for a template that is not rolled out yet, starts it, and updates the status.
    async fn roll_out(&self) -> Result<()> {
        let deployments = self.of_namespace::<Deployment>();
        let deployment = eventually("a new template", SOON, async || {
            let deployment = deployments.get_opt(NAME).await?;
            let observed = deployment.as_ref().and_then(|it| it.status.as_ref()?.observed_generation);
            Ok(match deployment {
                Some(it) if observed != it.metadata.generation => Seen::Done(it),
                seen => Seen::NotYet(format!("{:?}", seen.map(|it| it.status))),
            })
        })
        .await?;
        self.run_the_container_of(&deployment).await?;
        let generation = deployment.metadata.generation.unwrap_or_default();
        let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or_default();
        let counts =
            json!({ "replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas });
        let status = |more: Value| {
            let mut status = counts.clone();
            status.as_object_mut().into_iter().for_each(|fields| {
                fields.extend(more.as_object().cloned().unwrap_or_default());
            });
            Patch::Merge(json!({ "status": status }))
        };
        let params = PatchParams::default();
        // Helm 3 reads the ReplicaSet of the template.
        let set = replica_set(&deployment)?;
        let sets = self.of_namespace::<ReplicaSet>();
        sets.create(&PostParams::default(), &set).await?;
        sets.patch_status(&set.name_any(), &params, &status(json!({ "observedGeneration": 1 }))).await?;
        let available = json!([
            { "type": "Available", "status": "True", "reason": "MinimumReplicasAvailable" },
            { "type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable" },
        ]);
        let rolled_out =
            json!({ "updatedReplicas": replicas, "observedGeneration": generation, "conditions": available });
        deployments.patch_status(NAME, &params, &status(rolled_out)).await?;
        Ok(())
    }

    /// Starts the webhook with the arguments of the container and the permissions of the pod, instead of the previous
    /// one, and waits until it is ready.
    async fn run_the_container_of(&self, deployment: &Deployment) -> Result<()> {
        let pod = deployment.spec.as_ref().and_then(|spec| spec.template.spec.as_ref()).context("a pod")?;
        let container = pod.containers.first().context("a container")?;
        let own = ["serve", "--listen=", "--ops-listen=", "--drain="];
        let arguments = container.args.iter().flatten().map(String::as_str);
        let arguments = arguments.filter(|argument| !own.iter().any(|own| argument.starts_with(own)));
        let arguments: Vec<_> = arguments.chain(["--drain=1s"]).collect();
        let account = pod.service_account_name.as_deref().context("a service account")?;
        let account = self.service_account(account).await?;
        let binary = Path::new(env!("CARGO_BIN_EXE_modelendpoint-webhook"));
        let replica = Webhook::start_as(binary, &account, &arguments).await?;
        self.service.add_replica(replica.address(), replica.ops_address());
        ready(&replica).await?;
        let before = self.replica.lock().await.replace(replica);
        if let Some(mut before) = before {
            before.stop().await?;
        }
        self.accounts.lock().await.push(account);
        Ok(())
    }

    async fn service_account(&self, name: &str) -> Result<ServiceAccountFiles> {
        let address = self.control_plane.api_server_url().strip_prefix("https://").context("a URL")?;
        self.control_plane.service_account(NAME, name, address.parse()?).await
    }

    /// The script of the pod of `helm test`, with the rights of its service account.
    async fn helm_test(&self) -> Result<()> {
        let chart = deploy().join("chart");
        let chart = chart.to_str().context("a path in UTF-8")?;
        let arguments = ["--kube-version", "1.37.0", "--show-only", "templates/tests/refuses.yaml"];
        let arguments = [&[NAME, chart, "--namespace", NAME], &arguments[..]].concat();
        for object in self.helm.template_with_tests(&arguments).await? {
            if object["kind"] != "Pod" {
                apply(&self.control_plane.client(), &object).await?;
            }
        }
        let account = self.service_account(&format!("{NAME}-test")).await?;
        let mut script = Command::new("sh");
        script
            .arg(deploy().join("chart/files/test.sh"))
            .env("API_SERVER", self.control_plane.api_server_url())
            .env("ACCOUNT", account.path())
            .env("NAMESPACE", NAME)
            .env("EXPECTED", "422");
        succeeds(&mut script).await
    }

    async fn admits_a_bad_endpoint(&self) -> Result<bool> {
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        match self.endpoints().create(&dry_run, &endpoint("bad", "http://[::1")).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.code == 422 => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Adds the backstop to the release, and stops the webhook: endpoints are judged and defaulted as before.
    async fn judges_during_an_outage_with_the_backstop(&self) -> Result<()> {
        // the Deployment stays as it is, so there is nothing to roll out
        self.run("upgrade", &["--set", "backstop.enabled=true"]).await?;
        let mut webhook = self.replica.lock().await.take().context("a replica")?;
        webhook.stop().await?;
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        eventually("the verdicts of the policies", SOON, async || {
            if self.admits_a_bad_endpoint().await? {
                return Ok(Seen::NotYet("a bad endpoint was admitted".to_owned()));
            }
            let good = endpoint("good", "http://10.0.1.50/team/v1");
            Ok(match self.endpoints().create(&dry_run, &good).await {
                Ok(stored) if stored.data["spec"]["rewritePath"] == "/team/" => Seen::Done(()),
                Ok(stored) => Seen::NotYet(stored.data.to_string()),
                Err(error) => Seen::not_yet(&error),
            })
        })
        .await
    }

    fn endpoints(&self) -> Api<DynamicObject> {
        Api::default_namespaced_with(self.control_plane.client(), &model_endpoint_resource())
    }

    async fn ca_bundle(&self) -> Result<Value> {
        let configurations = Api::<MutatingWebhookConfiguration>::all(self.control_plane.client());
        let webhooks = configurations.get(NAME).await?.webhooks.unwrap_or_default();
        let bundle = webhooks.into_iter().find_map(|webhook| webhook.client_config.ca_bundle);
        Ok(json!(bundle.context("a caBundle")?))
    }

    fn of_namespace<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.control_plane.client(), NAME)
    }
}

/// The chart, with the Service as an alias of localhost, because there is no kube-proxy.
fn reachable_chart(port: u16) -> Result<TempDir> {
    let directory = tempfile::Builder::new().prefix("chart-").tempdir()?;
    let chart = deploy().join("chart");
    for folder in ["", "templates", "files"] {
        fs::create_dir_all(directory.path().join(folder))?;
        for entry in fs::read_dir(chart.join(folder))? {
            let from = entry?.path();
            if fs::metadata(&from)?.is_file() {
                let name = from.file_name().context("a file's name")?;
                fs::copy(&from, directory.path().join(folder).join(name))?;
            }
        }
    }
    let service = directory.path().join("templates/service.yaml");
    let text = fs::read_to_string(&service)?;
    let (head, _) = text.split_once("spec:\n").context("a spec")?;
    fs::write(&service, format!("{head}spec:\n  type: ExternalName\n  externalName: localhost\n"))?;
    for kind in ["mutating", "validating"] {
        let file = directory.path().join(format!("files/{kind}-webhook-configuration.yaml"));
        let text = fs::read_to_string(&file)?;
        ensure!(text.contains("port: 443"), "{}: no port", file.display());
        fs::write(&file, text.replace("port: 443", &format!("port: {port}")))?;
    }
    Ok(directory)
}

/// As the Deployment's controller creates it.
fn replica_set(deployment: &Deployment) -> Result<ReplicaSet> {
    let generation = deployment.metadata.generation.unwrap_or_default().to_string();
    let mut set = json!({
        "metadata": {
            "name": format!("{NAME}-{generation}"),
            "ownerReferences": [deployment.controller_owner_ref(&()).context("a uid")?],
        },
        "spec": json!(deployment)["spec"],
    });
    set["spec"].as_object_mut().into_iter().for_each(|spec| {
        spec.retain(|field, _| ["replicas", "selector", "template"].contains(&field.as_str()));
    });
    set["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] = json!(generation);
    set["metadata"]["labels"] = set["spec"]["template"]["metadata"]["labels"].clone();
    set["spec"]["selector"]["matchLabels"]["pod-template-hash"] = json!(generation);
    Ok(serde_json::from_value(set)?)
}

async fn succeeds(command: &mut Command) -> Result<()> {
    let output = command.output().await?;
    let said = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
    ensure!(output.status.success(), "{:?} failed:\n{said}", command.as_std());
    Ok(())
}
