//! A temporary directory that is removed when the process that owns it ends, even if the process keeps it in a static
//! or is killed: a shell waits on a pipe from us, and removes the directory when the kernel closes the pipe.

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use anyhow::{Context, Result};

/// A directory for files that no process of [`Supervised`](crate::supervised::Supervised) owns.
pub(crate) struct OwnDirectory {
    path: PathBuf,
    remover: Child,
    pipe: Option<ChildStdin>,
}

impl OwnDirectory {
    pub(crate) fn new(prefix: &str) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix(prefix).tempdir()?;
        let mut remover = Command::new("sh")
            .args(["-c", "read -r _; rm -rf \"$1\"", "remover"])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("could not start `sh`")?;
        Ok(Self { path: directory.keep(), pipe: remover.stdin.take(), remover })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OwnDirectory {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.remover.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_with_its_holder() {
        let directory = OwnDirectory::new("own-directory-").unwrap();
        let path = directory.path().to_owned();
        std::fs::write(path.join("file"), "").unwrap();
        drop(directory);
        assert!(!path.exists());
    }
}
