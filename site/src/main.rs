//! The repository's Markdown, rule catalogue and crates in; the documentation site and its pictures out.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use site::{book, dashboard, diagram, playground};

/// Makes the documentation site and its diagram.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The site, as static files.
    Build {
        #[arg(default_value = "target/site")]
        folder: PathBuf,
        /// Leave the WebAssembly of the page to try it out.
        #[arg(long)]
        without_playground: bool,
    },
    /// The crates and what they depend on, as docs/pictures/crates.svg.
    Diagram,
    /// What Grafana's dashboard asks, answered by a real Prometheus, as docs/pictures/dashboard.svg. It needs the
    /// programs prometheus and curl.
    Dashboard {
        /// The server to watch under load.
        #[arg(default_value = "target/debug/modelendpoint-webhook")]
        webhook: PathBuf,
        /// For how long.
        #[arg(long, default_value_t = 240)]
        seconds: u64,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse().what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(what: &What) -> anyhow::Result<()> {
    match what {
        What::Build { folder, without_playground } => {
            book::build(folder)?;
            if !without_playground {
                playground::build(folder)?;
            }
            println!("{}", folder.join("index.html").display());
            Ok(())
        }
        What::Diagram => diagram::write(),
        What::Dashboard { webhook, seconds } => dashboard::write(webhook, Duration::from_secs(*seconds)),
    }
}
