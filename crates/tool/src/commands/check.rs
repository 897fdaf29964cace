//! `check`: manifests in, findings out, with the verdict of the served webhook.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::cli::{self, CheckFormat, Modelplane};
use crate::lint::cluster::{self, Scope};
use crate::lint::diff;
use crate::lint::format::text::Style;
use crate::lint::format::{github, json, sarif, text};
use crate::lint::run::{Fix, Report, run as check_all};
use crate::lint::sources::{Source, Unreadable, find};
use modelendpoint_core::endpoint::quote::Seen;
use modelendpoint_core::endpoint::{Generation, Policy};
use modelendpoint_files::Accept;
use modelendpoint_lint::check::Terms;
use modelendpoint_lint::fix::Extent;
use modelendpoint_policy::load;

/// # Errors
/// When there is nothing to check, or nowhere to write to.
pub fn run(args: &cli::Check) -> anyhow::Result<ExitCode> {
    let policy = match &args.policy {
        Some(file) => load(file, Accept::Any)?.policy,
        None => Policy::NONE,
    };
    let terms = Terms {
        policy: &policy,
        namespace: args.namespace.as_deref().unwrap_or("default"),
        generation: args.modelplane.map(Modelplane::generation),
    };
    if args.cluster {
        let mut report = ask_cluster(args, terms)?;
        report.is_verbose = args.verbose;
        return tell(&report, args, Fix::No);
    }
    let (sources, unreadable) = find(&args.paths);
    if sources.iter().filter(|source| **source == Source::StandardInput).count() > 1 {
        bail!("`-` stands for standard input, which can be read once: name it once");
    }
    let extent = Extent { guesses: args.unsafe_fixes, defaults: args.fix_defaults };
    let fix = match (args.diff, args.fix) {
        (true, _) => Fix::Show(extent),
        (false, true) => Fix::Write(extent),
        (false, false) if extent != Extent::default() => {
            bail!("--unsafe-fixes and --fix-defaults go with --fix or --diff")
        }
        (false, false) => Fix::No,
    };
    let progress = Progress::of("files");
    let mut report = check_all(&sources, terms, fix, |done| {
        // as often as a person can see
        if done.is_multiple_of((sources.len() / 100).max(1)) {
            progress.tell(done, sources.len());
        }
    });
    progress.end();
    report.unreadable.splice(0..0, unreadable);
    report.is_verbose = args.verbose;
    tell(&report, args, fix)
}

impl Modelplane {
    fn generation(self) -> Generation {
        match self {
            Modelplane::V0_3 => Generation::Url,
            Modelplane::V0_5 => Generation::Origin,
        }
    }
}

fn tell(report: &Report, args: &cli::Check, fix: Fix) -> anyhow::Result<ExitCode> {
    show(report, args, fix).context("cannot write to standard output")?;
    for Unreadable(why) in &report.unreadable {
        eprintln!("error: {}", Seen(why));
    }
    Ok(exit_code(report, args.warnings_as_errors))
}

fn ask_cluster(args: &cli::Check, terms: Terms<'_>) -> anyhow::Result<Report> {
    let scope = if args.all_namespaces { Scope::All } else { Scope::Namespace(args.namespace.as_deref()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let progress = Progress::of("ModelEndpoints");
    let check = cluster::check(scope, terms, |done, all| progress.tell(done, all));
    let report = runtime.context("cannot start the runtime")?.block_on(check);
    progress.end();
    report
}

fn show(report: &Report, args: &cli::Check, fix: Fix) -> std::io::Result<()> {
    let text = match args.format {
        CheckFormat::Text => text::render(report, if is_coloured() { Style::Coloured } else { Style::Plain }),
        CheckFormat::Json => json::render(report),
        CheckFormat::Sarif => sarif::render(report),
        CheckFormat::Github => github::render(report),
    };
    // what was piped in goes on its way, and findings go beside it, even where there is nothing to write
    let is_piped = matches!(fix, Fix::Write(_)) && args.paths.iter().any(|path| path.as_os_str() == "-");
    let mut piped = report.outcomes.iter().filter(|outcome| outcome.source == Source::StandardInput);
    let piped = piped.find_map(|outcome| outcome.fixed.as_deref()).unwrap_or_default();
    match (fix, is_piped) {
        (Fix::Show(_), _) => {
            stdout().lock().write_all(diff::render(report).as_bytes())?;
            stderr().lock().write_all(format!("{}\n", text::summary(report)).as_bytes())
        }
        (_, true) => {
            stdout().lock().write_all(piped.as_bytes())?;
            stderr().lock().write_all(text.as_bytes())
        }
        (_, false) => stdout().lock().write_all(text.as_bytes()),
    }
}

/// <https://no-color.org> and <https://bixense.com/clicolors>
pub(super) fn is_coloured() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    !refused && (forced || stdout().is_terminal() && !dumb)
}

fn exit_code(report: &Report, warnings_as_errors: bool) -> ExitCode {
    use modelendpoint_lint::finding::Level;
    let worst = report.outcomes.iter().flat_map(|outcome| &outcome.checked.findings);
    let worst = worst.map(|finding| finding.level).max();
    match worst {
        _ if !report.unreadable.is_empty() => ExitCode::from(2),
        Some(Level::Deny) => ExitCode::from(1),
        Some(Level::Warn) if warnings_as_errors => ExitCode::from(1),
        _ => ExitCode::SUCCESS,
    }
}

/// A line on a terminal that says how far it is, if it lasts.
struct Progress {
    of_what: &'static str,
    began: Instant,
    is_shown: bool,
}

impl Progress {
    const PATIENCE: Duration = Duration::from_millis(500);
    const WIDTH: usize = 30;

    fn of(of_what: &'static str) -> Self {
        Progress { of_what, began: Instant::now(), is_shown: stderr().is_terminal() }
    }

    fn tell(&self, done: usize, all: usize) {
        if self.is_shown && self.began.elapsed() > Self::PATIENCE {
            let filled = Self::WIDTH * done.min(all) / all.max(1);
            let bar = "#".repeat(filled) + &" ".repeat(Self::WIDTH - filled);
            let _ = write!(stderr().lock(), "\r[{bar}] {done}/{all} {}", self.of_what);
        }
    }

    fn end(&self) {
        if self.is_shown && self.began.elapsed() > Self::PATIENCE {
            // ANSI: erase the line
            let _ = write!(stderr().lock(), "\r\x1b[2K");
        }
    }
}
