//! What a person names flows in: files, directories, `-`; the files to check flow out.

use std::collections::HashSet;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use modelendpoint_files::{Accept, MANIFESTS};

/// Something to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    File(PathBuf, Way),
    StandardInput,
    /// What a cluster stores; it has no lines.
    Cluster,
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
            found.sources.push(Source::File(path.clone(), Way::Named));
        }
    }
    found.follow_links(named);
    if found.may_repeat {
        let mut seen = HashSet::new();
        found.sources.retain(|source| match source {
            Source::File(path, _) => seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())),
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
    /// back here, and what is neither a directory nor a regular file.
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
            let kind = match entry.file_type() {
                Ok(kind) => kind,
                Err(error) => {
                    self.unreadable.push(Unreadable::because(&path, &error));
                    continue;
                }
            };
            if kind.is_dir() {
                self.walk(&path);
            } else if is_manifest(&path) && may_be_regular(&path, kind) {
                let is_link = kind.is_symlink();
                self.may_repeat |= is_link;
                self.sources.push(Source::File(path, if is_link { Way::LinkedOut } else { Way::Found }));
            }
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
            Source::Cluster => Ok(Vec::new()),
            Source::StandardInput => modelendpoint_files::read_all(io::stdin().lock(), 0, MANIFESTS)
                .map_err(|error| Unreadable::because(Path::new("standard input"), &error)),
        }
    }

    /// As findings call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Source::File(path, _) => path.display().to_string(),
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
