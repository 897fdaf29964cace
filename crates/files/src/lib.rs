//! A path in, the bytes of its file out, up to a limit and without waiting for anybody to write them.

pub mod follow;

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use modelendpoint_core::endpoint::quote::Seen;

/// The limit for a file of manifests. It is enough for a list of 10,000 endpoints from a cluster, and four threads
/// can parse such files in the 16 GiB of a CI runner, where 1 MiB takes up to 45 MiB.
pub const MANIFESTS: u64 = 32 << 20;

/// The limit for a policy, a certificate, a key or a token: as much as a Secret or a `ConfigMap` can have.
pub const MOUNTED: u64 = 1 << 20;

/// The kinds of files to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// A regular file, or a link to one.
    Regular,
    /// Also a device, or a pipe, as in `<(kustomize build)`, which is read to its end.
    Any,
}

/// Reads a file, up to a limit in bytes.
///
/// # Errors
/// If it can't be read, is larger, or is of another kind.
pub fn read(path: &Path, accept: Accept, most: u64) -> io::Result<Vec<u8>> {
    let file = match accept {
        Accept::Any => File::open(path)?,
        Accept::Regular => open(path, OpenOptions::new().read(true))?,
    };
    let expected = file.metadata()?.len();
    read_all(file, expected, most)
}

/// Reads the file that a flag names.
///
/// # Errors
/// A sentence for the person who gave the flag, with `advice` if there is no such file.
pub fn read_for_flag(flag: &str, path: &Path, accept: Accept, advice: &str) -> Result<Vec<u8>, String> {
    read(path, accept, MOUNTED).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => advice,
            io::ErrorKind::PermissionDenied => "; let this user read it",
            _ => "",
        };
        format!("cannot read {flag} {}: {error}{advice}", shown(path))
    })
}

/// Reads to the end, up to a limit in bytes.
///
/// # Errors
/// When there is more, or it can't be read.
pub fn read_all(from: impl Read, expected: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(expected.min(most)).unwrap_or_default());
    from.take(most + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) {
        Ok(bytes)
    } else {
        Err(io::Error::other(format!("it is larger than {} MiB, which is the limit", most >> 20)))
    }
}

/// Replaces the content of a regular file.
///
/// # Errors
/// If it can't be written, or is of another kind.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = open(path, OpenOptions::new().write(true).create(true).truncate(false))?;
    file.set_len(0)?;
    file.write_all(content)
}

/// # Errors
/// The kind of the file, unless it is a regular file.
pub fn must_be_regular(metadata: &Metadata) -> io::Result<()> {
    let kind = match metadata.file_type() {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "directory",
        kind if kind.is_fifo() => "pipe",
        kind if kind.is_socket() => "socket",
        _ => "device",
    };
    Err(io::Error::other(format!("it is a {kind}, not a regular file")))
}

/// A path for messages.
#[must_use]
pub fn shown(path: &Path) -> String {
    Seen(&path.display().to_string()).to_string()
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // Opening a device can have side effects, and the error for a socket does not say what is wrong.
    if let Ok(metadata) = fs::metadata(path) {
        must_be_regular(&metadata)?;
    }
    // The file may have been replaced by now, so opening it must not block.
    let file = options.custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    must_be_regular(&file.metadata()?)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        let read = |accept| read(&path, accept, 2 << 20).map_err(|error| error.to_string());
        fs::write(&path, vec![b'a'; 2 << 20]).expect("a file");
        for accept in [Accept::Regular, Accept::Any] {
            assert_eq!(read(accept).map(|bytes| bytes.len()), Ok(2 << 20));
        }
        fs::write(&path, vec![b'a'; (2 << 20) + 1]).expect("a file");
        for accept in [Accept::Regular, Accept::Any] {
            assert_eq!(read(accept), Err("it is larger than 2 MiB, which is the limit".to_owned()));
        }
    }

    #[test]
    fn no_more_is_read_than_shows_that_it_is_too_much() {
        let mut endless = io::repeat(b'a');
        let mut left = endless.by_ref().take(100);
        assert!(read_all(&mut left, 0, 10).is_err());
        assert_eq!(left.limit(), 89);
    }

    #[test]
    fn what_is_no_regular_file_is_refused_by_its_kind() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = |name| directory.path().join(name);
        let pipe = path("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .expect("a pipe");
        let _socket = UnixListener::bind(path("socket")).expect("a socket");
        std::os::unix::fs::symlink(&pipe, path("link")).expect("a link");
        for (file, kind) in [
            (pipe, "pipe"),
            (path("link"), "pipe"),
            (path("socket"), "socket"),
            ("/dev/zero".into(), "device"),
            (path("."), "directory"),
        ] {
            let why = format!("it is a {kind}, not a regular file");
            let read = read(&file, Accept::Regular, MOUNTED).map_err(|error| error.to_string());
            assert_eq!(read, Err(why.clone()), "{}", file.display());
            let written = write(&file, b"a").map_err(|error| error.to_string());
            assert_eq!(written, Err(why), "{}", file.display());
        }
    }

    #[test]
    fn what_is_written_takes_the_place_of_what_was_there() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("file");
        for content in ["a longer one", "short"] {
            write(&path, content.as_bytes()).expect("a file");
            assert_eq!(fs::read_to_string(&path).expect("a file"), content);
        }
    }

    #[test]
    fn a_path_hides_nothing() {
        assert_eq!(shown(Path::new("a\n\u{202e}b")), "a<U+000A><U+202E>b");
    }
}
