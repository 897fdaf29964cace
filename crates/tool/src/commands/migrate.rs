//! `migrate`: manifests for Modelplane before 0.5 in, manifests for Modelplane 0.5 out.

use std::io::{stderr, stdout};
use std::process::ExitCode;

use super::output::{print, style, tell, tell_errors, tell_notes};
use crate::cli;
use crate::lint::diff::{self, Diff};
use crate::lint::format::text::findings;
use crate::lint::run::{Report, SourceReport, each};
use crate::lint::sources::{Search, Source, Unreadable, find};
use modelendpoint_core::endpoint::policy::NONE;
use modelendpoint_lint::check::{Terms, read};
use modelendpoint_lint::migrate::{Migration, migrate};

/// # Errors
/// If standard input is named twice, or the output can't be written.
pub fn run(args: &cli::Migrate) -> anyhow::Result<ExitCode> {
    let found = find(&args.paths, &Search::from(&args.search))?;
    let report = each(found, |source| migrate_one(source, args.diff), |_, _| {});
    show(&report, args)?;
    tell_errors(&report);
    Ok(match report.count().refused {
        _ if !report.unreadable.is_empty() => ExitCode::from(2),
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    })
}

fn migrate_one(source: &Source, is_dry: bool) -> Result<SourceReport, Unreadable> {
    let text = match read(source.read()?) {
        Ok(text) => text,
        Err(finding) => return Ok(SourceReport::unread(source, *finding)),
    };
    let terms = Terms { policy: &NONE, namespace: "default", generation: None };
    let Migration { checked, migrated } = migrate(&text, terms);
    if let Some(new) = &migrated {
        source.may_be_written()?;
        if !is_dry {
            source.write(&text, new)?;
        }
    }
    // Standard input must be copied to standard output.
    let is_piped = *source == Source::StandardInput && !is_dry;
    let fixed = migrated.or_else(|| is_piped.then(|| text.clone()));
    Ok(SourceReport { fixed, ..SourceReport::of(source, text, checked) })
}

/// Writes the new text of standard input, or the changes, to standard output, and what is left to do to standard
/// error.
fn show(report: &Report, args: &cli::Migrate) -> anyhow::Result<()> {
    let told = |style| format!("{}{}\n", findings(report, style), summary(report, args.diff));
    let piped = report.outcomes.iter().find(|outcome| outcome.source == Source::StandardInput);
    if args.diff {
        let Diff { text, notes } = diff::render(report, "run it without --diff to write the change");
        print(&text)?;
        tell(&told(style(args.color.when, &stderr())));
        tell_notes(&notes);
    } else if let Some(new) = piped.and_then(|outcome| outcome.fixed.as_deref()) {
        print(new)?;
        tell(&told(style(args.color.when, &stderr())));
    } else {
        print(&told(style(args.color.when, &stdout())))?;
    }
    Ok(())
}

fn summary(report: &Report, is_dry: bool) -> String {
    let count = report.count();
    let plural = if count.endpoints == 1 { "" } else { "s" };
    let verb = if is_dry { "to migrate" } else { "migrated" };
    format!(
        "{} ModelEndpoint{plural}: {} {verb}, {} to rewrite by hand; {} other objects left alone",
        count.endpoints, count.changed, count.refused, count.skipped
    )
}
