//! Sources in, a report on all of them out. Every core takes the next source until none is left.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::sources::{Found, Source, Unreadable};
use modelendpoint_lint::check::{Checked, Count, Terms, check, read};
use modelendpoint_lint::finding::Finding;
use modelendpoint_lint::fix::{Extent, Fixed, fix};

/// The result for a source.
#[derive(Debug)]
pub struct SourceReport {
    pub source: Source,
    /// The current text. Empty if there are no findings and nothing was written.
    pub text: String,
    pub checked: Checked,
    /// The fixed text, if it differs.
    pub fixed: Option<String>,
    /// How many values a fix wrote.
    pub fixes: usize,
}

/// The result for all sources.
#[derive(Debug, Default)]
pub struct Report {
    pub outcomes: Vec<SourceReport>,
    pub unreadable: Vec<Unreadable>,
    /// Notes for people.
    pub notes: Vec<String>,
    /// Whether to show values that are not wrong but are stored differently.
    pub is_verbose: bool,
}

/// Whether to write the fixed sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fix {
    No,
    Show(Extent),
    Write(Extent),
}

/// Checks all sources. `tell` is called with the number of sources that are done, and of all.
#[must_use]
pub fn run(found: Found, terms: Terms<'_>, how: Fix, tell: impl Fn(usize, usize) + Sync) -> Report {
    each(found, |source| check_one(source, terms, how), tell)
}

/// A report on all sources. The caller decides what is done with each.
pub(crate) fn each(
    found: Found,
    one: impl Fn(&Source) -> Result<SourceReport, Unreadable> + Sync,
    tell: impl Fn(usize, usize) + Sync,
) -> Report {
    let sources = found.sources;
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let slots: Vec<Mutex<Option<Result<SourceReport, Unreadable>>>> =
        sources.iter().map(|_| Mutex::new(None)).collect();
    let cores = thread::available_parallelism().map_or(1, NonZero::get).min(sources.len());
    let work = || {
        while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < sources.len()) {
            let outcome = one(&sources[at]);
            *slots[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            tell(done.fetch_add(1, Ordering::Relaxed) + 1, sources.len());
        }
    };
    thread::scope(|scope| {
        for _ in 1..cores {
            scope.spawn(work);
        }
        work();
    });
    let mut report = Report { unreadable: found.unreadable, ..Report::default() };
    for slot in slots {
        match slot.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(Ok(outcome)) => report.outcomes.push(outcome),
            Some(Err(unreadable)) => report.unreadable.push(unreadable),
            None => {}
        }
    }
    report
}

fn check_one(source: &Source, terms: Terms<'_>, how: Fix) -> Result<SourceReport, Unreadable> {
    let text = match read(source.read()?) {
        Ok(text) => text,
        Err(finding) => return Ok(SourceReport::unread(source, *finding)),
    };
    let checked = check(&text, terms);
    let (Fix::Show(extent) | Fix::Write(extent)) = how else {
        return Ok(SourceReport::of(source, text, checked));
    };
    let fixed = if checked.findings.is_empty() { None } else { fix(&text, terms, extent) };
    if fixed.is_some() {
        source.may_be_written()?;
    }
    match (how, fixed) {
        (Fix::Write(_), Some(Fixed { text: new, count })) => {
            source.write(&text, &new)?;
            let report = SourceReport::of(source, String::new(), check(&new, terms));
            Ok(SourceReport { text: new.clone(), fixed: Some(new), fixes: count, ..report })
        }
        // Standard input must be copied to standard output.
        (Fix::Write(_), None) if *source == Source::StandardInput => {
            let report = SourceReport::of(source, String::new(), checked);
            Ok(SourceReport { text: text.clone(), fixed: Some(text), ..report })
        }
        (_, fixed) => {
            let report = SourceReport::of(source, text, checked);
            Ok(match fixed {
                Some(Fixed { text, count }) => SourceReport { fixed: Some(text), fixes: count, ..report },
                None => report,
            })
        }
    }
}

impl SourceReport {
    pub(crate) fn of(source: &Source, text: String, checked: Checked) -> Self {
        let text = if checked.findings.is_empty() { String::new() } else { text };
        SourceReport { source: source.clone(), text, checked, fixed: None, fixes: 0 }
    }

    /// The result for a source that is not text.
    pub(crate) fn unread(source: &Source, finding: Finding) -> Self {
        SourceReport::of(source, String::new(), Checked { findings: vec![finding], ..Checked::default() })
    }

    /// Whether it contains an endpoint, or something that could not be read and may be one.
    fn has_something(&self) -> bool {
        self.checked.count.endpoints > 0 || !self.checked.findings.is_empty()
    }
}

impl Report {
    /// The sum over all sources.
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

    /// The directories without an endpoint, and without anything that may be one.
    pub(crate) fn without_endpoints<'a>(&self, named: &'a [PathBuf]) -> Vec<&'a Path> {
        let files = || {
            let outcomes = self.outcomes.iter().filter(|outcome| outcome.has_something());
            outcomes.filter_map(|outcome| match &outcome.source {
                Source::File(path, _) => Some(path),
                Source::StandardInput | Source::Cluster(_) => None,
            })
        };
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let is_below = |directory: &&Path| {
            // A file that is found by several paths has the name of the first one.
            files().any(|file| file.starts_with(directory))
                || files().any(|file| real(file).starts_with(real(directory)))
        };
        let directories = named.iter().map(PathBuf::as_path).filter(|path| path.is_dir());
        directories.filter(|directory| !is_below(directory)).collect()
    }
}
