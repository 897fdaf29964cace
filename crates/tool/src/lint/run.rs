//! Sources in, a report on all of them out: every core takes the next source until none is left.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::sources::{Source, Unreadable, Way};
use super::write::write;
use modelendpoint_lint::check::{Checked, Count, Terms, check, read};
use modelendpoint_lint::fix::{Extent, Fixed, fix};

/// What became of a source.
#[derive(Debug)]
pub struct SourceReport {
    pub source: Source,
    /// As it is now; empty where nothing was found.
    pub text: String,
    pub checked: Checked,
    /// What a fix makes of it, if that is something else.
    pub fixed: Option<String>,
    /// How many values a fix wrote.
    pub fixes: usize,
}

/// What became of all sources.
#[derive(Debug, Default)]
pub struct Report {
    pub outcomes: Vec<SourceReport>,
    pub unreadable: Vec<Unreadable>,
    /// Whether people are told of values that are stored as another, with nothing wrong about them.
    pub is_verbose: bool,
}

/// Whether to write what a fix makes of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fix {
    No,
    Show(Extent),
    Write(Extent),
}

/// Checks all sources; `tell` hears how many are done.
#[must_use]
pub fn run(sources: &[Source], terms: Terms<'_>, how: Fix, tell: impl Fn(usize) + Sync) -> Report {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let slots: Vec<Mutex<Option<Result<SourceReport, Unreadable>>>> =
        sources.iter().map(|_| Mutex::new(None)).collect();
    let cores = thread::available_parallelism().map_or(1, NonZero::get).min(sources.len());
    let work = || {
        while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < sources.len()) {
            let outcome = run_one(&sources[at], terms, how);
            *slots[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            tell(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    thread::scope(|scope| {
        for _ in 1..cores {
            scope.spawn(work);
        }
        work();
    });
    let mut report = Report::default();
    for slot in slots {
        match slot.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(Ok(outcome)) => report.outcomes.push(outcome),
            Some(Err(unreadable)) => report.unreadable.push(unreadable),
            None => {}
        }
    }
    report
}

fn run_one(source: &Source, terms: Terms<'_>, how: Fix) -> Result<SourceReport, Unreadable> {
    let mut text = match read(source.read()?) {
        Ok(text) => text,
        Err(finding) => {
            let checked = Checked { findings: vec![*finding], ..Checked::default() };
            return Ok(SourceReport::of(source.clone(), checked));
        }
    };
    let mut checked = check(&text, terms);
    let found = |extent| if checked.findings.is_empty() { None } else { fix(&text, terms, extent) };
    let fixed = match how {
        Fix::No => None,
        // what is piped through must come out
        Fix::Write(extent) if *source == Source::StandardInput => {
            Some(found(extent).unwrap_or_else(|| Fixed { text: text.clone(), count: 0 }))
        }
        Fix::Show(extent) | Fix::Write(extent) => found(extent),
    };
    if let (Source::File(path, Way::LinkedOut), Some(_)) = (source, &fixed) {
        let why = "it is a link to a file outside of what was named; name that file too";
        return Err(Unreadable(format!("cannot fix {}: {why}", path.display())));
    }
    if let (Fix::Write(_), Some(Fixed { text: new, .. })) = (how, &fixed) {
        if let Source::File(path, _) = source {
            write(path, &text, new)
                .map_err(|error| Unreadable(format!("cannot write {}: {error}", path.display())))?;
        }
        checked = check(new, terms);
        text.clone_from(new);
    }
    if checked.findings.is_empty() && fixed.is_none() {
        text = String::new();
    }
    let report = SourceReport { text, ..SourceReport::of(source.clone(), checked) };
    Ok(match fixed {
        Some(Fixed { text, count }) => SourceReport { fixed: Some(text), fixes: count, ..report },
        None => report,
    })
}

impl SourceReport {
    /// Of a source of which nothing can be shown.
    pub(super) fn of(source: Source, checked: Checked) -> Self {
        SourceReport { source, text: String::new(), checked, fixed: None, fixes: 0 }
    }
}

impl Report {
    /// Over all sources.
    #[must_use]
    pub fn count(&self) -> Count {
        let mut sum = Count::default();
        for SourceReport { checked: Checked { count, .. }, .. } in &self.outcomes {
            sum.endpoints += count.endpoints;
            sum.refused += count.refused;
            sum.warned += count.warned;
            sum.changed += count.changed;
            sum.skipped += count.skipped;
        }
        sum
    }
}
