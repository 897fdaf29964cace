//! `completions`: a shell's name in, a script for it on standard output.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::{self, Cli};

/// # Errors
/// When standard output is closed.
pub fn run(args: &cli::Completions) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut script);
    let mut script = String::from_utf8(script).context("the script is no UTF-8")?;
    if args.shell == Shell::Bash {
        // clap_complete 4.6 names a program with a `-` in two ways, and then completes no flag of a command
        script = script.replace("modelendpoint__subcmd__webhook", "modelendpoint__webhook");
    }
    std::io::stdout().lock().write_all(script.as_bytes()).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}
