//! Every example of every rule, by policies alone.

use anyhow::Result;
use control_plane::{ControlPlane, install_definition, model_endpoint_definition_0_5};
use modelendpoint_core::endpoint::Generation;
use modelendpoint_core::endpoint::judge::judge_example;
use modelendpoint_core::endpoint::mutation::{Ownership, mutate};
use modelendpoint_core::endpoint::rules::{self, Allowed, Example, Severity};
use serde_json::{Value, json};

use crate::sample::Sample;
use crate::verdict::{Endpoints, Verdict, is_judged_by_policies};
use crate::world::{bare, has_defaults, install_policies, namespace, test};

/// One policy for all examples: a namespace for each list that an example has.
const NAMESPACES: [&str; 4] = ["open", "hosts", "schemas", "credentials"];
const ALLOWED: &str = "*.example.com";

#[test]
fn policies_judge_every_example_as_the_webhook_does() {
    test(async {
        let control_plane = bare(Generation::Url).await?;
        judge_all_examples(&control_plane, Generation::Url).await
    });
}

/// The resource's schema refuses some of them in its own words, so it is not asked.
#[test]
fn policies_judge_every_example_of_an_origin_as_the_webhook_does() {
    test(async {
        let control_plane = ControlPlane::start().await?;
        let mut definition = serde_json::to_value(model_endpoint_definition_0_5()?)?;
        take_out_the_rules(&mut definition);
        install_definition(&control_plane.client(), &definition.to_string()).await?;
        judge_all_examples(&control_plane, Generation::Origin).await
    });
}

fn take_out_the_rules(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for rule in ["x-kubernetes-validations", "pattern", "minLength", "maxLength", "enum"] {
                fields.remove(rule);
            }
            fields.values_mut().for_each(take_out_the_rules);
        }
        Value::Array(items) => items.iter_mut().for_each(take_out_the_rules),
        _ => {}
    }
}

async fn judge_all_examples(control_plane: &ControlPlane, generation: Generation) -> Result<()> {
    for name in NAMESPACES {
        namespace(control_plane, name).await?;
    }
    let open = Endpoints::of(control_plane, NAMESPACES[0]);
    let mut previous = Vec::new();
    for example in examples(generation).filter(|example| example.previous_url.is_some()) {
        let name = format!("e-{}", previous.len());
        open.store(&name, &Sample::of(json!({ "url": example.previous_url }))).await?;
        previous.push((name, example));
    }
    let [_, hosts, schemas, credentials] = NAMESPACES;
    let file = json!({ "allow": [
        { "namespaces": [hosts], "hosts": [ALLOWED] },
        { "namespaces": [schemas], "hosts": [ALLOWED], "apiSchemas": ["OpenAI"] },
        { "namespaces": [credentials], "hosts": [ALLOWED], "credential": "required" },
    ] });
    let policy = modelendpoint_policy::parse(&file.to_string()).expect("a policy");
    install_policies(control_plane, generation, &policy, &NAMESPACES).await?;

    for example in examples(generation) {
        let sample = Sample::of_example(&example);
        assert!(example.allowed.is_none_or(|allowed| allowed.host == ALLOWED), "{example:?}");
        let endpoints = Endpoints::of(control_plane, namespace_of(&example));
        let verdict = match previous.iter().find(|(_, other)| *other == example) {
            Some((name, _)) => endpoints.replace(name, &sample).await?,
            None => endpoints.create(&sample).await?,
        };
        let told = match &verdict {
            Verdict::Refused(rules) => (rules.as_slice(), Severity::Deny),
            Verdict::Stored { warnings, .. } => (warnings.as_slice(), Severity::Warn),
            Verdict::Otherwise(why) => panic!("{example:?}: {why}"),
        };
        let is_changed = generation == Generation::Origin
            && has_defaults(control_plane)?
            && mutate(example.spec, None, || Ownership::Unknown).change.is_some();
        let expected = if is_changed { vec![] } else { expected(&example, told.1) };
        assert_eq!(told.0, expected, "{example:?}: {verdict:?}");
    }
    Ok(())
}

fn namespace_of(example: &Example) -> &'static str {
    let [open, hosts, schemas, credentials] = NAMESPACES;
    match example.allowed {
        None => open,
        Some(Allowed { needs_credential: true, .. }) => credentials,
        Some(Allowed { schema: Some(_), .. }) => schemas,
        Some(Allowed { .. }) => hosts,
    }
}

fn examples(generation: Generation) -> impl Iterator<Item = Example> {
    let all = rules::ALL.into_iter().flat_map(|rule| rule.good.iter().chain(rule.bad)).copied();
    all.filter(move |example| example.spec.generation() == Some(generation))
}

/// The rules of this severity that the webhook names.
fn expected(example: &Example, severity: Severity) -> Vec<&'static str> {
    let violations = judge_example(example);
    let denials = violations.iter().any(|violation| violation.severity == Severity::Deny);
    if severity == Severity::Warn && denials {
        return vec!["refused"];
    }
    violations
        .into_iter()
        .filter(|violation| violation.severity == severity && is_judged_by_policies(violation.rule))
        .map(|violation| violation.rule.id)
        .collect()
}
