//! `man`: the definition of the flags in, manual pages in a directory out.

use std::fs;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;

use crate::cli::{self, Cli};

/// # Errors
/// When the directory can't be written to.
pub fn run(args: &cli::Man) -> anyhow::Result<ExitCode> {
    let out = &args.out;
    fs::create_dir_all(out).with_context(|| format!("cannot make --out {}", out.display()))?;
    clap_mangen::generate_to(Cli::command(), out)
        .with_context(|| format!("cannot write to --out {}", out.display()))?;
    Ok(ExitCode::SUCCESS)
}
