//! The ways to admit that are held against each other, each for a namespace of its own.

use std::time::Duration;

use anyhow::Result;
use control_plane::{ControlPlane, Seen, apply, eventually};
use kube::Client;
use serde_json::json;

use crate::creates::{Endpoints, composed};
use crate::server::Server;
use crate::{policies, webhooks};

pub(crate) struct Variant {
    pub name: &'static str,
    pub namespace: &'static str,
    /// How many calls a create of a composed endpoint makes.
    pub calls: u32,
    admits: Admits,
}

enum Admits {
    Everything,
    Webhooks { from: Answers, changed: webhooks::Change },
    Policies,
}

enum Answers {
    Webhook,
    Constant,
}

/// Where the servers are.
pub(crate) struct Serving {
    pub webhook: u16,
    pub constant: u16,
    pub ca_bundle: String,
}

/// The namespaces of those whose decisions are compared as well.
pub(crate) const WEBHOOK: &str = "bench-webhook";
pub(crate) const POLICIES: &str = "bench-policies";
pub(crate) const SKIPPED: &str = "bench-skipped";

/// The first is what the others are compared with.
pub(crate) const VARIANTS: [Variant; 6] = [
    Variant { name: "no admission", namespace: "bench-none", calls: 0, admits: Admits::Everything },
    Variant {
        name: "the same rules as CEL policies",
        namespace: POLICIES,
        calls: 0,
        admits: Admits::Policies,
    },
    Variant {
        name: "webhook as in deploy/",
        namespace: WEBHOOK,
        calls: 1,
        admits: Admits::Webhooks { from: Answers::Webhook, changed: webhooks::Change::Nothing },
    },
    Variant {
        name: "constant answer in its place",
        namespace: "bench-constant",
        calls: 1,
        admits: Admits::Webhooks { from: Answers::Constant, changed: webhooks::Change::Nothing },
    },
    Variant {
        name: "webhook without `is-not-in-normal-form`",
        namespace: "bench-both",
        calls: 2,
        admits: Admits::Webhooks { from: Answers::Webhook, changed: webhooks::Change::AlwaysMutate },
    },
    Variant {
        name: "webhook, and a condition that skips /validate too",
        namespace: SKIPPED,
        calls: 0,
        admits: Admits::Webhooks { from: Answers::Webhook, changed: webhooks::Change::SkipComposed },
    },
];

const ACTS_WITHIN: Duration = Duration::from_mins(1);

impl Variant {
    pub(crate) async fn register(&self, control_plane: &ControlPlane, serving: &Serving) -> Result<()> {
        let client = control_plane.client();
        let namespace =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": self.namespace } });
        apply(&client, &namespace).await?;
        match &self.admits {
            Admits::Everything => Ok(()),
            Admits::Policies => policies::register(control_plane, self.namespace).await,
            Admits::Webhooks { from, changed } => {
                let port = match from {
                    Answers::Webhook => serving.webhook,
                    Answers::Constant => serving.constant,
                };
                webhooks::register(control_plane, self.namespace, port, &serving.ca_bundle, *changed).await
            }
        }
    }

    /// Waits until kube-apiserver, which hears of a configuration some time after it is stored, acts on it.
    pub(crate) async fn acts(&self, client: &Client, server: &Server) -> Result<()> {
        let endpoints = Endpoints::of(client.clone(), self.namespace);
        eventually(&format!("admission by {}", self.name), ACTS_WITHIN, async || {
            if matches!(self.admits, Admits::Policies) {
                return policies::act(&endpoints).await;
            }
            let answer = endpoints.create("does-it-act", &composed()).await?;
            let (calls, exclusions) = (server.calls(self).await?, server.exclusions(self).await?);
            let expected = match self.admits {
                Admits::Webhooks { .. } => (self.calls, webhooks::COUNT - self.calls),
                Admits::Everything | Admits::Policies => (0, 0),
            };
            Ok(if answer.is_created && calls >= expected.0 && exclusions >= expected.1 {
                Seen::Done(())
            } else {
                Seen::NotYet(format!("{calls} calls, {exclusions} exclusions: {}", answer.body))
            })
        })
        .await
    }
}
