//! A policy in; whether the cluster's admission policies are those that this version makes of it, out.

use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use modelendpoint_admission_policies::{Minor, manifests};
use modelendpoint_core::endpoint::Policy;
use serde_json::Value;

/// A sentence for the person who checks the cluster. `None` if the cluster has no policies of ours, or none that may be
/// read.
pub(crate) async fn compared(client: &Client, policy: &Policy) -> Option<String> {
    let made = manifests(policy, minor(client).await?).ok()?.objects;
    let mut stored = Vec::new();
    for object in &made {
        stored.push(get(client, object).await?);
    }
    if stored.iter().all(Option::is_none) {
        return None;
    }
    let faults: Vec<_> = made
        .iter()
        .zip(&stored)
        .filter_map(|(made, stored)| Some(format!("{} {}", named(made), fault(made, stored.as_ref())?)))
        .collect();
    Some(match faults.as_slice() {
        [] => {
            "the cluster's admission policies are those that this version makes of the policy file".to_owned()
        }
        faults => format!(
            "the cluster's admission policies are not those that this version makes of the policy file: {}; apply \
             what `modelendpoint policies` prints",
            faults.join(", ")
        ),
    })
}

/// What is wrong with a stored object. A binding may have other actions, and the warnings may be left out.
fn fault(made: &Value, stored: Option<&Value>) -> Option<&'static str> {
    let is_binding = made["spec"]["policyName"].is_string();
    match stored {
        None if made["metadata"]["name"] == "modelendpoint-warnings" => None,
        None => Some("is missing"),
        Some(stored) if is_binding || contains(stored, &made["spec"]) => None,
        Some(_) => Some("differs"),
    }
}

fn named(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{} `{}`", text(&object["kind"]), text(&object["metadata"]["name"]))
}

/// Whether a stored value has all that was made: the API server adds defaults to it.
fn contains(stored: &Value, made: &Value) -> bool {
    match (stored, made) {
        (Value::Object(stored), Value::Object(made)) => {
            made.iter().all(|(key, made)| stored.get(key).is_some_and(|stored| contains(stored, made)))
        }
        (Value::Array(stored), Value::Array(made)) => {
            stored.len() == made.len() && stored.iter().zip(made).all(|(stored, made)| contains(stored, made))
        }
        _ => stored == made,
    }
}

async fn minor(client: &Client) -> Option<Minor> {
    let version = client.apiserver_version().await.ok()?;
    // Some distributions add a plus sign.
    let minor = version.minor.trim_end_matches(|c: char| !c.is_ascii_digit());
    format!("{}.{minor}", version.major).parse().ok()
}

/// The spec of the stored object of the same kind and name, `Some(None)` if there is none, and `None` if that is
/// unknown.
async fn get(client: &Client, object: &Value) -> Option<Option<Value>> {
    let (group, version) = object["apiVersion"].as_str()?.split_once('/')?;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, object["kind"].as_str()?));
    let objects = Api::<DynamicObject>::all_with(client.clone(), &resource);
    let found = objects.get_opt(object["metadata"]["name"].as_str()?).await.ok()?;
    Some(found.map(|found| found.data["spec"].clone()))
}
