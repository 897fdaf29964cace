//! Checks that a webhook configuration is as it was installed: which writes the API server asks about, and whom it
//! asks. If somebody changes these, bad endpoints may be admitted, or objects may be sent to somebody else's server.
//!
//! In: a configuration as it was seen, and the manifest of this version. Out: the fields that differ.

use std::fmt;

use k8s_openapi::api::admissionregistration::v1::{MatchCondition, RuleWithOperations, WebhookClientConfig};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::configuration::Service;
use modelendpoint_core::admission::{Hook, Operation};
use modelendpoint_core::endpoint::gate::{GROUP, PLURAL};
use modelendpoint_yaml::{Kind, parse};

/// A webhook of a configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Webhook<'a> {
    pub name: &'a str,
    pub client: &'a WebhookClientConfig,
    pub rules: &'a [RuleWithOperations],
    pub selectors: [Option<&'a LabelSelector>; 2],
    pub conditions: &'a [MatchCondition],
    pub failure_policy: Option<&'a str>,
}

/// The fields that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// With the selectors, which narrow them.
    Rules,
    ClientConfig,
    MatchConditions,
    FailurePolicy,
}

impl Field {
    pub const ALL: [Self; 4] = [Self::Rules, Self::ClientConfig, Self::MatchConditions, Self::FailurePolicy];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::ClientConfig => "clientConfig",
            Self::MatchConditions => "matchConditions",
            Self::FailurePolicy => "failurePolicy",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.name())
    }
}

/// The fields in which any webhook of a configuration differs from the manifest.
pub(crate) fn differences<'a>(
    webhooks: impl Iterator<Item = Webhook<'a>>,
    manifest: &str,
    service: &Service,
) -> Vec<Field> {
    let webhooks: Vec<_> = webhooks.collect();
    let conditions = conditions(manifest);
    let differs = |field: &Field| {
        webhooks.is_empty()
            || webhooks.iter().any(|webhook| match field {
                Field::Rules => !is_about_endpoints(webhook),
                Field::ClientConfig => !calls(webhook.client, service),
                Field::MatchConditions => {
                    let expected = conditions.iter().filter(|(name, _)| !admits(webhook) || name == JUDGED);
                    !webhook
                        .conditions
                        .iter()
                        .map(|condition| (condition.name.as_str(), condition.expression.as_str()))
                        .eq(expected.map(|(name, expression)| (name.as_str(), expression.as_str())))
                }
                // where `/admit` is called, admission policies refuse during an outage
                Field::FailurePolicy => {
                    webhook.failure_policy != Some("Fail")
                        && !(admits(webhook) && webhook.failure_policy == Some("Ignore"))
                }
            })
    };
    Field::ALL.into_iter().filter(differs).collect()
}

/// The one condition under which a write is judged.
const JUDGED: &str = "changes-where-it-leads";

/// Whether it calls `/admit`, as in deploy/overlays/backstop.
fn admits(webhook: &Webhook<'_>) -> bool {
    let service = webhook.client.service.as_ref();
    service.and_then(|service| service.path.as_deref()) == Some(Hook::Admit.path())
}

fn is_about_endpoints(webhook: &Webhook<'_>) -> bool {
    let is = |values: &Option<Vec<String>>, wanted: &str| values.as_deref() == Some(&[wanted.to_owned()]);
    let only_endpoints =
        webhook.rules.iter().all(|rule| is(&rule.api_groups, GROUP) && is(&rule.resources, PLURAL));
    let asks_about = |operation: Operation| {
        let mut operations = webhook.rules.iter().flat_map(|rule| rule.operations.iter().flatten());
        operations.any(|asked| asked == operation.name() || asked == "*")
    };
    let is_empty = |selector: &LabelSelector| *selector == LabelSelector::default();
    only_endpoints
        && asks_about(Operation::Create)
        && asks_about(Operation::Update)
        && webhook.selectors.into_iter().flatten().all(is_empty)
}

fn calls(client: &WebhookClientConfig, service: &Service) -> bool {
    let called = client.service.as_ref();
    client.url.is_none()
        && called.is_some_and(|called| {
            let path = called.path.as_deref().unwrap_or_default();
            called.name == service.name && called.namespace == service.namespace && Hook::at(path).is_some()
        })
}

