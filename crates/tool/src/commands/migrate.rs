//! `migrate`: manifests of Modelplane before 0.5 in, the same for Modelplane 0.5 out.

use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::check::is_coloured;
use crate::cli;
use crate::lint::diff;
use crate::lint::format::text::{Style, findings};
use crate::lint::run::{Report, SourceReport};
use crate::lint::sources::{Source, Unreadable, Way, find};
use crate::lint::write::write;
use modelendpoint_core::endpoint::policy::NONE;
use modelendpoint_core::endpoint::quote::Seen;
use modelendpoint_lint::check::{Checked, Terms, read};
use modelendpoint_lint::migrate::{Migration, migrate};

/// # Errors
/// When standard input is named twice, or there is nowhere to write to.
pub fn run(args: &cli::Migrate) -> anyhow::Result<ExitCode> {
    let (sources, unreadable) = find(&args.paths);
    let piped = sources.iter().filter(|source| **source == Source::StandardInput).count();
    if piped > 1 {
        bail!("`-` stands for standard input, which can be read once: name it once");
    }
    let mut report = Report { unreadable, ..Report::default() };
    for source in sources {
        match migrate_one(source, args.diff) {
            Ok(outcome) => report.outcomes.push(outcome),
            Err(unreadable) => report.unreadable.push(unreadable),
        }
    }
    show(&report, args.diff).context("cannot write to standard output")?;
    for Unreadable(why) in &report.unreadable {
        eprintln!("error: {}", Seen(why));
    }
    Ok(match report.count().refused {
        _ if !report.unreadable.is_empty() => ExitCode::from(2),
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(1),
    })
}

fn migrate_one(source: Source, is_dry: bool) -> Result<SourceReport, Unreadable> {
    let text = match read(source.read()?) {
        Ok(text) => text,
        Err(finding) => {
            let checked = Checked { findings: vec![*finding], ..Checked::default() };
            return Ok(SourceReport { source, text: String::new(), checked, fixed: None, fixes: 0 });
        }
    };
    let terms = Terms { policy: &NONE, namespace: "default", generation: None };
    let Migration { checked, migrated } = migrate(&text, terms);
    let fixed = match (&source, migrated) {
        // what is piped through must come out
        (Source::StandardInput, migrated) => Some(migrated.unwrap_or_else(|| text.clone())),
        (_, migrated) => migrated,
    };
    if let (Source::File(path, way), Some(new), false) = (&source, &fixed, is_dry) {
        let cannot =
            |why: &dyn std::fmt::Display| Unreadable(format!("cannot migrate {}: {why}", path.display()));
        if *way == Way::LinkedOut {
            return Err(cannot(&"it is a link to a file outside of what was named; name that file too"));
        }
        write(path, &text, new).map_err(|error| cannot(&error))?;
    }
    Ok(SourceReport { source, text, checked, fixed, fixes: 0 })
}

/// The new text of standard input, or the changes, on standard output; what is left to do beside it.
fn show(report: &Report, is_dry: bool) -> std::io::Result<()> {
    let style = if is_coloured() { Style::Coloured } else { Style::Plain };
    let told = format!("{}{}\n", findings(report, style), summary(report, is_dry));
    let piped = report.outcomes.iter().find(|outcome| outcome.source == Source::StandardInput);
    let out = match piped {
        _ if is_dry => Some(diff::render(report)),
        piped => piped.and_then(|outcome| outcome.fixed.clone()),
    };
    match out {
        Some(out) => {
            stdout().lock().write_all(out.as_bytes())?;
            stderr().lock().write_all(told.as_bytes())
        }
        None => stdout().lock().write_all(told.as_bytes()),
    }
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
