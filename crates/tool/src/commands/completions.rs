//! `completions`: a shell's name in, a script for it on standard output.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;

use crate::cli::{self, Cli};

/// # Errors
/// When standard output is closed.
pub fn run(args: &cli::Completions) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "modelendpoint", &mut script);
    std::io::stdout().lock().write_all(&script).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}
