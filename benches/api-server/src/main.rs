//! `bench-api-server [--rounds N] [--creates N] WEBHOOK CONSTANT-ANSWER`: what a create of a
//! ModelEndpoint pays at a real kube-apiserver, and prints it as a table.
//!
//! ```text
//! variants       the ways to admit, each for a namespace of its own, all of them registered at once
//!   └─ webhooks     the configurations of deploy/, and what a variant changes about them
//!   └─ policies     the same rules as CEL, from cel/
//! creates        dry-run creates, one after the other or 16 at a time; how long each took
//! server         what kube-apiserver says of its calls, and its CPU time
//! table          medians, differences and ratios
//! agreement      what is decided otherwise than by the webhook, on the corpus
//! ```
//!
//! All variants are registered all the time, so that a round goes from one to the next within
//! moments, and what the machine does besides is the same for all of them.

mod agreement;
mod constant_answer;
mod creates;
mod policies;
mod server;
mod table;
mod variants;
mod webhooks;

use std::env;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use control_plane::{ControlPlane, Webhook, WebhookCertificates, install_crd};
use creates::Endpoints;
use server::Server;
use table::Measured;
use variants::{Serving, VARIANTS, Variant};

/// How many creates go at once, where it is not one.
const AT_ONCE: usize = 16;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1).peekable();
    let mut number = |name: &str, default: u32| match arguments.next_if(|argument| argument == name) {
        Some(_) => Ok(arguments.next().with_context(|| format!("{name}: how many?"))?.parse()?),
        None => anyhow::Ok(default),
    };
    let rounds = number("--rounds", 10)?;
    let creates = number("--creates", 100)?;
    let webhook = PathBuf::from(arguments.next().context("which webhook?")?);
    let constant = PathBuf::from(arguments.next().context("which constant-answer?")?);

    let control_plane = ControlPlane::start().await?;
    install_crd(&control_plane.client()).await?;
    let certificates = WebhookCertificates::new(&[webhooks::HOST])?;
    let webhook = Webhook::start(&webhook, &certificates.serve_arguments()).await?;
    let constant = constant_answer::start(&constant, &certificates).await?;
    let serving = Serving {
        webhook: webhook.address().port(),
        constant: constant.address.port(),
        ca_bundle: certificates.ca_bundle(),
    };
    let server = Server::of(&control_plane)?;
    for variant in &VARIANTS {
        variant.register(&control_plane, &serving).await?;
    }
    for variant in &VARIANTS {
        variant.acts(&control_plane.client(), &server).await?;
    }

    let mut measured = VARIANTS.map(|_| Measured::default());
    // the first round opens connections and fills caches
    for round in 0..=rounds {
        eprintln!("round {round} of {rounds}");
        for (number, variant) in (0..).zip(&VARIANTS).cycle().skip(round as usize).take(VARIANTS.len()) {
            let figures = measure(variant, &control_plane, &server, creates).await?;
            if round > 0 {
                measured[number].push(figures);
            }
        }
    }
    table::print(&measured);
    webhook.ensure_running()?;
    agreement::print(&control_plane.client()).await
}

/// One round of a variant.
async fn measure(
    variant: &Variant,
    control_plane: &ControlPlane,
    server: &Server,
    creates: u32,
) -> anyhow::Result<table::Round> {
    let endpoints = Endpoints::of(control_plane.client(), variant.namespace);
    let calls_before = server.calls(variant).await?;
    let cpu_before = server.cpu()?;
    let alone = endpoints.create_many(creates as usize, 1).await?;
    let together = endpoints.create_many(creates as usize, AT_ONCE).await?;
    let cpu = server.cpu()?.saturating_sub(cpu_before);
    let count = u32::try_from(alone.len() + together.len())?;
    let calls = server.calls(variant).await? - calls_before;
    ensure!(
        calls == count * variant.calls,
        "{}: {count} creates made {calls} calls, not {} each",
        variant.name,
        variant.calls
    );
    Ok(table::Round { alone, together, cpu: cpu / count })
}
