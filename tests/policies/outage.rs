//! The webhook fails in every way, under writes: what becomes of good and of bad ones, with the backstop and without.
//!
//! `OUTAGE_SECONDS=30 cargo test --test policies outage -- --nocapture` prints the table of docs/reliability.md.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use control_plane::{ControlPlane, Webhook, WebhookCertificates, apply, kustomize};
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Service;
use kube::api::{Api, Patch, PatchParams, PostParams};
use modelendpoint_core::endpoint::{Generation, Policy};
use serde_json::json;

use crate::garbage::Garbage;
use crate::load::{Load, Outcome, Writes};
use crate::world::{BINARY, bare, deploy, has_defaults, install_policies, test};

const NAME: &str = "modelendpoint-webhook";
const HOST: &str = "modelendpoint-webhook.modelendpoint-webhook.svc";

/// In what way every replica fails.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Stopped,
    Hangs,
    WrongCertificate,
    Garbage,
    NoEndpoints,
}

const FAULTS: [(Fault, &str); 5] = [
    (Fault::Stopped, "stopped"),
    (Fault::Hangs, "hang (SIGSTOP)"),
    (Fault::WrongCertificate, "serve a certificate of another CA"),
    (Fault::Garbage, "answer garbage"),
    (Fault::NoEndpoints, "the Service has no endpoints"),
];

#[test]
fn an_outage_blocks_no_good_write_and_lets_no_bad_one_in_with_the_backstop() {
    test(compare(Generation::Url));
}

#[test]
fn an_outage_blocks_no_good_origin_and_lets_no_bad_one_in_with_the_backstop() {
    test(compare(Generation::Origin));
}

async fn compare(generation: Generation) -> Result<()> {
    let closed = outages("", generation).await?;
    let backed = outages("overlays/backstop", generation).await?;
    println!(
        "| fault | good writes that failed, fail closed | worst latency | with the backstop | worst \
             latency | bad ones stored |"
    );
    println!("|---|---|---|---|---|---|");
    for (((_, name), closed), backed) in FAULTS.iter().zip(&closed).zip(&backed) {
        println!(
            "| {name} | {} of {} | {:.1?} | {} of {} | {:.1?} | {} and {} of {} |",
            closed.failed.len(),
            closed.good,
            closed.slowest,
            backed.failed.len(),
            backed.good,
            backed.slowest,
            closed.bad_stored,
            backed.bad_stored,
            closed.bad + backed.bad,
        );
    }
    for (outcome, (_, name)) in backed.iter().zip(FAULTS) {
        assert_eq!(outcome.failed, Vec::<String>::new(), "{name}");
        assert_eq!(outcome.bad_stored, 0, "{name}");
        assert!(outcome.good > 0 && outcome.bad > 0, "{name}: {outcome:?}");
    }
    // it is an outage indeed
    assert!(closed.iter().all(|outcome| !outcome.failed.is_empty() && outcome.bad_stored == 0), "{closed:?}");
    Ok(())
}

/// What came of each fault, with this overlay.
async fn outages(overlay: &str, generation: Generation) -> Result<Vec<Outcome>> {
    let seconds = std::env::var("OUTAGE_SECONDS").map_or(Ok(3), |seconds| seconds.parse())?;
    let mut installed = Installed::start(overlay, generation).await?;
    let mut outcomes = Vec::new();
    for (fault, _) in FAULTS {
        installed.start_fault(fault).await?;
        // what the API server does not hear of meanwhile is no outage, and the load is none the worse
        tokio::time::sleep(Duration::from_secs(1)).await;
        let writes = Writes::of(generation, installed.has_defaults);
        let load = Load::start(&installed.control_plane, &writes);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        outcomes.push(load.stop().await?);
        installed.end_fault(fault).await?;
    }
    Ok(outcomes)
}

struct Installed {
    control_plane: ControlPlane,
    webhook: Webhook,
    certificates: WebhookCertificates,
    garbage: Garbage,
    has_defaults: bool,
}

impl Installed {
    async fn start(overlay: &str, generation: Generation) -> Result<Self> {
        let control_plane = bare(generation).await?;
        let certificates = WebhookCertificates::new(&[HOST])?;
        let webhook = Webhook::start(Path::new(BINARY), &certificates.serve_arguments()).await?;
        let directory = deploy().join(overlay);
        let port = webhook.address().port();
        control_plane.register_webhooks(&directory, port, &certificates.ca_bundle()).await?;
        let has_policies = kustomize(&directory)
            .await?
            .iter()
            .any(|object| object["metadata"]["name"] == "modelendpoint-rules");
        if has_policies {
            install_policies(&control_plane, generation, &Policy::NONE, &["default"]).await?;
        }
        let has_defaults = !has_policies || has_defaults(&control_plane)?;
        let garbage = Garbage::serve(&certificates).await?;
        Ok(Installed { control_plane, webhook, certificates, garbage, has_defaults })
    }

