//! Arguments in, exit code out: 0 fine, 2 usage or start-up error.

use std::process::ExitCode;

use clap::Parser;
use modelendpoint_webhook::cli::{Cli, Command};
use modelendpoint_webhook::serve;

fn main() -> ExitCode {
    let Command::Serve(args) = Cli::parse().command;
    serve::run(&args).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
