//! A ModelEndpoint goes to the API server; what would be stored, or which rules refuse it, comes back.

use anyhow::{Context, Result, ensure};
use control_plane::ControlPlane;
use http_body_util::BodyExt;
use hyper::{Method, Request};
use kube::Client;
use kube::client::Body;
use modelendpoint_core::endpoint::rules::{self, Cel, Rule};
use serde_json::{Value, json};

use crate::sample::Sample;

/// The ModelEndpoints of a namespace. Every write is a dry run, unless it says otherwise.
#[derive(Clone)]
pub(crate) struct Endpoints {
    client: Client,
    namespace: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Stored {
        spec: Value,
        /// Ids of rules, in the catalogue's order.
        warnings: Vec<&'static str>,
    },
    /// By these rules, in the catalogue's order.
    Refused(Vec<&'static str>),
    /// By the schema, or because the call failed: what the API server says.
    Otherwise(String),
}

impl Endpoints {
    pub(crate) fn of(control_plane: &ControlPlane, namespace: &'static str) -> Self {
        Self { client: control_plane.client(), namespace }
    }

    pub(crate) async fn create(&self, sample: &Sample) -> Result<Verdict> {
        let object = self.object("e", sample);
        self.send(Method::POST, "?dryRun=All", "application/json", &object, sample).await
    }

    /// In the place of what is there.
    pub(crate) async fn replace(&self, name: &str, sample: &Sample) -> Result<Verdict> {
        let patch = json!([
            { "op": "add", "path": "/metadata/labels", "value": sample.labels },
            { "op": "add", "path": "/spec", "value": without_null(&sample.spec) },
        ]);
        self.send(
            Method::PATCH,
            &format!("/{name}?dryRun=All"),
            "application/json-patch+json",
            &patch,
            sample,
        )
        .await
    }

    /// Stores it.
    pub(crate) async fn store(&self, name: &str, sample: &Sample) -> Result<()> {
        let object = self.object(name, sample);
        let verdict = self.send(Method::POST, "", "application/json", &object, sample).await?;
        ensure!(matches!(verdict, Verdict::Stored { .. }), "{sample:?}: {verdict:?}");
        Ok(())
    }

    fn object(&self, name: &str, sample: &Sample) -> Value {
        json!({
            "apiVersion": "modelplane.ai/v1alpha1",
            "kind": "ModelEndpoint",
            "metadata": { "name": name, "namespace": self.namespace, "labels": sample.labels },
            "spec": sample.spec,
        })
    }

    async fn send(
        &self,
        method: Method,
        rest: &str,
        content_type: &str,
        body: &Value,
        sample: &Sample,
    ) -> Result<Verdict> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/apis/modelplane.ai/v1alpha1/namespaces/{}/modelendpoints{rest}", self.namespace))
            .header("content-type", content_type);
        if let Some(user) = &sample.user {
            request = request.header("impersonate-user", user).header("impersonate-group", "system:masters");
        }
        let request = request.body(Body::from(body.to_string().into_bytes()))?;
        let response = self.client.send(request).await?;
        let headers = response.headers().get_all("warning").iter();
        let told: Vec<String> =
            headers.map(|header| String::from_utf8_lossy(header.as_bytes()).into_owned()).collect();
        let is_stored = response.status().is_success();
        let mut body: Value = serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?;
        if is_stored {
            return Ok(Verdict::Stored { spec: body["spec"].take(), warnings: rules_in(&told.join("\n")) });
        }
        let message = body["message"].as_str().context("a message")?;
        let refused_by = rules_in(message);
        ensure!(refused_by.is_empty() || (body["code"] == 422 && body["reason"] == "Invalid"), "{body}");
        Ok(if refused_by.is_empty() {
            Verdict::Otherwise(message.to_owned())
        } else {
            Verdict::Refused(refused_by)
        })
    }
}

/// The rules whose ids a text has in brackets, of those that policies judge.
fn rules_in(text: &str) -> Vec<&'static str> {
    let judged = rules::ALL.into_iter().filter(|rule| is_judged_by_policies(rule));
    judged.map(|rule| rule.id).filter(|id| text.contains(&format!(" [{id}]"))).collect()
}

/// Whether the rule has an expression.
pub(crate) fn is_judged_by_policies(rule: &Rule) -> bool {
    !matches!(rule.cel, Cel::Webhook(_))
}

/// The API server drops a null.
fn without_null(spec: &Value) -> Value {
    let fields = spec.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    fields.map(|(key, value)| (key.clone(), value.clone())).collect()
}
