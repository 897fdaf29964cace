//! Creates and updates endpoints with the whole corpus and with generated specs. The policies alone and the webhook
//! alone give the same verdicts, by the same rules, with the same warnings, and store the same.
//!
//! docs/admission-policies.md lists the differences, and [`is_listed`] recognizes them.

use std::collections::HashMap;
use std::env;

use anyhow::{Context, Result};
use control_plane::ControlPlane;
use modelendpoint_core::endpoint::cel::LONGEST;
use modelendpoint_core::endpoint::mutation::{Ownership, mutate};
use modelendpoint_core::endpoint::{Generation, Spec, Value as FieldValue};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::origins::origins;
use crate::sample::Sample;
use crate::specs::specs;
use crate::verdict::{Endpoints, Verdict};
use crate::world::{POLICIES, WEBHOOK, World, bare, has_defaults, test};

/// How many generated specs are created, and how many are used for updates. The variable SPECS changes it.
const GENERATED: usize = 2_000;
/// So many writes at a time.
const AT_ONCE: usize = 8;

/// An endpoint, and the one in whose place it is put, if it is not created.
#[derive(Debug, Clone)]
struct Write {
    replaces: Option<(String, Sample)>,
    sample: Sample,
}

#[test]
fn policies_and_the_webhook_agree() {
    test(agree(Generation::Url));
}

#[test]
fn policies_and_the_webhook_agree_about_origins() {
    test(agree(Generation::Origin));
}

async fn agree(generation: Generation) -> Result<()> {
    let control_plane = bare(generation).await?;
    let has_defaults = has_defaults(&control_plane)?;
    let stored = stored_before_there_were_rules(&control_plane, generation).await?;
    let world = World::judging(control_plane, generation, "rules: {}").await?;

    let count = env::var("SPECS").map_or(Ok(GENERATED), |count| count.parse())?;
    let created = corpus(generation)?.into_iter().chain(generated(generation, 1, count));
    let mut writes: Vec<Write> = created.map(|sample| Write { replaces: None, sample }).collect();
    writes.extend(updates(&stored, generated(generation, 2, count)));
    let differences = compare(&world, writes, has_defaults).await?;
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    Ok(())
}

fn generated(generation: Generation, seed: u64, count: usize) -> Vec<Sample> {
    match generation {
        Generation::Url => specs(seed, count).into_iter().map(Sample::of).collect(),
        Generation::Origin => origins(seed, count),
    }
}

/// Endpoints of every kind, the same in both namespaces, by name.
async fn stored_before_there_were_rules(
    control_plane: &ControlPlane,
    generation: Generation,
) -> Result<Vec<(String, Sample)>> {
    let mut stored = Vec::new();
    let corpus = corpus(generation)?.into_iter().step_by(40);
    for sample in generated(generation, 3, 60).into_iter().chain(corpus) {
        let name = format!("stored-{}", stored.len());
        let mut is_taken = true;
        for namespace in [POLICIES, WEBHOOK] {
            // The schema refuses some of them.
            is_taken &= Endpoints::of(control_plane, namespace).store(&name, &sample).await.is_ok();
        }
        if is_taken {
            stored.push((name, sample));
        }
    }
    Ok(stored)
}

fn corpus(generation: Generation) -> Result<Vec<Sample>> {
    let lines = match generation {
        Generation::Url => {
            concat!(include_str!("../corpus/urls.jsonl"), include_str!("../corpus/rewrite_paths.jsonl"))
        }
        Generation::Origin => include_str!("../corpus/origins.jsonl"),
    };
    lines.lines().map(Sample::of_corpus).collect()
}

/// New endpoints, of which some keep one field, in the places of what is stored.
fn updates(stored: &[(String, Sample)], new: Vec<Sample>) -> impl Iterator<Item = Write> {
    new.into_iter().enumerate().map(|(number, mut sample)| {
        let (name, old) = &stored[number % stored.len()];
        let kept: &[&str] = match number % 4 {
            0 => &["url", "origin"],
            1 => &["rewritePath", "api"],
            _ => &[],
        };
        for field in kept.iter().filter(|field| !old.spec[**field].is_null()) {
            sample.spec[*field] = old.spec[*field].clone();
        }
        if number % 3 == 0 {
            sample.labels = old.labels.clone();
        }
        Write { replaces: Some((name.clone(), old.clone())), sample }
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
        None => endpoints.create(&write.sample).await,
        Some((name, _)) => endpoints.replace(name, &write.sample).await,
    }
    .with_context(|| format!("{write:?}"))
}

/// Whether docs/admission-policies.md has this difference.
fn is_listed(write: &Write, by_policies: &Verdict, by_webhook: &Verdict, has_defaults: bool) -> bool {
    let written = &write.sample.spec;
    // No expression judges a value of this length.
    let is_long = |field: &str| written[field].as_str().is_some_and(|text| text.chars().count() > LONGEST);
    if is_long("url") || is_long("rewritePath") {
        return !matches!(by_policies, Verdict::Stored { .. });
    }
    match (by_policies, by_webhook) {
        // the webhook says in words what the schema refuses
        (Verdict::Otherwise(why), Verdict::Refused(_)) => is_of_the_schema(why),
        // Without MutatingAdmissionPolicy, nothing is corrected, so it is refused, if not by others then by this.
        (Verdict::Refused(_) | Verdict::Otherwise(_), _) => !has_defaults && is_corrected(written),
        (
            Verdict::Stored { spec: by_policies, warnings: told },
            Verdict::Stored { spec: by_webhook, warnings },
        ) => {
            told == warnings
                && by_policies["url"] == by_webhook["url"]
                && (!has_defaults && by_policies["rewritePath"] == written["rewritePath"]
                    || follows_url(write, by_webhook))
        }
        _ => false,
    }
}

/// Whether the webhook stores another origin.
fn is_corrected(spec: &Value) -> bool {
    let text = |value: &'_ Value| value.as_str().map(str::to_owned);
    let (origin, prefix) = (text(&spec["origin"]), text(&spec["api"]["prefix"]));
    let spec = Spec {
        origin: origin.as_deref().map_or(FieldValue::Absent, FieldValue::Text),
        prefix: prefix.as_deref().map_or(FieldValue::Absent, FieldValue::Text),
        ..Spec::EMPTY
    };
    mutate(spec, None, || Ownership::Unknown).change.is_some()
}

fn is_of_the_schema(message: &str) -> bool {
    (message.contains("is invalid: spec.") || message.contains("is invalid: [spec."))
        && !message.contains("AdmissionPolicy")
}

/// Whether a value that somebody owns, and that is the default of the former url, follows the url.
fn follows_url(write: &Write, by_webhook: &Value) -> bool {
    let Some((_, old)) = &write.replaces else { return false };
    let (old, written) = (&old.spec, &write.sample.spec);
    let kept = &written["rewritePath"];
    old["url"] != written["url"] && old["rewritePath"] == *kept && by_webhook["rewritePath"] == *kept
}
