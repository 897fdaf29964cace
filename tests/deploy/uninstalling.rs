//! An installation is taken apart in every order. After each step, what becomes of writes is as docs/production.md says.

use anyhow::{Context, Result, ensure};
use control_plane::writer::endpoint;
use control_plane::{Seen, Webhook, api, apply, eventually, install_crd};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::Value;

use crate::installed::{Installed, LONG, NAME, SECRET, SOON, ready};
use crate::manifests::text;

/// What is deleted at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// With the pods and their permissions.
    Deployment,
    Service,
    WebhookConfigurations,
}

const PARTS: [Part; 3] = [Part::Deployment, Part::Service, Part::WebhookConfigurations];

impl Part {
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Deployment => {
                &["Deployment", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"]
            }
            Self::Service => &["Service"],
            Self::WebhookConfigurations => {
                &["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]
            }
        }
    }
}

/// What becomes of a good write and of a bad one.
#[derive(Debug, PartialEq, Eq)]
enum Writes {
    Judged,
    Blocked,
    Unchecked,
}

#[tokio::test(flavor = "multi_thread")]
async fn in_every_order_writes_are_blocked_only_while_configurations_have_nobody_to_call() -> Result<()> {
    let mut installed = Installed::new().await?;
    let manifests = installed.manifests().await?;
    for order in orders(&PARTS) {
        let mut replica = Some(installed.reinstall(&manifests).await?);
        let mut gone = Vec::new();
        for part in &order {
            installed.delete(&manifests, part.kinds()).await?;
            if *part == Part::Deployment {
                replica.take().context("a replica")?.stop().await?;
            }
            gone.push(*part);
            installed.writes_are_as_expected_without(&gone).await?;
        }
        // as docs/install.md says, only the Secret and the namespace are left
        installed.secrets().get(SECRET).await.context("the Secret is left")?;
    }
    Ok(())
}

/// All permutations.
fn orders(parts: &[Part]) -> Vec<Vec<Part>> {
    if parts.is_empty() {
        return vec![Vec::new()];
    }
    let with_first = |first: &Part| {
        let rest: Vec<_> = parts.iter().copied().filter(|part| part != first).collect();
        orders(&rest).into_iter().map(|rest| [vec![*first], rest].concat()).collect::<Vec<_>>()
    };
    parts.iter().flat_map(with_first).collect()
}

impl Installed {
    async fn reinstall(&mut self, manifests: &[Value]) -> Result<Webhook> {
        for manifest in manifests {
            apply(&self.control_plane.client(), manifest).await?;
        }
        // the token of a service account that was deleted is void
        self.service_account =
            self.control_plane.service_account(NAME, NAME, self.api_server.address()).await?;
        let replica = self.start_replica(&LONG).await?;
        ready(&replica).await?;
        self.refuses_bad_endpoints().await?;
        Ok(replica)
    }

    /// Deletes those of these kinds.
    async fn delete(&self, manifests: &[Value], kinds: &[&str]) -> Result<()> {
        let client = self.control_plane.client();
        for manifest in manifests.iter().filter(|manifest| kinds.contains(&text(&manifest["kind"]))) {
            let name = text(&manifest["metadata"]["name"]);
            api(&client, manifest).delete(name, &DeleteParams::default()).await?;
        }
        Ok(())
    }

    async fn writes_are_as_expected_without(&self, gone: &[Part]) -> Result<()> {
        let is_gone = |part| gone.contains(&part);
        let expected: &[Writes] = if is_gone(Part::WebhookConfigurations) {
            &[Writes::Unchecked]
        } else if is_gone(Part::Deployment) {
            &[Writes::Blocked]
        } else if is_gone(Part::Service) {
            // an API server that is connected to the webhook already goes on calling it
            &[Writes::Judged, Writes::Blocked]
        } else {
            &[Writes::Judged]
        };
        eventually(&format!("{expected:?} without {gone:?}"), SOON, async || {
            let writes = self.writes().await?;
            Ok(match writes {
                Ok(writes) if expected.contains(&writes) => Seen::Done(()),
                other => Seen::NotYet(format!("{other:?}")),
            })
        })
        .await
    }

    /// What becomes of writes, or something that has no name.
    async fn writes(&self) -> Result<Result<Writes, String>> {
        let dry_run = PostParams { dry_run: true, ..PostParams::default() };
        let good = self.endpoints().create(&dry_run, &endpoint("good", "http://10.0.1.50/a/v1")).await;
        let bad = self.endpoints().create(&dry_run, &endpoint("bad", "http://[::1")).await;
        let is_blocked = |error: &kube::Error| error.to_string().contains("failed calling webhook");
        Ok(match (good, bad) {
            (Ok(good), Err(kube::Error::Api(bad)))
                if good.data["spec"]["rewritePath"] == "/a/" && bad.code == 422 =>
            {
                Ok(Writes::Judged)
            }
            (Ok(good), Ok(_)) if good.data["spec"]["rewritePath"].is_null() => Ok(Writes::Unchecked),
            (Err(good), Err(bad)) if is_blocked(&good) && is_blocked(&bad) => Ok(Writes::Blocked),
            other => Err(format!("{other:?}")),
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_its_definition_all_endpoints_go_and_the_webhook_judges_those_of_the_next_one() -> Result<()> {
    let installed = Installed::new().await?;
    let mut replica = installed.start_replica(&LONG).await?;
    ready(&replica).await?;
    installed.refuses_bad_endpoints().await?;
    installed.endpoints_go_with_their_definition().await?;
    installed.refuses_bad_endpoints().await?;

    // nobody answers: deletions go on
    let good = endpoint("good", "http://10.0.1.50/a/v1");
    installed.endpoints().create(&PostParams::default(), &good).await?;
    replica.stop().await?;
    installed.endpoints_go_with_their_definition().await
}

impl Installed {
    /// Deletes the definition of ModelEndpoint, and installs it again.
    async fn endpoints_go_with_their_definition(&self) -> Result<()> {
        let client = self.control_plane.client();
        let definitions = Api::<CustomResourceDefinition>::all(client.clone());
        let name = "modelendpoints.modelplane.ai";
        definitions.delete(name, &DeleteParams::default()).await?;
        eventually("the end of the definition", SOON, async || {
            let left = definitions.get_opt(name).await?;
            Ok(left.map_or(Seen::Done(()), |left| Seen::NotYet(format!("{:?}", left.status))))
        })
        .await?;
        install_crd(&client).await?;
        let left = self.endpoints().list(&ListParams::default()).await?.items;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    }
}