/// The names and expressions in the manifest of a configuration with one webhook.
fn conditions(manifest: &str) -> Vec<(String, String)> {
    let documents = parse(manifest);
    let Some(Ok(document)) = documents.first() else { return Vec::new() };
    let items =
        |mapping, key: &str| match document.get(mapping, key).map(|entry| &document.node(entry.value).kind) {
            Some(Kind::Sequence(items)) => items.clone(),
            _ => Vec::new(),
        };
    let text = |mapping, key: &str| document.text(mapping, key).unwrap_or_default().to_owned();
    let webhooks = items(document.root(), "webhooks").into_iter();
    let conditions = webhooks.flat_map(|webhook| items(webhook, "matchConditions"));
    conditions.map(|condition| (text(condition, "name"), text(condition, "expression"))).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
    use serde_json::{Value, json};

    use super::super::configuration::Configuration;
    use super::*;

    fn service() -> Service {
        Service { namespace: "w".to_owned(), name: "w".to_owned() }
    }

    /// What differs in a configuration with this change.
    fn changed(change: impl Fn(&mut Value)) -> Vec<Field> {
        let manifest = MutatingWebhookConfiguration::MANIFEST;
        let conditions: Vec<_> = conditions(manifest)
            .into_iter()
            .map(|(name, expression)| json!({ "name": name, "expression": expression }))
            .collect();
        assert!(!conditions.is_empty());
        let mut webhooks = json!([{
            "name": "a",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "failurePolicy": "Fail",
            "namespaceSelector": {},
            "objectSelector": {},
            "clientConfig": { "service": { "namespace": "w", "name": "w", "path": "/mutate", "port": 8443 } },
            "rules": [{
                "apiGroups": ["modelplane.ai"],
                "apiVersions": ["v1alpha1"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["modelendpoints"],
            }],
            "matchConditions": conditions,
        }]);
        change(&mut webhooks);
        let configuration = json!({ "metadata": {}, "webhooks": webhooks });
        let configuration: MutatingWebhookConfiguration = serde_json::from_value(configuration).unwrap();
        differences(configuration.webhooks(), manifest, &service())
    }

    #[test]
    fn the_manifest_does_not_differ() {
        assert_eq!(changed(|_| ()), []);
    }

    #[test]
    fn what_is_sent_elsewhere_or_not_at_all_differs() {
        let everything = json!(["*"]);
        assert_eq!(changed(|w| w[0]["rules"][0]["resources"] = everything.clone()), [Field::Rules]);
        assert_eq!(changed(|w| w[0]["rules"][0]["apiGroups"] = everything.clone()), [Field::Rules]);
        assert_eq!(changed(|w| w[0]["rules"][0]["operations"] = json!(["CREATE"])), [Field::Rules]);
        assert_eq!(changed(|w| w[0]["rules"] = json!([])), [Field::Rules]);
        let some = json!({ "matchLabels": { "a": "b" } });
        assert_eq!(changed(|w| w[0]["namespaceSelector"] = some.clone()), [Field::Rules]);
        let elsewhere = json!({ "url": "https://192.0.2.1/" });
        assert_eq!(changed(|w| w[0]["clientConfig"] = elsewhere.clone()), [Field::ClientConfig]);
        let another = json!({ "namespace": "w", "name": "x", "path": "/mutate" });
        assert_eq!(changed(|w| w[0]["clientConfig"]["service"] = another.clone()), [Field::ClientConfig]);
        let never = json!([{ "name": "never", "expression": "false" }]);
        assert_eq!(changed(|w| w[0]["matchConditions"] = never.clone()), [Field::MatchConditions]);
        assert_eq!(changed(|w| w[0]["failurePolicy"] = json!("Ignore")), [Field::FailurePolicy]);
        assert_eq!(changed(|w| *w = json!([])), Field::ALL);
    }

    #[test]
    fn behind_admit_only_what_the_backstop_changes_is_fine() {
        let backstop = |w: &mut Value| {
            w[0]["clientConfig"]["service"]["path"] = json!("/admit");
            w[0]["failurePolicy"] = json!("Ignore");
            w[0]["matchConditions"].as_array_mut().unwrap().retain(|condition| condition["name"] == JUDGED);
        };
        assert_eq!(changed(backstop), []);
        let never = json!([{ "name": "never", "expression": "false" }]);
        assert_eq!(
            changed(|w| {
                backstop(w);
                w[0]["matchConditions"] = never.clone();
            }),
            [Field::MatchConditions]
        );
    }

    #[test]
    fn a_webhook_of_somebody_else_differs() {
        let added = |webhooks: &mut Value| {
            let mut another = webhooks[0].clone();
            another["name"] = json!("b");
            another["clientConfig"] = json!({ "url": "https://192.0.2.1/" });
            webhooks.as_array_mut().unwrap().push(another);
        };
        assert_eq!(changed(added), [Field::ClientConfig]);
    }
}
