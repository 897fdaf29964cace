//! What is decided otherwise than by the webhook of deploy/, on the whole corpus: how far "the same rules"
//! is true of the CEL policies, and whether a condition skips only what the rules allow.

use anyhow::Context;
use kube::Client;
use serde_json::Value;

use crate::creates::{Answer, Endpoints};
use crate::variants::{POLICIES, SKIPPED, WEBHOOK};

pub(crate) async fn print(client: &Client) -> anyhow::Result<()> {
    let webhook = Endpoints::of(client.clone(), WEBHOOK);
    let mut others = [("the CEL policies", POLICIES), ("the condition that skips /validate", SKIPPED)]
        .map(|(name, namespace)| (name, Endpoints::of(client.clone(), namespace), Vec::new(), 0));
    let corpus = concat!(
        include_str!("../../../tests/corpus/urls.jsonl"),
        include_str!("../../../tests/corpus/rewrite_paths.jsonl")
    );
    let (mut values, mut causes_of_webhook) = (0, 0);
    for line in corpus.lines() {
        let sample: Value = serde_json::from_str(line)?;
        let (id, spec) = (sample["id"].as_str().context("an id")?, &sample["spec"]);
        if !spec.is_object() {
            continue;
        }
        values += 1;
        let expected = webhook.create(id, spec).await?;
        causes_of_webhook += causes(&expected);
        for (_, endpoints, differences, causes_told) in &mut others {
            let decided = endpoints.create(id, spec).await?;
            *causes_told += causes(&decided);
            if (decided.is_created, stored(&decided)) != (expected.is_created, stored(&expected)) {
                let (decided, expected) = (told(&decided), told(&expected));
                differences.push(format!("{spec}: {decided}; the webhook: {expected}"));
            }
        }
    }
    println!();
    println!("Of {values} specs the webhook refuses some, with {causes_of_webhook} causes.");
    for (name, _, differences, causes) in others {
        println!(
            "- With {name}, {} are decided otherwise; refusals name {causes} causes.",
            differences.len()
        );
        for difference in differences {
            println!("  - {difference}");
        }
    }
    Ok(())
}

/// The rewritePath of what would be stored.
fn stored(answer: &Answer) -> Option<&str> {
    answer.body["spec"]["rewritePath"].as_str().filter(|_| answer.is_created)
}

fn told(answer: &Answer) -> &Value {
    if answer.is_created { &answer.body["spec"] } else { &answer.body["message"] }
}

fn causes(answer: &Answer) -> usize {
    answer.body["details"]["causes"].as_array().map_or(0, Vec::len)
}
