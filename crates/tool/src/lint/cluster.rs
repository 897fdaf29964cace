//! A cluster in, what the webhook would say of the ModelEndpoints that it stores out.

use anyhow::{Context, anyhow};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Client, Config};
use serde_json::Value as Json;

use super::run::SourceReport;
use super::sources::Source;
use modelendpoint_core::endpoint::gate::{Decision, GROUP, KIND, PLURAL, VERSION};
use modelendpoint_core::endpoint::{Spec, Value};
use modelendpoint_lint::check::{Checked, Terms, findings_of};
use modelendpoint_lint::finding::Name;

/// Which endpoints to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope<'a> {
    /// Of this namespace, or of the one that the kubeconfig names.
    Namespace(Option<&'a str>),
    All,
}

/// So many objects come at a time.
const PAGE: u32 = 500;

/// Reads and judges every stored ModelEndpoint, as if it were written today.
///
/// # Errors
/// What to change, when the cluster can't be asked.
pub(crate) async fn check(scope: Scope<'_>, terms: Terms<'_>) -> anyhow::Result<SourceReport> {
    let config =
        Config::infer().await.map_err(|error| anyhow!("found no cluster to ask; set KUBECONFIG: {error}"))?;
    let default = config.default_namespace.clone();
    let client = Client::try_from(config).context("cannot talk to the cluster")?;
    let kind = GroupVersionKind::gvk(GROUP, VERSION, KIND);
    let resource = ApiResource::from_gvk_with_plural(&kind, PLURAL);
    let endpoints: Api<DynamicObject> = match scope {
        Scope::All => Api::all_with(client, &resource),
        Scope::Namespace(name) => Api::namespaced_with(client, name.unwrap_or(&default), &resource),
    };
    let mut checked = Checked::default();
    let mut page = ListParams::default().limit(PAGE);
    loop {
        let list = endpoints.list(&page).await.map_err(|error| unreadable(&error))?;
        for object in &list.items {
            check_object(object, terms, &mut checked);
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => break,
        }
    }
    Ok(SourceReport { source: Source::Cluster, text: String::new(), checked, fixed: None })
}

fn check_object(object: &DynamicObject, terms: Terms<'_>, checked: &mut Checked) {
    let metadata = &object.metadata;
    let name = Name {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
    };
    checked.count.endpoints += 1;
    let field = |key: &str| match object.data.get("spec").and_then(|spec| spec.get(key)) {
        None | Some(Json::Null) => Value::Absent,
        Some(Json::String(text)) => Value::Text(text.as_str()),
        Some(_) => Value::NotText,
    };
    let spec = Spec { url: field("url"), rewrite_path: field("rewritePath") };
    let decision = Decision::on_create(spec, (terms.policy, &name.namespace));
    let findings = findings_of(&decision, spec).into_iter().map(|(_, finding)| finding).collect();
    checked.add(&decision, findings, &name);
}

fn unreadable(error: &kube::Error) -> anyhow::Error {
    match error {
        kube::Error::Api(status) if status.code == 404 => {
            anyhow!("the cluster knows no ModelEndpoints: is Modelplane installed there?")
        }
        kube::Error::Api(status) => anyhow!("cannot list the ModelEndpoints: {}", status.message),
        _ => anyhow!("cannot ask the cluster: {error}"),
    }
}
