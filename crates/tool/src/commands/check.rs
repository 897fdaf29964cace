//! `check`: manifests in, findings out, with the verdict of the running webhook.

use std::fs;
use std::io::{stderr, stdout};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::ColorChoice;

use super::output::{style, tell, tell_errors, tell_notes, write};
use super::policy_of;
use super::progress::Progress;
use crate::cli::{self, CheckFormat, Modelplane};
use crate::lint::cluster::{self, Scope};
use crate::lint::diff;
use crate::lint::format::text::Style;
use crate::lint::format::{github, json, sarif, text};
use crate::lint::run::{Fix, Report, run as check_all};
use crate::lint::sources::{Search, Source, Way, find};
use modelendpoint_core::endpoint::Generation;
use modelendpoint_lint::check::Terms;
use modelendpoint_lint::finding::Level;
use modelendpoint_lint::fix::Extent;

/// # Errors
/// If there is nothing to check, or the output can't be written.
pub fn run(args: &cli::Check) -> anyhow::Result<ExitCode> {
    let policy = policy_of(args.policy.as_deref())?;
    let terms = Terms {
        policy: &policy,
        namespace: args.namespace.as_deref().unwrap_or("default"),
        generation: args.modelplane.map(Modelplane::generation),
    };
    let fix = fix_of(args)?;
    let mut report = if args.cluster { ask_cluster(args, terms)? } else { read(args, terms, fix)? };
    report.is_verbose = args.verbose;
    show(&report, args, fix)?;
    tell_errors(&report);
    Ok(exit_code(&report, args.warnings_as_errors))
}

fn fix_of(args: &cli::Check) -> anyhow::Result<Fix> {
    let extent = Extent { guesses: args.unsafe_fixes, defaults: args.fix_defaults };
    Ok(match (args.diff, args.fix) {
        (true, _) => Fix::Show(extent),
        (false, true) => Fix::Write(extent),
        (false, false) if extent != Extent::default() => {
            bail!("--unsafe-fixes and --fix-defaults need --fix or --diff")
        }
        (false, false) => Fix::No,
    })
}

fn read(args: &cli::Check, terms: Terms<'_>, fix: Fix) -> anyhow::Result<Report> {
    if args.access.context.is_some() || args.access.kubeconfig.is_some() {
        bail!("--context and --kubeconfig go with --cluster");
    }
    let mut found = find(&args.paths, &Search::from(&args.search))?;
    if let Some(output) = &args.output {
        found.sources.retain(|source| !is_found_as(source, output));
    }
    let empty = std::mem::take(&mut found.empty);
    let progress = Progress::of("files", args.quiet);
    let mut report = check_all(found, terms, fix, |done, all| {
        // As often as a person can notice.
        if done.is_multiple_of((all / 100).max(1)) {
            progress.tell(done, all);
        }
    });
    progress.end();
    for directory in report.without_endpoints(&args.paths) {
        let shown = directory.display();
        report.notes.push(if empty.iter().any(|empty| empty == directory) {
            format!(
                "{shown} contains no .yaml, .yml or .json file; hidden files, and those that git ignores or \
                 --exclude matches, are skipped"
            )
        } else {
            format!("{shown} contains no ModelEndpoint")
        });
    }
    Ok(report)
}

impl From<&cli::Search> for Search {
    fn from(flags: &cli::Search) -> Self {
        Search { exclude: flags.exclude.clone(), ignored_too: flags.no_ignore }
    }
}

/// An output file from an earlier run is not checked.
fn is_found_as(source: &Source, output: &Path) -> bool {
    let Source::File(path, Way::Found | Way::LinkedOut) = source else { return false };
    path.file_name() == output.file_name()
        && fs::canonicalize(path)
            .is_ok_and(|path| fs::canonicalize(output).is_ok_and(|output| path == output))
}

impl Modelplane {
    pub(crate) fn generation(self) -> Generation {
        match self {
            Modelplane::V0_3 => Generation::Url,
            Modelplane::V0_5 => Generation::Origin,
        }
    }
}

fn ask_cluster(args: &cli::Check, terms: Terms<'_>) -> anyhow::Result<Report> {
    let scope = if args.all_namespaces { Scope::All } else { Scope::Namespace(args.namespace.as_deref()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let progress = Progress::of("ModelEndpoints", args.quiet);
    let check = cluster::check(&args.access, scope, terms, |done, all| progress.tell(done, all));
    let report = runtime.context("cannot start the runtime")?.block_on(check);
    progress.end();
    report
}

/// Findings go to standard output, or to standard error if a diff or the corrected standard input goes to standard
/// output.
fn show(report: &Report, args: &cli::Check, fix: Fix) -> anyhow::Result<()> {
    let is_piped = matches!(fix, Fix::Write(_)) && args.paths.iter().any(|path| path.as_os_str() == "-");
    let mut notes = report.notes.clone();
    if matches!(fix, Fix::Show(_)) {
        let diff = diff::render(report, "use --fix to write the change");
        write(&diff.text, args.output.as_deref())?;
        if !args.quiet {
            tell(&format!("{}\n", text::summary(report)));
        }
        notes.extend(diff.notes);
    } else if is_piped {
        let mut piped = report.outcomes.iter().filter(|outcome| outcome.source == Source::StandardInput);
        let piped = piped.find_map(|outcome| outcome.fixed.as_deref()).unwrap_or_default();
        write(piped, args.output.as_deref())?;
        tell(&formatted(report, args, style(args.color.when, &stderr())));
    } else {
        let style = match (&args.output, args.color.when) {
            (Some(_), ColorChoice::Auto) => Style::Plain,
            (_, wanted) => style(wanted, &stdout()),
        };
        write(&formatted(report, args, style), args.output.as_deref())?;
    }
    if !args.quiet {
        tell_notes(&notes);
    }
    Ok(())
}

fn formatted(report: &Report, args: &cli::Check, style: Style) -> String {
    match args.format {
        CheckFormat::Text if args.quiet => text::findings(report, style),
        CheckFormat::Text => text::render(report, style),
        CheckFormat::Json => json::render(report),
        CheckFormat::Sarif => sarif::render(report),
        CheckFormat::Github => github::render(report),
    }
}

fn exit_code(report: &Report, warnings_as_errors: bool) -> ExitCode {
    let worst = report.outcomes.iter().flat_map(|outcome| &outcome.checked.findings);
    let worst = worst.map(|finding| finding.level).max();
    match worst {
        _ if !report.unreadable.is_empty() => ExitCode::from(2),
        Some(Level::Deny) => ExitCode::from(1),
        Some(Level::Warn) if warnings_as_errors => ExitCode::from(1),
        _ => ExitCode::SUCCESS,
    }
}
