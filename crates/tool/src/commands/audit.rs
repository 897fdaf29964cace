//! `audit`: a cluster in, reports about the endpoints that it stores out.

use std::io::stderr;
use std::process::ExitCode;

use anyhow::Context;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::audit;
use crate::cli::{self, LogFormat};

/// # Errors
/// When it can't start, or `--once` can't be done.
pub fn run(args: &cli::Audit) -> anyhow::Result<ExitCode> {
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    let lines = match args.log_format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let ours = Targets::new().with_target("modelendpoint", LevelFilter::INFO);
    tracing_subscriber::registry().with(lines.with_filter(ours)).try_init().context("cannot log")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start the runtime")?.block_on(audit::run(args))?;
    Ok(ExitCode::SUCCESS)
}
