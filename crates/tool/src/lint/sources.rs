//! Arguments flow in: files, directories, `-`; the files to check flow out.

use std::collections::HashSet;
use std::env;
use std::error::Error;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use ignore::WalkBuilder;
use ignore::overrides::{Override, OverrideBuilder};

use super::write::write;
use modelendpoint_files::{Accept, MANIFESTS};

/// Something to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    File(PathBuf, Way),
    StandardInput,
    /// The objects of a cluster, in one namespace or in all. They have no lines.
    Cluster(Option<String>),
}

/// Why a file is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It was named, so it may be a pipe or a device.
    Named,
    /// It is in a directory that was named.
    Found,
    /// It is a link in a directory that was named, and leads to a file that was not named and is not in such a
    /// directory.
    LinkedOut,
}

/// What can't be read, with the reason, for people.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// What is left out when a directory is searched. A file that is named is always read.
#[derive(Debug, Default)]
pub struct Search {
    /// Patterns as in .gitignore.
    pub exclude: Vec<String>,
    /// Whether to read what git ignores, too.
    pub ignored_too: bool,
}

/// The sources that were found.
#[derive(Debug, Default)]
pub struct Found {
    pub sources: Vec<Source>,
    pub unreadable: Vec<Unreadable>,
    /// The named directories without a manifest.
    pub empty: Vec<PathBuf>,
    /// Whether a file could be found under two names. If there is only one way to it, this does not ask the file
    /// system.
    may_repeat: bool,
}

/// Every file that is named or is in a named directory, sorted by name. A file that is found by several paths appears
/// only under the first name.
///
/// # Errors
/// If standard input is named twice, or a pattern is invalid.
pub fn find(named: &[PathBuf], search: &Search) -> anyhow::Result<Found> {
    let is_input = |path: &PathBuf| path.as_os_str() == "-";
    if named.iter().filter(|path| is_input(path)).count() > 1 {
        bail!("`-` stands for standard input, which can be read once: name it once");
    }
    let excluded = search.excluded()?;
    let mut found = Found { may_repeat: named.len() > 1, ..Found::default() };
    for path in named {
        if is_input(path) {
            found.sources.push(Source::StandardInput);
        } else if path.is_dir() {
            found.walk(path, search, &excluded);
        } else {
            found.sources.push(Source::File(path.clone(), Way::Named));
        }
    }
    found.follow_links(named);
    if found.may_repeat {
        let mut seen = HashSet::new();
        found.sources.retain(|source| match source {
            Source::File(path, _) => seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())),
            Source::StandardInput | Source::Cluster(_) => true,
        });
    }
    Ok(found)
}

impl Search {
    fn excluded(&self) -> anyhow::Result<Override> {
        if self.exclude.is_empty() {
            return Ok(Override::empty());
        }
        let mut patterns =
            OverrideBuilder::new(env::current_dir().context("cannot tell the working directory")?);
        for pattern in &self.exclude {
            // With a `!`, matching files are left out.
            patterns
                .add(&format!("!{pattern}"))
                .with_context(|| format!("cannot use --exclude {pattern}"))?;
        }
        patterns.build().context("cannot use --exclude")
    }
}

