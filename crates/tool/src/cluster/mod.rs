//! A cluster in; what it stores, page by page, and what changes there, out.
//!
//! ```text
//! access       flags in, a client out
//! ask          a request in, an answer out
//!  ├─ pages       a collection, page by page
//!  └─ changes     what happens after
//! failure      why a request failed, and when to make it again
//! policies     whether its admission policies are up to date
//! ```
//!
//! Both read only the judged parts of an object, so that memory depends on the size of a page and not of the cluster.

pub(crate) mod access;
pub(crate) mod ask;
pub(crate) mod changes;
pub(crate) mod failure;
pub(crate) mod pages;
pub(crate) mod policies;

use std::collections::BTreeMap;

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::{Client, Resource};
use serde::Deserialize;
use serde_json::Value as Json;

use modelendpoint_core::endpoint::gate::{Decision, GROUP, KIND, PLURAL, VERSION};
use modelendpoint_core::endpoint::{CLUSTER_LABEL, Generation, Spec, Value};
use modelendpoint_lint::check::{Terms, findings_of};
use modelendpoint_lint::finding::Finding;
use modelendpoint_lint::generation::of_other_generation;

/// The judged parts of a ModelEndpoint.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Stored {
    pub(crate) metadata: Metadata,
    #[serde(default)]
    spec: Json,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) resource_version: String,
    labels: BTreeMap<String, String>,
}

/// The path of the ModelEndpoints of one namespace or of all.
pub(crate) fn endpoints_path(namespace: Option<&str>) -> String {
    let kind = GroupVersionKind::gvk(GROUP, VERSION, KIND);
    DynamicObject::url_path(&ApiResource::from_gvk_with_plural(&kind, PLURAL), namespace)
}

/// The fields of the cluster's ModelEndpoints, according to their definition. `None` if there is no permission to
/// read it.
pub(crate) async fn served_generation(client: &Client) -> Option<Generation> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
    ));
    let definitions = Api::<DynamicObject>::all_with(client.clone(), &resource);
    let definition = definitions.get(&format!("{PLURAL}.{GROUP}")).await.ok()?;
    let versions = definition.data.pointer("/spec/versions")?.as_array()?;
    let version = versions.iter().find(|version| version["name"] == VERSION)?;
    let fields = version.pointer("/schema/openAPIV3Schema/properties/spec/properties")?;
    match (fields.get("url"), fields.get("origin")) {
        (Some(_), None) => Some(Generation::Url),
        (None, Some(_)) => Some(Generation::Origin),
        _ => None,
    }
}

impl Stored {
    /// The findings about it, as if it were written today. With the decision of the webhook, unless it has the fields
    /// of another version of Modelplane.
    pub(crate) fn judged(&self, terms: Terms<'_>) -> (Option<Decision<'_>>, Vec<Finding>) {
        let spec = self.spec();
        if let Some(finding) = of_other_generation(&spec, terms.generation) {
            return (None, vec![finding]);
        }
        let decision = Decision::on_create(spec, &terms.policy.here(&self.metadata.namespace));
        let findings = findings_of(&decision, spec).into_iter().map(|(_, finding)| finding).collect();
        (Some(decision), findings)
    }

    /// What the rules judge.
    fn spec(&self) -> Spec<'_> {
        let labels = &self.metadata.labels;
        Spec::read(|field| match field.keys() {
            ["spec", keys @ ..] => match keys.iter().try_fold(&self.spec, |json, key| json.get(key)) {
                None | Some(Json::Null) => Value::Absent,
                Some(Json::String(text)) => Value::Text(text.as_str()),
                Some(_) => Value::NotText,
            },
            _ => labels.get(CLUSTER_LABEL).map_or(Value::Absent, |cluster| Value::Text(cluster)),
        })
    }
}
