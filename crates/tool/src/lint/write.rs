//! New content in, a file with it out, atomically.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

use modelendpoint_files::{Accept, MANIFESTS};

/// Replaces a file that still has the content `old`. A link is followed. Permissions stay, and so does the owner, if
/// this process may change it.
///
/// # Errors
/// If the file was changed in the meantime, or can't be written.
pub(crate) fn write(path: &Path, old: &str, new: &str) -> io::Result<()> {
    modelendpoint_files::must_be_regular(&fs::metadata(path)?)?;
    let path = fs::canonicalize(path)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut beside = tempfile::NamedTempFile::new_in(directory)?;
    beside.write_all(new.as_bytes())?;
    let metadata = fs::metadata(&path)?;
    let _ = fchown(beside.as_file(), Some(metadata.uid()), Some(metadata.gid()));
    beside.as_file().set_permissions(metadata.permissions())?;
    beside.as_file().sync_all()?;
    if modelendpoint_files::read(&path, Accept::Regular, MANIFESTS)? != old.as_bytes() {
        return Err(io::Error::other("it was changed while it was checked; try again"));
    }
    beside.persist(&path)?;
    Ok(())
}
