//! Servers under the CPU limits of a container: their worker threads and latencies.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Pair;
use crate::client::{Client, Reviews};
use crate::cpu_limit::CpuLimit;
use crate::process::Process;
use crate::work;

/// `resources.limits.cpu`, and none.
const LIMITS: [(&str, Option<u32>); 4] =
    [("50m", Some(50)), ("500m", Some(500)), ("1", Some(1_000)), ("none", None)];
/// Requests per second: more than a cluster's people make, and what a storm of them is.
const RATES: [u32; 2] = [100, 500];
const SECONDS: u64 = 3;

/// What was seen of one server under one limit.
#[derive(Default)]
struct Seen {
    workers: Vec<f64>,
    start: Vec<f64>,
    took: [Vec<Duration>; RATES.len()],
    throttled: [Vec<f64>; RATES.len()],
}

pub(crate) async fn run(programs: &[PathBuf], rounds: u32, pair: &Pair) -> anyhow::Result<()> {
    let reviews = work::small_validate();
    let mut seen: Vec<Seen> = LIMITS.iter().flat_map(|_| programs).map(|_| Seen::default()).collect();
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        let each = LIMITS.iter().flat_map(|limit| programs.iter().map(move |program| (limit, program)));
        for (((_, millis), program), seen) in each.zip(&mut seen) {
            measure(program, *millis, pair, &reviews, seen).await?;
        }
    }
    println!(
        "| cpu | server | worker threads | start to first answer, ms | {} |",
        RATES.map(|rate| format!("{rate} requests/s: p50 ms | p99 | periods throttled, %")).join(" | ")
    );
    println!("|---|---|---|---{}|", "|---".repeat(3 * RATES.len()));
    let each = LIMITS.iter().flat_map(|limit| programs.iter().map(move |program| (limit, program)));
    for (((name, _), program), seen) in each.zip(&mut seen) {
        let program = program.file_name().unwrap_or_default().to_string_lossy();
        print!("| {name} | {program} | {} | {:.0} |", median(&mut seen.workers), median(&mut seen.start));
        for (took, throttled) in seen.took.iter_mut().zip(&mut seen.throttled) {
            took.sort_unstable();
            let quantile = |percent: usize| took[(took.len() - 1) * percent / 100].as_secs_f64() * 1e3;
            print!(" {:.2} | {:.1} | {:.0} |", quantile(50), quantile(99), median(throttled));
        }
        println!();
    }
    Ok(())
}

async fn measure(
    program: &Path,
    millis: Option<u32>,
    pair: &Pair,
    reviews: &Reviews,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let limit = millis.map(CpuLimit::millis).transpose()?;
    let began = Instant::now();
    let server = Process::start(program, pair, &[], limit.as_ref())?;
    let client = Client::new(server.address, pair.trusted.clone())?;
    client.first_answer(reviews).await?;
    seen.start.push(began.elapsed().as_secs_f64() * 1e3);
    seen.workers.push(f64::from(u32::try_from(server.workers()?)?));
    let periods = || limit.as_ref().map_or(Ok((0, 0)), CpuLimit::periods);
    for ((rate, took), throttled) in RATES.into_iter().zip(&mut seen.took).zip(&mut seen.throttled) {
        let before = periods()?;
        took.extend(client.pace(reviews, rate, Duration::from_secs(SECONDS)).await?);
        let after = periods()?;
        throttled.push(100.0 * f64::from(after.1 - before.1) / f64::from((after.0 - before.0).max(1)));
    }
    drop(server);
    Ok(())
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_unstable_by(f64::total_cmp);
    figures[figures.len() / 2]
}
