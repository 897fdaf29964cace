//! What is kept in deploy/ is what the generator makes, and the webhook configurations have the same conditions.

use modelendpoint_admission_policies::{Impossible, Minor, manifests};
use modelendpoint_core::endpoint::Policy;
use modelendpoint_core::endpoint::policy::{NamespacePattern, Override};
use serde_json::Value;

fn made(minor: &str) -> Vec<Value> {
    let minor = minor.parse().expect("a minor version");
    manifests(&Policy::NONE, minor).expect("policies").objects
}

#[test]
fn the_policies_in_deploy_are_up_to_date() {
    let made = manifests(&Policy::NONE, Minor::NEWEST).expect("policies").to_string();
    let kept = include_str!("../../../deploy/policies/policies.yaml");
    assert!(
        made == kept,
        "deploy/policies/policies.yaml is out of date; make it again: cargo run --package modelendpoint -- policies > \
         deploy/policies/policies.yaml"
    );
}

#[test]
fn a_write_is_judged_under_the_conditions_of_the_webhooks() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let configurations = [
        words(include_str!("../../../deploy/base/mutating-webhook-configuration.yaml")),
        words(include_str!("../../../deploy/base/validating-webhook-configuration.yaml")),
    ];
    for object in made("1.37") {
        let is_mutating = object["kind"] == "MutatingAdmissionPolicy";
        for condition in object["spec"]["matchConditions"].as_array().into_iter().flatten() {
            let expression = words(condition["expression"].as_str().expect("an expression"));
            // what the expressions need, and the webhook does not
            if condition["name"] != "is-text" {
                assert!(configurations[usize::from(!is_mutating)].contains(&expression), "{expression}");
            }
        }
    }
}

#[test]
fn what_a_minor_version_does_not_serve_is_left_out_with_a_comment() {
    let kinds = |minor| {
        let objects = made(minor).into_iter();
        objects.map(|object| object["kind"].as_str().expect("a kind").to_owned()).collect::<Vec<_>>()
    };
    let validating = ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"].repeat(2);
    assert_eq!(kinds("1.35"), validating);
    let all = [&["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"][..], &validating].concat();
    assert_eq!(kinds("1.36"), all);
    let text =
        manifests(&Policy::NONE, "1.34".parse().expect("a minor version")).expect("policies").to_string();
    assert!(
        text.contains("\n# Kubernetes 1.34 has MutatingAdmissionPolicy behind a feature gate only"),
        "{text}"
    );
}

#[test]
fn a_policy_moves_rules_and_turns_them_off() {
    use modelendpoint_core::endpoint::policy::Level;
    let mut policy = Policy::NONE;
    policy.set("url-query", Level::Warn);
    policy.set("url-fragment", Level::Off);
    let made = manifests(&policy, Minor::NEWEST).expect("policies");
    let policy_of = |name: &str| {
        let is_it =
            |object: &&Value| object["metadata"]["name"] == name && object["spec"]["variables"].is_array();
        made.objects.iter().find(is_it).expect("a policy").to_string()
    };
    let [denying, warning] = ["modelendpoint-rules", "modelendpoint-warnings"].map(policy_of);
    assert_eq!([&denying, &warning].map(|policy| policy.contains("[url-query]")), [false, true]);
    assert_eq!([&denying, &warning].map(|policy| policy.contains("[url-fragment]")), [false, false]);
}

/// One policy holds for the whole cluster.
#[test]
fn a_policy_with_overrides_is_refused() {
    let mut policy = Policy::NONE;
    policy.overrides.extend([Override { namespaces: vec![NamespacePattern::any()], ..Override::default() }]);
    assert_eq!(manifests(&policy, Minor::NEWEST), Err(Impossible::Overrides));
}