impl Found {
    /// The manifests in a directory. It skips files that are hidden, ignored by Git or excluded, linked directories,
    /// which could lead back here, and everything that is neither a directory nor a regular file.
    fn walk(&mut self, directory: &Path, search: &Search, excluded: &Override) {
        let by_git = !search.ignored_too;
        let (sources, unreadable) = (self.sources.len(), self.unreadable.len());
        let entries = WalkBuilder::new(directory)
            .ignore(false)
            .parents(by_git)
            .git_ignore(by_git)
            .git_exclude(by_git)
            .git_global(by_git)
            .overrides(excluded.clone())
            .sort_by_file_name(Ord::cmp)
            .build();
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.unreadable.push(Unreadable::because_of(directory, &error));
                    continue;
                }
            };
            let kind = entry.file_type().filter(|kind| entry.depth() > 0 && !kind.is_dir());
            let path = entry.into_path();
            if let Some(kind) = kind
                && is_manifest(&path)
                && may_be_regular(&path, kind)
            {
                let is_link = kind.is_symlink();
                self.may_repeat |= is_link;
                self.sources.push(Source::File(path, if is_link { Way::LinkedOut } else { Way::Found }));
            }
        }
        if (sources, unreadable) == (self.sources.len(), self.unreadable.len()) {
            self.empty.push(directory.to_owned());
        }
    }

    /// Finds the links that lead to files or directories that were named.
    fn follow_links(&mut self, named: &[PathBuf]) {
        let named: Vec<_> = named.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
        for source in &mut self.sources {
            if let Source::File(path, way @ Way::LinkedOut) = source
                && fs::canonicalize(path).is_ok_and(|file| named.iter().any(|named| file.starts_with(named)))
            {
                *way = Way::Found;
            }
        }
    }
}

/// Whether it is a regular file, a link to one, or a broken link, which is reported when it is read.
fn may_be_regular(path: &Path, kind: FileType) -> bool {
    kind.is_file() || kind.is_symlink() && fs::metadata(path).map_or(true, |target| target.is_file())
}

fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    })
}

impl Source {
    /// # Errors
    /// When it can't be read.
    pub fn read(&self) -> Result<Vec<u8>, Unreadable> {
        match self {
            Source::File(path, way) => {
                let accept = if *way == Way::Named { Accept::Any } else { Accept::Regular };
                modelendpoint_files::read(path, accept, MANIFESTS)
                    .map_err(|error| Unreadable::because(path, &error))
            }
            Source::Cluster(_) => Ok(Vec::new()),
            Source::StandardInput => modelendpoint_files::read_all(io::stdin().lock(), 0, MANIFESTS)
                .map_err(|error| Unreadable::because(Path::new("standard input"), &error)),
        }
    }

    /// # Errors
    /// If it is a link to a file outside of what was named: nobody said that this file may be changed.
    pub(crate) fn may_be_written(&self) -> Result<(), Unreadable> {
        match self {
            Source::File(path, Way::LinkedOut) => {
                let why = "it links to a file outside the paths given; give that path too";
                Err(Unreadable(format!("cannot write {}: {why}", path.display())))
            }
            _ => Ok(()),
        }
    }

    /// Replaces the text, if it is a file.
    ///
    /// # Errors
    /// If it must not or can't be written.
    pub(crate) fn write(&self, old: &str, new: &str) -> Result<(), Unreadable> {
        self.may_be_written()?;
        let Source::File(path, _) = self else { return Ok(()) };
        write(path, old, new).map_err(|error| Unreadable(format!("cannot write {}: {error}", path.display())))
    }

    /// The name in findings.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Source::File(path, _) => path.display().to_string(),
            Source::StandardInput => "-".to_owned(),
            Source::Cluster(None) => "the cluster".to_owned(),
            Source::Cluster(Some(namespace)) => format!("the namespace {namespace} of the cluster"),
        }
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self, Source::Cluster(_))
    }
}

impl Unreadable {
    fn because(path: &Path, error: &dyn Error) -> Self {
        Unreadable(format!("cannot read {}: {error}", path.display()))
    }

    /// For a directory that was searched, or something in it.
    fn because_of(searched: &Path, error: &ignore::Error) -> Self {
        let (mut path, mut cause) = (searched, error);
        loop {
            match cause {
                ignore::Error::WithPath { path: below, err } => (path, cause) = (below, err),
                ignore::Error::WithDepth { err, .. } => cause = err,
                // It repeats the path before the message of the operating system.
                ignore::Error::Io(error) => {
                    return Unreadable::because(path, error.source().unwrap_or(error));
                }
                _ => return Unreadable::because(path, cause),
            }
        }
    }
}
