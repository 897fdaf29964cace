//! Arguments in, exit code out: 0 fine, 1 findings, 2 usage or start-up error.

use std::process::ExitCode;

use clap::Parser;
use modelendpoint_webhook::cli::{Cli, Command};
use modelendpoint_webhook::commands::{certs, check, completions, man, rules, serve};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Certs(args) => certs::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
