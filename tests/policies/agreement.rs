//! Creates and updates endpoints with the whole corpus and with generated specs. The policies alone and the webhook
//! alone give the same verdicts, by the same rules, with the same warnings, and store the same.
//!
//! docs/admission-policies.md lists the differences, and [`is_listed`] recognizes them.

use std::collections::HashMap;
use std::env;

use anyhow::{Context, Result};
use modelendpoint_core::endpoint::cel::LONGEST;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::specs::specs;
use crate::verdict::{Endpoints, Verdict};
use crate::world::{POLICIES, WEBHOOK, World, bare, minor, test};

/// How many generated specs are created, and how many are used for updates. The variable SPECS changes it.
const GENERATED: usize = 2_000;
/// So many writes at a time.
const AT_ONCE: usize = 8;

/// A spec, and the stored endpoint that it replaces. `None` if it is created.
#[derive(Debug, Clone)]
struct Write {
    replaces: Option<(String, Value)>,
    spec: Value,
}

#[test]
fn policies_and_the_webhook_agree() {
    test(async {
        let control_plane = bare().await?;
        let has_defaults = minor(&control_plane)? >= "1.36".parse().expect("a minor version");
        let stored = stored_before_there_were_rules(&control_plane).await?;
        let world = World::judging(control_plane, "rules: {}").await?;

        let count = env::var("SPECS").map_or(Ok(GENERATED), |count| count.parse())?;
        let generated = specs(1, count);
        let mut writes: Vec<Write> =
            corpus()?.into_iter().chain(generated).map(|spec| Write { replaces: None, spec }).collect();
        writes.extend(updates(&stored, specs(2, count)));
        let differences = compare(&world, writes, has_defaults).await?;
        assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
        Ok(())
    });
}

/// Endpoints of every kind, the same in both namespaces, by name.
async fn stored_before_there_were_rules(
    control_plane: &control_plane::ControlPlane,
) -> Result<Vec<(String, Value)>> {
    let mut stored = Vec::new();
    let corpus = corpus()?.into_iter().step_by(40);
    for spec in specs(3, 60).into_iter().chain(corpus).filter(|spec| spec["url"].is_string()) {
        let name = format!("stored-{}", stored.len());
        let mut is_taken = true;
        for namespace in [POLICIES, WEBHOOK] {
            // The schema refuses some of them.
            is_taken &= Endpoints::of(control_plane, namespace).store(&name, &spec).await.is_ok();
        }
        if is_taken {
            stored.push((name, spec));
        }
    }
    Ok(stored)
}

fn corpus() -> Result<Vec<Value>> {
    let lines = concat!(include_str!("../corpus/urls.jsonl"), include_str!("../corpus/rewrite_paths.jsonl"));
    let mut specs = Vec::new();
    for line in lines.lines() {
        let mut sample: Value = serde_json::from_str(line)?;
        specs.push(sample["spec"].take());
    }
    Ok(specs)
}

/// Updates of the stored endpoints: new urls, new paths, or both.
fn updates(stored: &[(String, Value)], new: Vec<Value>) -> impl Iterator<Item = Write> {
    new.into_iter().enumerate().map(|(number, mut spec)| {
        let (name, old) = &stored[number % stored.len()];
        match number % 4 {
            0 => spec["url"] = old["url"].clone(),
            1 => spec["rewritePath"] = old["rewritePath"].clone(),
            _ => {}
        }
        Write { replaces: Some((name.clone(), old.clone())), spec }
    })
}

/// The differences that are not listed.
async fn compare(world: &World, writes: Vec<Write>, has_defaults: bool) -> Result<Vec<String>> {
    let (policies, webhook) = (world.endpoints(POLICIES), world.endpoints(WEBHOOK));
    let mut tasks = JoinSet::new();
    let share = writes.len().div_ceil(AT_ONCE);
    let mut summary: HashMap<&str, usize> = HashMap::new();
    for writes in writes.chunks(share) {
        let (writes, policies, webhook) = (writes.to_vec(), policies.clone(), webhook.clone());
        tasks.spawn(async move {
            let mut pairs = Vec::new();
            for write in writes {
                let verdicts = (send(&policies, &write).await?, send(&webhook, &write).await?);
                pairs.push((write, verdicts));
            }
            anyhow::Ok(pairs)
        });
    }
    let mut differences = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        for (write, (by_policies, by_webhook)) in ended?? {
            let kind = match &by_webhook {
                Verdict::Stored { .. } => "stored",
                Verdict::Refused(_) => "refused",
                Verdict::Otherwise(_) => "refused by the schema",
            };
            *summary.entry(kind).or_default() += 1;
            if by_policies == by_webhook {
                continue;
            }
            if is_listed(&write, &by_policies, &by_webhook, has_defaults) {
                *summary.entry("listed differences").or_default() += 1;
            } else {
                differences
                    .push(format!("{write:?}\n  policies: {by_policies:?}\n  webhook:  {by_webhook:?}"));
            }
        }
    }
    eprintln!("{} writes: {summary:?}", writes.len());
    Ok(differences)
}

async fn send(endpoints: &Endpoints, write: &Write) -> Result<Verdict> {
    match &write.replaces {
        None => endpoints.create(&write.spec).await,
        Some((name, old)) => endpoints.replace(name, old, &write.spec).await,
    }
    .with_context(|| format!("{write:?}"))
}

/// Whether docs/admission-policies.md has this difference.
fn is_listed(write: &Write, by_policies: &Verdict, by_webhook: &Verdict, has_defaults: bool) -> bool {
    // No expression judges a value of this length.
    let is_long = |field: &str| write.spec[field].as_str().is_some_and(|text| text.chars().count() > LONGEST);
    if is_long("url") || is_long("rewritePath") {
        return !matches!(by_policies, Verdict::Stored { .. });
    }
    let (
        Verdict::Stored { spec: by_policies, warnings: told },
        Verdict::Stored { spec: by_webhook, warnings },
    ) = (by_policies, by_webhook)
    else {
        return false;
    };
    if told != warnings || by_policies["url"] != by_webhook["url"] {
        return false;
    }
    // Without MutatingAdmissionPolicy, nothing is changed.
    if !has_defaults && *by_policies == without_null(&write.spec) {
        return true;
    }
    // A value that somebody owns follows the url if it equals the default of the former url.
    let Some((_, old)) = &write.replaces else { return false };
    let kept = &write.spec["rewritePath"];
    old["url"] != write.spec["url"] && old["rewritePath"] == *kept && by_webhook["rewritePath"] == *kept
}

fn without_null(spec: &Value) -> Value {
    match spec {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
        _ => json!(null),
    }
}
