//! Servers side by side: every round measures every server, one after the other, and the table has the
//! lowest CPU time of the rounds and the median of all else. The first server is what the others are
//! compared with.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use bench_answer::Case;

use crate::Pair;
use crate::client::{Client, Reviews};
use crate::process::Process;
use crate::work;

use Estimate::{Lowest, Median};

const ROWS: [(&str, Estimate); 13] = [
    ("/mutate, 3.8 KB, 32 in flight: CPU µs per request", Lowest),
    ("/validate, the same, one of five refused: CPU µs per request", Lowest),
    ("/validate, all refused: CPU µs per request", Lowest),
    ("/mutate, 1.5 MiB: CPU µs per request", Lowest),
    ("new connection, one request: CPU µs", Lowest),
    ("2,000 requests/s: p50 µs", Median),
    ("2,000 requests/s: p99 µs", Median),
    ("2,000 requests/s: p99.9 µs", Median),
    ("2,000 requests/s: CPU µs per request", Lowest),
    ("memory when idle: KiB", Median),
    ("peak with 32 objects of 1.5 MiB at once: KiB", Median),
    ("start to first answer: ms", Median),
    ("start to first answer: CPU ms", Lowest),
];

/// Which of the rounds' figures stands for all.
#[derive(Clone, Copy)]
enum Estimate {
    /// For CPU time, to which what else runs on the machine only adds.
    Lowest,
    Median,
}

pub(crate) async fn run(programs: &[PathBuf], rounds: u32, pair: &Pair) -> anyhow::Result<()> {
    let work = Work::new();
    let mut figures = vec![vec![Vec::new(); ROWS.len()]; programs.len()];
    for round in 1..=rounds {
        for (program, figures) in programs.iter().zip(&mut figures) {
            eprintln!("round {round} of {rounds}: {}", program.display());
            let measured =
                measure(program, pair, &work).await.with_context(|| program.display().to_string())?;
            for (row, figure) in figures.iter_mut().zip(measured) {
                row.push(figure);
            }
        }
    }
    print(programs, figures);
    Ok(())
}

/// What is sent.
struct Work {
    mutate: Reviews,
    validate: Reviews,
    refused: Reviews,
    large: Reviews,
}

impl Work {
    fn new() -> Self {
        let large = Case::named("mutate-1.5-mib").expect("a large case").body();
        Self {
            mutate: work::small_mutate(),
            validate: work::small_validate(),
            refused: work::refused(),
            large: Reviews::one("/mutate", large),
        }
    }
}

/// One figure for each row.
async fn measure(program: &Path, pair: &Pair, work: &Work) -> anyhow::Result<[f64; ROWS.len()]> {
    const SMALL: u32 = 8_000;
    const LARGE: u32 = 192;
    const CONNECTIONS: u32 = 400;
    const RATE: u32 = 2_000;
    const SECONDS: u32 = 2;

    let began = Instant::now();
    let server = Process::start(program, pair, &[], None)?;
    let client = Client::new(server.address, pair.trusted.clone())?;
    client.first_answer(&work.mutate).await?;
    let (start, start_cpu) = (began.elapsed(), server.cpu()?);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let idle = server.memory("VmRSS")?;

    // what the allocator and the kernel do once is not what a request costs
    client.saturate(&work.mutate, 32, 640).await?;
    let mut before = server.cpu()?;
    let mut cpu_per = |count: u32| {
        let now = server.cpu()?;
        let micros = now.saturating_sub(before).as_secs_f64() * 1e6 / f64::from(count);
        before = now;
        anyhow::Ok(micros)
    };
    client.saturate(&work.mutate, 32, SMALL as usize).await?;
    let mutate = cpu_per(SMALL)?;
    client.saturate(&work.validate, 32, SMALL as usize).await?;
    let validate = cpu_per(SMALL)?;
    client.saturate(&work.refused, 32, SMALL as usize).await?;
    let refused = cpu_per(SMALL)?;
    client.reconnect(&work.mutate, CONNECTIONS as usize).await?;
    let connection = cpu_per(CONNECTIONS)?;
    let took = client.pace(&work.mutate, RATE, Duration::from_secs(SECONDS.into())).await?;
    let paced = cpu_per(RATE * SECONDS)?;
    client.saturate(&work.large, 4, LARGE as usize).await?;
    let large = cpu_per(LARGE)?;
    client.saturate(&work.large, 32, 32).await?;
    let peak = server.memory("VmHWM")?;

    let quantile = |per_mille: usize| took[(took.len() - 1) * per_mille / 1_000].as_secs_f64() * 1e6;
    Ok([
        mutate,
        validate,
        refused,
        large,
        connection,
        quantile(500),
        quantile(990),
        quantile(999),
        paced,
        idle.into(),
        peak.into(),
        start.as_secs_f64() * 1e3,
        start_cpu.as_secs_f64() * 1e3,
    ])
}

/// A Markdown table, each figure with its ratio to the first column.
fn print(programs: &[PathBuf], mut figures: Vec<Vec<Vec<f64>>>) {
    let names = programs.iter().map(|program| program.file_name().unwrap_or_default().to_string_lossy());
    println!("| | {} |", names.collect::<Vec<_>>().join(" | "));
    println!("|---{}|", "|---".repeat(programs.len()));
    for (number, (row, estimate)) in ROWS.iter().enumerate() {
        print!("| {row} |");
        let mut reference = None;
        for rounds in figures.iter_mut().map(|figures| &mut figures[number]) {
            rounds.sort_unstable_by(f64::total_cmp);
            let figure = match estimate {
                Lowest => rounds[0],
                Median => rounds[rounds.len() / 2],
            };
            match reference {
                None => print!(" {figure:.1} |"),
                Some(reference) => print!(" {figure:.1} ({:.2}×) |", figure / reference),
            }
            reference.get_or_insert(figure);
        }
        println!();
    }
}
