//! Causes all faults at once, for minutes: good, bad, huge and slow requests, while certificates rotate and instances
//! stop. `just soak 10`, or `cargo test --test soak -- 10`.
//!
//! One instance runs from start to end, and the test prints its memory and descriptors. Another one is replaced again
//! and again: the new one starts first, and no request may fail.

mod load;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{Instant, interval, interval_at, sleep};

use load::{Load, Tally};
use test_support::client::Client;
use test_support::pairs::Authority;
use test_support::webhook::Webhook;

const ROTATE_EVERY: Duration = Duration::from_secs(3);
const REPLACE_EVERY: Duration = Duration::from_secs(10);
/// In addition to the memory after the warm-up.
const MOST_GROWTH: u64 = 32 * 1024 * 1024;

fn main() -> ExitCode {
    let minutes = std::env::args().nth(1).map_or(Ok(1.0), |text| text.parse::<f64>());
    let Ok(minutes) = minutes else {
        eprintln!("how many minutes? Write a number");
        return ExitCode::from(2);
    };
    Runtime::new().expect("a runtime").block_on(soak(Duration::from_secs_f64(minutes * 60.0)))
}

async fn soak(time: Duration) -> ExitCode {
    let authority = Authority::new();
    let steady_files = files(&authority);
    let steady = serve(&steady_files).await;
    let (replaced, current) = watch::channel(client_of(&steady, &authority));
    let load = Load {
        until: Instant::now() + time,
        steady: client_of(&steady, &authority),
        current,
        tally: Arc::new(Tally::default()),
    };

    let warming = async {
        sleep(time / 5).await;
        Figures::of(&steady).await
    };
    let warm = tokio::select! {
        ((), warm) = async { tokio::join!(load.run(), warming) } => warm,
        () = faults(&authority, &steady_files, &replaced, &load) => unreachable!("faults have no end"),
    };
    // The requests in flight are done, so this is what the server keeps.
    sleep(Duration::from_secs(2)).await;
    let end = Figures::of(&steady).await;

    println!("{}", load.tally);
    println!("memory: {} MiB warm, {} MiB at the end", warm.memory >> 20, end.memory >> 20);
    println!("descriptors: {} warm, {} at the end", warm.descriptors, end.descriptors);
    println!("panics: {}; reloads refused: {}", end.panics, end.refused);
    let fine = load.tally.failures() == 0 && end.panics == 0 && end.memory <= warm.memory + MOST_GROWTH;
    if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Certificates rotate, and the second instance is replaced.
async fn faults(
    authority: &Authority,
    steady_files: &TempDir,
    replaced: &watch::Sender<Client>,
    load: &Load,
) {
    let mut rotate = interval_at(Instant::now() + ROTATE_EVERY, ROTATE_EVERY);
    let mut replace = interval(REPLACE_EVERY);
    let mut second: Option<Webhook> = None;
    loop {
        tokio::select! {
            _ = rotate.tick() => {
                authority.pair().write_to(steady_files.path());
                load.tally.rotated();
            }
            _ = replace.tick() => {
                let next = serve(&files(authority)).await;
                next.is_ready().await;
                replaced.send_replace(client_of(&next, authority));
                if let Some(mut old) = second.replace(next) {
                    old.signal(Signal::TERM);
                    tokio::spawn(async move { old.exit().await });
                    load.tally.replaced();
                }
            }
        }
    }
}

fn files(authority: &Authority) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    authority.pair().write_to(directory.path());
    directory
}

async fn serve(files: &TempDir) -> Webhook {
    let file = |name| files.path().join(name);
    let flags = ["--drain", "3s"];
    Webhook::with_files(&file("tls.crt"), &file("tls.key"), &flags).await
}

fn client_of(webhook: &Webhook, authority: &Authority) -> Client {
    Client::new(webhook.https, vec![authority.certificate()])
}

struct Figures {
    memory: u64,
    descriptors: u64,
    panics: u64,
    refused: u64,
}

impl Figures {
    async fn of(webhook: &Webhook) -> Self {
        let refused = r#"modelendpoint_webhook_certificate_reloads_total{result="failure"}"#;
        Self {
            memory: webhook.metric("process_resident_memory_bytes").await,
            descriptors: webhook.metric("process_open_fds").await,
            panics: webhook.metric("modelendpoint_webhook_panics_total").await,
            refused: webhook.metric(refused).await,
        }
    }
}
