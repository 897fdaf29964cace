//! A policy sets severities and says where endpoints may point to.

use std::collections::BTreeSet;

use modelendpoint_webhook::endpoint::rules;
use modelendpoint_webhook::policy::file;
use modelendpoint_webhook::yaml::{self, Document, Kind, NodeId};
use serde_json::Value;

use crate::workspace::{Workspace, endpoint};

const POLICY: &str = "\
rules:
  url-http-on-443: deny
  url-port: off
  url-query: warn
allow:
- namespaces: [ml-*]
  hosts: ['*.example.com']
  cidrs: [10.0.0.0/8]
  schemes: [https, http]
  ports: [443, 8000-8999]
";

/// The ids of the findings, with their levels.
fn found(policy: &str, url: &str) -> (Option<i32>, Vec<String>) {
    let manifest = endpoint("q", &[&format!("url: {url}"), "rewritePath: /"]);
    let workspace = Workspace::with(&[("policy.yaml", policy), ("e.yaml", &manifest)]);
    let run = workspace.check(&["--policy", "policy.yaml", "e.yaml"]);
    let found = run.out.lines().filter(|line| line.starts_with("error[") || line.starts_with("warning["));
    (run.code, found.filter_map(|line| Some(line.split_once("]:")?.0.to_owned())).collect())
}

#[test]
fn severities_and_places_are_those_of_the_policy() {
    for (url, code, ids) in [
        ("https://api.example.com/v1", 0, &[][..]),
        ("http://10.1.2.3:8000/v1", 0, &[]),
        ("http://api.example.com:443/v1", 1, &["error[url-http-on-443"]),
        ("https://api.example.com/v1?a=b", 0, &["warning[url-query"]),
        ("http://vault.security.svc.cluster.local:8200/", 1, &["error[url-not-allowed"]),
        ("http://api.example.com:9000/v1", 1, &["error[url-not-allowed"]),
        ("http://api.example.com:0/v1", 1, &["error[url-not-allowed"]),
        ("http://11.0.0.1:8000/v1", 1, &["error[url-not-allowed"]),
    ] {
        let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(found(POLICY, url), (Some(code), ids), "{url}");
    }
}

#[test]
fn a_namespace_that_no_list_names_is_free() {
    assert_eq!(found(&POLICY.replace("ml-*", "tenant-*"), "http://h.internal:9000/v1").0, Some(0));
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let workspace = Workspace::with(&[("p.yaml", "rules:\n  url-prt: deny\nalow: []\n"), ("e.yaml", "")]);
    let run = workspace.check(&["--policy", "p.yaml", "e.yaml"]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    assert_eq!(
        run.err,
        "error: the policy can't be used:\n\
         p.yaml:2:3: there is no rule `url-prt`; `modelendpoint-webhook rules` lists them all\n\
         p.yaml:3:1: `alow` is unknown here; known are rules, allow\n"
    );
    let run = workspace.check(&["--policy", "missing.yaml", "e.yaml"]);
    assert!(run.err.starts_with("error: cannot read --policy missing.yaml"), "{}", run.err);
}

/// YAML as JSON, for a schema to judge.
fn json(document: &Document<'_>, node: NodeId) -> Value {
    match &document.node(node).kind {
        Kind::Mapping { entries, .. } => {
            let fields = entries.iter().map(|entry| {
                let Kind::Scalar { text, .. } = &document.node(entry.key).kind else { panic!("a key") };
                (text.to_string(), json(document, entry.value))
            });
            Value::Object(fields.collect())
        }
        Kind::Sequence(items) => items.iter().map(|item| json(document, *item)).collect(),
        Kind::Scalar { text, .. } => {
            text.parse::<i64>().map_or_else(|_| text.to_string().into(), Value::from)
        }
        Kind::Nothing => Value::Null,
    }
}

fn schema_allows(schema: &jsonschema::Validator, policy: &str) -> bool {
    let documents = yaml::parse(policy);
    let document = documents[0].as_ref().expect("YAML");
    schema.is_valid(&json(document, document.root()))
}

#[test]
fn the_schema_knows_every_rule_and_agrees_with_what_is_read() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/policy.schema.json")).expect("JSON");
    let described = schema["properties"]["rules"]["properties"].as_object().expect("rules");
    let described: BTreeSet<_> = described.keys().map(String::as_str).collect();
    assert_eq!(described, rules::ALL.iter().map(|rule| rule.id).collect::<BTreeSet<_>>());

    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let documented = include_str!("../../docs/policy.md").split("```yaml\n").skip(1);
    let documented = documented.filter_map(|rest| Some(rest.split_once("```")?.0));
    let documented: Vec<_> =
        documented.filter(|block| block.starts_with("rules:") || block.starts_with("allow:")).collect();
    assert_eq!(documented.len(), 2, "policies in docs/policy.md");
    for policy in
        [POLICY, include_str!("../../docs/policy.example.yaml"), "rules: {}"].into_iter().chain(documented)
    {
        assert!(file::parse(policy).is_ok() && schema_allows(&schema, policy), "{policy}");
    }
    let list = |fields: &str| format!("allow:\n- namespaces: [a]\n  {fields}\n");
    for policy in [
        "rule: {}".to_owned(),
        "rules: {url-prt: deny}".to_owned(),
        "rules: {url-port: 'no'}".to_owned(),
        "allow: []".to_owned(),
        "allow:\n- hosts: [a]\n".to_owned(),
        list("hosts: []"),
        list("hosts: ['https://h.example']"),
        list("hosts: ['a.*.example']"),
        list("hosts: ['h.example:443']"),
        list("cidrs: ['h.example']"),
        list("schemes: [ftp]"),
        list("ports: [0]"),
        list("ports: [65536]"),
        list("ports: [http]"),
        list("namespace: [a]"),
        "allow:\n- namespaces: [A]\n".to_owned(),
    ] {
        assert!(file::parse(&policy).is_err(), "read: {policy}");
        assert!(!schema_allows(&schema, &policy), "by the schema: {policy}");
    }
}