    async fn start_fault(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Stopped => ensure!(self.webhook.stop().await? == 0),
            Fault::Hangs => self.webhook.freeze()?,
            Fault::WrongCertificate => {
                let other = WebhookCertificates::new(&[HOST])?.ca_bundle();
                self.call(self.webhook.address().port(), &other).await?;
            }
            Fault::Garbage => self.call(self.garbage.port(), &self.certificates.ca_bundle()).await?,
            Fault::NoEndpoints => self.service(json!({
                "type": "ClusterIP", "externalName": null, "ports": [{ "port": self.webhook.address().port() }],
            })).await?,
        }
        Ok(())
    }

    async fn end_fault(&mut self, fault: Fault) -> Result<()> {
        match fault {
            Fault::Stopped => {
                self.webhook = Webhook::start(Path::new(BINARY), &self.certificates.serve_arguments()).await?;
                self.call(self.webhook.address().port(), &self.certificates.ca_bundle()).await
            }
            Fault::Hangs => self.webhook.thaw(),
            Fault::WrongCertificate | Fault::Garbage => {
                self.call(self.webhook.address().port(), &self.certificates.ca_bundle()).await
            }
            Fault::NoEndpoints => self.service(json!({
                "type": "ExternalName", "externalName": "localhost", "ports": null, "clusterIP": null, "clusterIPs": null,
            })).await,
        }
    }

    /// Has the API server call this port of localhost, and trust this CA.
    async fn call(&self, port: u16, ca_bundle: &str) -> Result<()> {
        let ca_bundle = serde_json::to_value(ByteString(ca_bundle.as_bytes().to_vec()))?;
        let client = self.control_plane.client();
        for kind in ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] {
            let object = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind });
            let configurations = control_plane::api(&client, &object);
            let Some(mut configuration) = configurations.get_opt(NAME).await? else { continue };
            for webhook in configuration.data["webhooks"].as_array_mut().context("webhooks")? {
                webhook["clientConfig"]["caBundle"] = ca_bundle.clone();
                webhook["clientConfig"]["service"]["port"] = port.into();
            }
            configurations.replace(NAME, &PostParams::default(), &configuration).await?;
        }
        Ok(())
    }

    async fn service(&self, spec: serde_json::Value) -> Result<()> {
        let services = Api::<Service>::namespaced(self.control_plane.client(), NAME);
        services.patch(NAME, &PatchParams::default(), &Patch::Merge(json!({ "spec": spec }))).await?;
        Ok(())
    }
}

#[test]
fn the_webhook_speaks_first_and_the_policies_where_it_is_silent() {
    test(async {
        let mut installed = Installed::start("overlays/backstop", Generation::Url).await?;
        let configurations = Api::<MutatingWebhookConfiguration>::all(installed.control_plane.client());
        let configuration = configurations.get(NAME).await?;
        let webhook = configuration.webhooks.into_iter().flatten().next().context("a webhook")?;
        assert_eq!(webhook.failure_policy.as_deref(), Some("Ignore"));

        let bad = json!({
            "apiVersion": "modelplane.ai/v1alpha1",
            "kind": "ModelEndpoint",
            "metadata": { "name": "bad", "namespace": "default" },
            "spec": { "url": "ftp://user:s3cret@vllm/v1", "rewritePath": "openai/" },
        });
        let refused = refusal(&installed.control_plane, &bad).await?;
        assert!(
            refused.starts_with(
                "admission webhook \"mutate.modelendpoints.modelplane.ai\" denied the request: \
                 ModelEndpoint.modelplane.ai \"bad\" is invalid: spec.url: has the scheme `…`"
            ),
            "{refused}"
        );
        assert_eq!(installed.webhook.stop().await?, 0);
        let refused = refusal(&installed.control_plane, &bad).await?;
        assert_eq!(
            refused,
            "modelendpoints.modelplane.ai \"bad\" is forbidden: ValidatingAdmissionPolicy \
             'modelendpoint-rules' with binding 'modelendpoint-rules' denied request: spec.url: has a scheme \
             other than http and https, and the gateway would send plaintext to port 80; write `http://` or \
             `https://` [url-scheme]; spec.url: contains a user name or a password before an `@`: it is \
             stored in clear text and never sent; leave it out, and keep credentials in a Secret \
             [url-userinfo]; spec.url: has a single-label host, which EndpointSlice refuses; write the full \
             name, for a Service `<service>.<namespace>.svc.cluster.local` [url-host]; spec.rewritePath: \
             does not start with `/`, so the gateway would send a malformed request; write only the path, \
             with its leading slash [rewrite-path-absolute]"
        );
        Ok(())
    });
}

/// The message of a refusal that Crossplane and kubectl take for the user's mistake.
async fn refusal(control_plane: &ControlPlane, object: &serde_json::Value) -> Result<String> {
    let error = apply(&control_plane.client(), object).await.expect_err("a refusal");
    match error.downcast_ref::<kube::Error>() {
        Some(kube::Error::Api(status)) => {
            assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
            Ok(status.message.clone())
        }
        _ => Err(error),
    }
}
