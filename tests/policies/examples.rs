//! Every example of every rule, by policies alone.

use modelendpoint_core::endpoint::Generation;
use modelendpoint_core::endpoint::judge::judge_example;
use modelendpoint_core::endpoint::rules::{self, Example, Severity};
use serde_json::json;

use crate::verdict::{Endpoints, Verdict, is_judged_by_policies};
use crate::world::{bare, install_policies, namespace, test};

/// One policy for all examples: a namespace for each host that an example allows.
const NAMESPACES: [&str; 2] = ["open", "example-hosts-only"];
const ALLOWED: &str = "*.example.com";

#[test]
fn policies_judge_every_example_as_the_webhook_does() {
    test(async {
        let control_plane = bare().await?;
        for name in NAMESPACES {
            namespace(&control_plane, name).await?;
        }
        let [open, limited] = NAMESPACES.map(|name| Endpoints::of(&control_plane, name));
        let mut previous = Vec::new();
        for example in all_examples().filter(|example| example.previous_url.is_some()) {
            let name = format!("e-{}", previous.len());
            open.store(&name, &json!({ "url": example.previous_url })).await?;
            previous.push((name, example));
        }
        let file = json!({ "allow": [{ "namespaces": [NAMESPACES[1]], "hosts": [ALLOWED] }] });
        let policy = modelendpoint_policy::parse(&file.to_string()).expect("a policy");
        install_policies(&control_plane, &policy, &NAMESPACES).await?;

        for example in all_examples() {
            let mut spec = json!({ "url": example.spec.url.text() });
            if let Some(rewrite_path) = example.spec.rewrite_path.text() {
                spec["rewritePath"] = (*rewrite_path).into();
            }
            assert!(example.allowed.is_none_or(|allowed| allowed.host == ALLOWED), "{example:?}");
            let endpoints = if example.allowed.is_some() { &limited } else { &open };
            let verdict = match previous.iter().find(|(_, other)| *other == example) {
                Some((name, old)) => {
                    endpoints.replace(name, &json!({ "url": old.previous_url }), &spec).await?
                }
                None => endpoints.create(&spec).await?,
            };
            let told = match &verdict {
                Verdict::Refused(rules) => (rules.as_slice(), Severity::Deny),
                Verdict::Stored { warnings, .. } => (warnings.as_slice(), Severity::Warn),
                Verdict::Otherwise(why) => panic!("{example:?}: {why}"),
            };
            assert_eq!(told.0, expected(&example, told.1), "{example:?}: {verdict:?}");
        }
        Ok(())
    });
}

fn all_examples() -> impl Iterator<Item = Example> {
    let all = rules::ALL.into_iter().flat_map(|rule| rule.good.iter().chain(rule.bad)).copied();
    // the definition that is installed has the fields of this generation only
    all.filter(|example| example.spec.generation() == Some(Generation::Url))
}

/// The rules of this severity that the webhook names.
fn expected(example: &Example, severity: Severity) -> Vec<&'static str> {
    let mut rules: Vec<_> = judge_example(example)
        .into_iter()
        .filter(|violation| violation.severity == severity && is_judged_by_policies(violation.rule))
        .map(|violation| violation.rule.id)
        .collect();
    let denials = judge_example(example).iter().any(|violation| violation.severity == Severity::Deny);
    if severity == Severity::Warn && denials {
        rules = vec!["refused"];
    }
    rules
}
