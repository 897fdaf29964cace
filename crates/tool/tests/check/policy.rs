//! A policy sets severities and says where endpoints may point to.

use std::collections::BTreeSet;

use modelendpoint_core::endpoint::rules;
use modelendpoint_lint::check::{Terms, check};
use modelendpoint_yaml::{Document, Kind, NodeId, ScalarStyle};
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
         p.yaml:2:3: there is no rule `url-prt`; `modelendpoint rules` lists them all\n\
         p.yaml:3:1: `alow` is not a known key here; the known keys are rules, overrides, allow, clusterLabelUsers\n"
    );
    let run = workspace.check(&["--policy", "missing.yaml", "e.yaml"]);
    assert!(run.err.starts_with("error: cannot read --policy missing.yaml"), "{}", run.err);
}

/// YAML as JSON, for a schema.
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
        Kind::Scalar { text, style: ScalarStyle::Plain } => match text.as_ref() {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            text => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
        },
        Kind::Scalar { text, .. } => text.to_string().into(),
        Kind::Nothing => Value::Null,
    }
}

fn schema_allows(schema: &jsonschema::Validator, policy: &str) -> bool {
    let documents = modelendpoint_yaml::parse(policy);
    let document = documents[0].as_ref().expect("YAML");
    schema.is_valid(&json(document, document.root()))
}

#[test]
fn the_schema_knows_every_rule_and_agrees_with_what_is_read() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../docs/policy.schema.json")).expect("JSON");
    let described = schema["properties"]["rules"]["properties"].as_object().expect("rules");
    let described: BTreeSet<_> = described.keys().map(String::as_str).collect();
    assert_eq!(described, rules::ALL.iter().map(|rule| rule.id).collect::<BTreeSet<_>>());

    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let documented = include_str!("../../../../docs/policy.md").split("```yaml\n").skip(1);
    let documented = documented.filter_map(|rest| Some(rest.split_once("```")?.0));
    let keys = ["rules:", "overrides:", "allow:"];
    let documented: Vec<_> =
        documented.filter(|block| keys.iter().any(|key| block.starts_with(key))).collect();
    assert_eq!(documented.len(), 3, "policies in docs/policy.md");
    for policy in [POLICY, include_str!("../../../../docs/policy.example.yaml"), "rules: {}"]
        .into_iter()
        .chain(documented)
    {
        assert!(modelendpoint_policy::parse(policy).is_ok() && schema_allows(&schema, policy), "{policy}");
    }
    for policy in [
        "rule: {}",
        "rules: {url-prt: deny}",
        "rules: {url-port: 'no'}",
        "rules:",
        "overrides: [{}]",
        "overrides:\n- namespaces: [a]\n  enforcement: dryrun\n",
        "overrides:\n- namespaces: [a]\n  rules: {url-prt: deny}\n",
        "allow: []",
        "allow: [{}]",
        "allow: [5]",
        "allow:\n- hosts: [a]\n",
        "allow:\n- namespaces: []\n",
        "allow:\n- namespaces: [a]\n  namespace: [a]\n",
    ] {
        assert!(modelendpoint_policy::parse(policy).is_err(), "read: {policy}");
        assert!(!schema_allows(&schema, policy), "by the schema: {policy}");
    }
}

