//! What is kept in deploy/ is what the generator makes, and the webhook configurations have the same conditions.

use modelendpoint_admission_policies::{Minor, manifests};
use modelendpoint_core::endpoint::Policy;
use modelendpoint_core::endpoint::policy::{Enforcement, Level, NamespacePattern, Override};
use serde_json::{Value, json};

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

#[test]
fn an_override_moves_rules_in_its_namespaces() {
    let mut policy = Policy::NONE;
    policy.overrides.extend([
        Override {
            namespaces: vec![NamespacePattern::any()],
            enforcement: Some(Enforcement::Audit),
            ..Override::default()
        },
        Override {
            namespaces: vec![NamespacePattern::parse("team-a").expect("a pattern")],
            enforcement: Some(Enforcement::Deny),
            levels: [("url-query", Level::Warn), ("url-fragment", Level::Off)].into(),
        },
    ]);
    let made = manifests(&policy, Minor::NEWEST).expect("policies").objects;
    let actions: Vec<_> = made
        .iter()
        .filter(|object| object["kind"] == "ValidatingAdmissionPolicyBinding")
        .map(|object| (&object["metadata"]["name"], &object["spec"]["validationActions"][0]))
        .collect();
    assert_eq!(
        actions,
        [
            (&json!("modelendpoint-rules"), &json!("Deny")),
            (&json!("modelendpoint-warnings"), &json!("Warn")),
            (&json!("modelendpoint-audit"), &json!("Audit")),
        ]
    );
    // what each policy says about the rules, in its first line
    let condition = |policy: &str, rule: &str| {
        let is_it = |object: &&Value| {
            object["metadata"]["name"] == policy && object["kind"] == "ValidatingAdmissionPolicy"
        };
        let variables = made.iter().find(is_it).and_then(|object| object["spec"]["variables"].as_array());
        let variable = variables.expect("variables").iter().find(|variable| variable["name"] == rule)?;
        Some(variable["expression"].as_str()?.lines().next()?.to_owned())
    };
    let all = |rule: &str| {
        ["modelendpoint-rules", "modelendpoint-warnings", "modelendpoint-audit"]
            .map(|policy| condition(policy, rule))
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        all("ruleUrlQuery"),
        [
            text("!(!variables.override1NamesNamespace && variables.denialsAreEnforced) ? ''"),
            text("!(variables.override1NamesNamespace) ? ''"),
            text("!(!variables.override1NamesNamespace && variables.denialsAreAudited) ? ''"),
        ]
    );
    assert_eq!(
        all("ruleUrlPort"),
        [text("!(variables.denialsAreEnforced) ? ''"), None, text("!(variables.denialsAreAudited) ? ''")]
    );
    assert_eq!(
        condition("modelendpoint-rules", "denialsAreEnforced"),
        text("(variables.override1NamesNamespace || !variables.override0NamesNamespace)")
    );
}
