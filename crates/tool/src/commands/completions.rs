//! `completions`: a shell's name in, a script for it on standard output.

use std::process::ExitCode;

use clap::CommandFactory;

use super::output::print;
use crate::cli::{self, Cli};

/// # Errors
/// When standard output is closed.
pub fn run(args: &cli::Completions) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "modelendpoint", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
