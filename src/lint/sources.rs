//! What a person names flows in: files, directories, `-`; the files to check flow out.

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

/// Every file that is named or lies below a named directory, in the order of their names.
#[must_use]
pub fn find(named: &[PathBuf]) -> (Vec<Source>, Vec<Unreadable>) {
    let (mut sources, mut unreadable) = (Vec::new(), Vec::new());
    for path in named {
        if path.as_os_str() == "-" {
            sources.push(Source::StandardInput);
        } else if path.is_dir() {
            walk(path, &mut sources, &mut unreadable);
        } else {
            sources.push(Source::File(path.clone()));
        }
    }
    (sources, unreadable)
}

/// Manifests below a directory. What is hidden is left out, and a linked directory, which could lead
/// back here.
fn walk(directory: &Path, sources: &mut Vec<Source>, unreadable: &mut Vec<Unreadable>) {
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return unreadable.push(Unreadable::because(directory, &error)),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_directory {
            walk(&path, sources, unreadable);
        } else if is_manifest(&path) && !path.is_dir() {
            sources.push(Source::File(path));
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
