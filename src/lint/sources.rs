//! What a person names flows in: files, directories, `-`; the files to check flow out.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Something to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    File(PathBuf),
    StandardInput,
    /// What a cluster stores; it has no lines.
    Cluster,
}

/// What can't be read, for the person who named it.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// Every file that is named or lies below a named directory, in the order of their names; what is found
/// on several ways, under the first of its names only.
#[must_use]
pub fn find(named: &[PathBuf]) -> (Vec<Source>, Vec<Unreadable>) {
    let mut found = Found { may_repeat: named.len() > 1, ..Found::default() };
    for path in named {
        if path.as_os_str() == "-" {
            found.sources.push(Source::StandardInput);
        } else if path.is_dir() {
            found.walk(path);
        } else {
            found.sources.push(Source::File(path.clone()));
        }
    }
    if found.may_repeat {
        let mut seen = HashSet::new();
        found.sources.retain(|source| match source {
            Source::File(path) => seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())),
            Source::StandardInput | Source::Cluster => true,
        });
    }
    (found.sources, found.unreadable)
}

#[derive(Default)]
struct Found {
    sources: Vec<Source>,
    unreadable: Vec<Unreadable>,
    /// Whether one file could be there under two names: where there is but one way, it is not asked.
    may_repeat: bool,
}

impl Found {
    /// Manifests below a directory. What is hidden is left out, and a linked directory, which could lead
    /// back here.
    fn walk(&mut self, directory: &Path) {
        let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.unreadable.push(Unreadable::because(directory, &error)),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            let kind = entry.file_type().ok();
            if kind.is_some_and(|kind| kind.is_dir()) {
                self.walk(&path);
            } else if is_manifest(&path) && !path.is_dir() {
                self.may_repeat |= kind.is_some_and(|kind| kind.is_symlink());
                self.sources.push(Source::File(path));
            }
        }
    }
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
            Source::File(path) => fs::read(path).map_err(|error| Unreadable::because(path, &error)),
            Source::Cluster => Ok(Vec::new()),
            Source::StandardInput => {
                let mut bytes = Vec::new();
                let read = io::stdin().lock().read_to_end(&mut bytes);
                read.map(|_| bytes).map_err(|error| Unreadable::because(Path::new("standard input"), &error))
            }
        }
    }

    /// As findings call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Source::File(path) => path.display().to_string(),
            Source::StandardInput => "-".to_owned(),
            Source::Cluster => "the cluster".to_owned(),
        }
    }
}

impl Unreadable {
    fn because(path: &Path, error: &io::Error) -> Self {
        Unreadable(format!("cannot read {}: {error}", path.display()))
    }
}
