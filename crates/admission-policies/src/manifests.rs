//! Expressions flow in, objects of the API server flow out.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use modelendpoint_core::endpoint::Policy;
use modelendpoint_core::endpoint::cel::{self, CHANGES_WHERE_IT_LEADS, Mutation, Validation, Variable};
use modelendpoint_core::endpoint::gate::{GROUP, PLURAL, VERSION};
use modelendpoint_core::endpoint::policy::Enforcement;
use serde_json::{Value, json};

use crate::kubernetes::Minor;
use crate::yaml;

const API_VERSION: &str = "admissionregistration.k8s.io/v1";

/// The objects, and what is to be known about them.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifests {
    pub objects: Vec<Value>,
    /// What the API server can't do, a paragraph for each.
    pub notes: Vec<String>,
}

/// Why no admission policies can be made of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Impossible {
    /// An object has this many bytes, which is more than the API server takes.
    TooLarge(usize),
}

/// Bytes of the largest object that is taken (etcd takes requests of 1.5 MiB; managedFields come on top).
const LARGEST: usize = 1_000_000;

/// The policies and bindings for this version of Kubernetes.
///
/// # Errors
/// When the allow lists are longer than the API server takes.
pub fn manifests(policy: &Policy, minor: Minor) -> Result<Manifests, Impossible> {
    let mut manifests = Manifests { objects: Vec::new(), notes: Vec::new() };
    if minor.serves_mutating_policies() {
        manifests.add("Mutating", "modelendpoint-defaults", mutating(&cel::mutation()), None);
    } else {
        manifests.notes.push(format!(
            "Kubernetes {minor} has MutatingAdmissionPolicy behind a feature gate only (v1 begins with 1.36), so \
             there is none here: without the webhook, a missing rewritePath stays missing, and an origin in \
             upper case is refused."
        ));
    }
    let mut left_out: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (action, name, in_binding) in [
        (Enforcement::Deny, "modelendpoint-rules", "Deny"),
        (Enforcement::Warn, "modelendpoint-warnings", "Warn"),
        (Enforcement::Audit, "modelendpoint-audit", "Audit"),
    ] {
        let Some(validation) = cel::validation(policy, action) else { continue };
        for (rule, why) in &validation.left_out {
            let rules = left_out.entry(why).or_default();
            // With overrides, a rule can have several actions.
            if !rules.contains(rule) {
                rules.push(rule);
            }
        }
        manifests.add("Validating", name, validating(&validation), Some(in_binding));
    }
    for (why, rules) in left_out {
        manifests.notes.push(format!("Left to the webhook ({why}): {}.", rules.join(", ")));
    }
    let size = manifests.objects.iter().map(|object| object.to_string().len()).max().unwrap_or_default();
    if size > LARGEST { Err(Impossible::TooLarge(size)) } else { Ok(manifests) }
}

impl Manifests {
    /// A policy and its binding. What a validation has for its consequence is in the binding.
    fn add(&mut self, kind: &str, name: &str, spec: Value, action: Option<&str>) {
        let object = |kind: String, spec: Value| json!({ "apiVersion": API_VERSION, "kind": kind, "metadata": { "name": name }, "spec": spec });
        let mut binding = json!({ "policyName": name });
        if let Some(action) = action {
            binding["validationActions"] = json!([action]);
        }
        self.objects.push(object(format!("{kind}AdmissionPolicy"), spec));
        self.objects.push(object(format!("{kind}AdmissionPolicyBinding"), binding));
    }
}

/// As YAML: what there is to know as comments, then a document for each object.
impl Display for Manifests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "# Made by `modelendpoint policies`. Change the policy file or the version, not this text.\n",
        )?;
        for note in &self.notes {
            write!(f, "#\n{}", yaml::Comment(note))?;
        }
        for object in &self.objects {
            write!(f, "---\n{}", yaml::Yaml(object))?;
        }
        Ok(())
    }
}

impl Display for Impossible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(size) => write!(
                f,
                "the allow lists make a policy of {size} bytes, and the API server accepts about {LARGEST}; \
                 shorten them (a domain or a range in place of its members), or leave `url-not-allowed` to \
                 the webhook"
            ),
        }
    }
}

fn validating(validation: &Validation) -> Value {
    json!({
        "failurePolicy": "Fail",
        "matchConstraints": match_constraints(),
        "matchConditions": [condition("changes-where-it-leads", CHANGES_WHERE_IT_LEADS)],
        "variables": variables(&validation.variables),
        "validations": [{
            "expression": validation.expression,
            "messageExpression": validation.message,
            "message": "the endpoint breaks a rule; run `modelendpoint check` to see which",
            "reason": "Invalid",
        }],
    })
}

fn mutating(mutation: &Mutation) -> Value {
    let mut conditions = vec![condition("changes-where-it-leads", CHANGES_WHERE_IT_LEADS)];
    conditions.extend(mutation.conditions.iter().map(|(name, expression)| condition(name, expression)));
    json!({
        "failurePolicy": "Fail",
        "reinvocationPolicy": "IfNeeded",
        "matchConstraints": match_constraints(),
        "matchConditions": conditions,
        "variables": variables(&mutation.variables),
        "mutations": [{ "patchType": "JSONPatch", "jsonPatch": { "expression": mutation.patch } }],
    })
}

fn match_constraints() -> Value {
    json!({
        "matchPolicy": "Equivalent",
        "resourceRules": [{
            "apiGroups": [GROUP],
            "apiVersions": [VERSION],
            "operations": ["CREATE", "UPDATE"],
            "resources": [PLURAL],
            "scope": "Namespaced",
        }],
    })
}

fn condition(name: &str, expression: &str) -> Value {
    json!({ "name": name, "expression": expression })
}

fn variables(variables: &[Variable]) -> Value {
    variables.iter().map(|Variable { name, expression }| condition(name, expression)).collect()
}
