//! Arguments in, exit code out: 0 fine, 1 findings, 2 usage or start-up error.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};
use modelendpoint::cli::{Cli, Command};
use modelendpoint::commands::{audit, certs, check, completions, man, migrate, policies, providers, rules};

fn main() -> ExitCode {
    let matches = Cli::command().bin_name(called_as()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let result = match cli.command {
        Command::Check(args) => check::run(&args),
        Command::Migrate(args) => migrate::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Providers(args) => providers::run(&args),
        Command::Policies(args) => policies::run(&args),
        Command::Certs(args) => certs::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}

/// What people type: kubectl runs the plugin `kubectl-modelendpoint` for `kubectl modelendpoint`.
fn called_as() -> &'static str {
    let program = env::args_os().next().unwrap_or_default();
    match Path::new(&program).file_stem() {
        Some(name) if name == "kubectl-modelendpoint" => "kubectl modelendpoint",
        _ => "modelendpoint",
    }
}