#[test]
fn the_schema_takes_the_patterns_that_are_read_and_no_others() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../docs/policy.schema.json")).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let agree = |policy: &str, is_right: bool| {
        assert_eq!(modelendpoint_policy::parse(policy).is_ok(), is_right, "read: {policy}");
        assert_eq!(schema_allows(&schema, policy), is_right, "by the schema: {policy}");
    };
    for (key, right, wrong) in [
        (
            "hosts",
            "'*' *.a.b A.example 'true' localhost x.0a",
            "*. a.*.b *a a..b -a.b a_b.c h.example:443 h. é.x null true",
        ),
        ("hosts", "1.2.3.x", "https://h.example 1.2.3.4 256.1.1.1 *.0 12 '::1' '[::1]'"),
        (
            "cidrs",
            "10.0.0.0/8 10.0.0.1 '::/0' 2001:db8::/32 ::1 10.0.0.0/08",
            "10.0.0.0/33 10.0/8 1.2.3 ::/129 h.example 10.0.0.0/",
        ),
        ("cidrs", "0.0.0.0/0", "256.0.0.0/8 01.0.0.0/8 fe80::1%1 null"),
        ("schemes", "http https", "ftp HTTP null"),
        ("ports", "443 '443' 8000-8999 1-65535 0443", "0 '0' 65536 '65536' 1- -1 http 0-1 null true -1"),
    ] {
        let policy = |item: &str| {
            let item = if item.starts_with('*') { format!("'{item}'") } else { item.to_owned() };
            format!("allow:\n- namespaces: [a]\n  {key}:\n  - {item}\n")
        };
        right.split(' ').for_each(|item| agree(&policy(item), true));
        wrong.split(' ').for_each(|item| agree(&policy(item), false));
    }
    for (item, is_right) in [
        ("'*'", true),
        ("a-*-b", true),
        ("12", true),
        ("'true'", true),
        ("true", false),
        ("null", false),
        ("Team", false),
        ("a.b", false),
        ("team-", false),
        ("-a", false),
        ("''", false),
    ] {
        agree(&format!("allow:\n- namespaces: [{item}]\n"), is_right);
    }
}

#[test]
fn no_spelling_gets_around_an_allow_list_even_with_all_other_rules_off() {
    let off = rules::ALL.iter().map(|rule| rule.id).filter(|id| *id != "url-not-allowed");
    let off: String = off.map(|id| format!("  {id}: off\n")).collect();
    let policy = format!(
        "rules:\n{off}allow:\n- namespaces: ['*']\n  hosts: [api.example.com, '*.example.org']\n  \
         cidrs: [10.20.0.0/16]\n  ports: [80, 443]\n"
    );
    let policy = modelendpoint_policy::parse(&policy).expect("a policy");
    let terms = Terms { policy: &policy, namespace: "default", generation: None };
    let is_allowed = |url: &str| {
        let spec = serde_json::json!({ "url": url, "rewritePath": "/" });
        let manifest = serde_json::json!({
            "apiVersion": "modelplane.ai/v1alpha1", "kind": "ModelEndpoint", "spec": spec,
        });
        check(&manifest.to_string(), terms).findings.is_empty()
    };
    for url in [
        "https://api.example.com/v1",
        "HTTPS://API.Example.COM.:443/v1",
        "https://a.b.example.org/",
        "http://10.20.255.255/",
    ] {
        assert!(is_allowed(url), "{url}");
    }
    for url in [
        "https://api.example.com../",
        "https://api.example.com.evil.test/",
        "https://evil.test/api.example.com",
        "https://evil.test#@api.example.com/",
        "https://evil.test?@api.example.com/",
        "https://evil.test\\@api.example.com/",
        "https://api.example.com\\@evil.test/",
        "https://api.example.com@evil.test/",
        "https://api.example.com:443@evil.test/",
        "https://api.example.com\t.evil.test/",
        "https://evil.test%2f.example.org",
        "https://evil.test%00.example.org",
        "https://evil。example.org",
        "https://example.org/",
        "https://xexample.org/",
        "https://.example.org/",
        "https://api.example.com:65979/",
        "https://api.example.com:443x/",
        "https://api.example.com:/",
        "http://10.21.0.0/",
        "http://10.20.1/",
        "http://0x0a140101/",
        "http://169083137/",
        "http://012.20.1.1/",
        "http://[::ffff:10.20.1.1]/",
        "http://[64:ff9b::a14:101]/",
        "http:///api.example.com/",
        "//api.example.com/",
        "api.example.com",
    ] {
        assert!(!is_allowed(url), "{url}");
    }
}
