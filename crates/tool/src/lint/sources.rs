//! What a person names flows in: files, directories, `-`; the files to check flow out.

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
    /// What a cluster stores, in one namespace or in all; it has no lines.
    Cluster(Option<String>),
}

/// How a file came to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By its name, so that it may be a pipe or a device.
    Named,
    /// Below a directory that was named.
    Found,
    /// Below a directory that was named, as a link to a file that is neither named nor below one.
    LinkedOut,
}

/// What can't be read, for the person who named it.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// What is left out when a directory is searched; a file that is named is always read.
#[derive(Debug, Default)]
pub struct Search {
    /// Patterns as in .gitignore.
    pub exclude: Vec<String>,
    /// Whether to read what git ignores, too.
    pub ignored_too: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    pub sources: Vec<Source>,
    pub unreadable: Vec<Unreadable>,
    /// The directories that were named and have no manifest in them.
    pub empty: Vec<PathBuf>,
    /// Whether one file could be there under two names: where there is but one way, it is not asked.
    may_repeat: bool,
}

/// Every file that is named or lies below a named directory, in the order of their names; what is found
/// on several ways, under the first of its names only.
///
/// # Errors
/// When standard input is named twice, or a pattern is none.
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
            // with a `!`, what matches is left out
            patterns
                .add(&format!("!{pattern}"))
                .with_context(|| format!("cannot use --exclude {pattern}"))?;
        }
        patterns.build().context("cannot use --exclude")
    }
}

impl Found {
    /// Manifests below a directory. What is hidden, ignored by git or excluded is left out, and a linked directory,
    /// which could lead back here, and what is neither a directory nor a regular file.
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

    /// Finds out which of the links that were found lead to what was named after all.
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

/// Whether it is a regular file, or a link to one, or a link that leads nowhere, as reading it will tell.
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
    /// Where it is a link out of what was named: then nobody said that its file may be changed.
    pub(crate) fn may_be_written(&self) -> Result<(), Unreadable> {
        match self {
            Source::File(path, Way::LinkedOut) => {
                let why = "it is a link to a file outside of what was named; name that file too";
                Err(Unreadable(format!("cannot write {}: {why}", path.display())))
            }
            _ => Ok(()),
        }
    }

    /// Puts a new text in the place of the old one, if it is a file.
    ///
    /// # Errors
    /// When it may not or can't be written.
    pub(crate) fn write(&self, old: &str, new: &str) -> Result<(), Unreadable> {
        self.may_be_written()?;
        let Source::File(path, _) = self else { return Ok(()) };
        write(path, old, new).map_err(|error| Unreadable(format!("cannot write {}: {error}", path.display())))
    }

    /// As findings call it.
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

    /// Of a directory that was searched, or of something below it.
    fn because_of(searched: &Path, error: &ignore::Error) -> Self {
        let (mut path, mut cause) = (searched, error);
        loop {
            match cause {
                ignore::Error::WithPath { path: below, err } => (path, cause) = (below, err),
                ignore::Error::WithDepth { err, .. } => cause = err,
                // it repeats the path in front of what the system says
                ignore::Error::Io(error) => {
                    return Unreadable::because(path, error.source().unwrap_or(error));
                }
                _ => return Unreadable::because(path, cause),
            }
        }
    }
}
