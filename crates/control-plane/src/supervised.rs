//! A command in, a process that can't outlive this one out.
//!
//! Rust does not drop statics, and after a SIGKILL nothing is dropped, so `Drop` alone can't guarantee that no
//! process is left behind. So each process runs under a small shell script ([`SUPERVISOR`]) that waits on a pipe from
//! us. The kernel closes the pipe when we end.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::eventually::{Seen, eventually};

const SUPERVISOR: &str = include_str!("supervisor.sh");

/// A running process, its directory and its log. A drop ends the process and removes the files.
pub(crate) struct Supervised {
    name: &'static str,
    directory: PathBuf,
    supervisor: Child,
    pipe: Option<ChildStdin>,
}

impl Supervised {
    /// Starts `command`. The result owns `directory`.
    pub(crate) fn start(
        name: &'static str,
        directory: TempDir,
        command: impl IntoIterator<Item = OsString>,
    ) -> Result<Self> {
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(directory.path())
            .args(command)
            // Otherwise, the API server would call webhooks through a proxy.
            .env_remove("HTTP_PROXY")
            .env_remove("HTTPS_PROXY")
            .env_remove("http_proxy")
            .env_remove("https_proxy")
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Only this process receives a Ctrl-C at the terminal. The others end with the pipe.
            .process_group(0)
            .spawn()
            .with_context(|| format!("could not start `sh` to run {name}"))?;
        Ok(Self { name, directory: directory.keep(), pipe: supervisor.stdin.take(), supervisor })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn log_file(&self) -> PathBuf {
        self.directory.join("log")
    }

    /// What it wrote so far, on standard output and standard error.
    pub(crate) fn log(&self) -> String {
        fs::read(self.log_file())
            .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// An error with the end of its log, if it has exited.
    pub(crate) fn ensure_running(&self) -> Result<()> {
        match self.exit_status() {
            None => Ok(()),
            Some(status) => bail!("{} exited with status {status}. {}", self.name, self.end_of_log()),
        }
    }

    /// The end of its log, as a sentence for an error.
    pub(crate) fn end_of_log(&self) -> String {
        const LINES: usize = 30;
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let end = &lines[lines.len().saturating_sub(LINES)..];
        format!("The end of the log of {}:\n{}", self.name, end.join("\n"))
    }

    /// Sends the signal, such as `TERM`.
    pub(crate) fn signal(&mut self, signal: &str) -> Result<()> {
        let pipe = self.pipe.as_mut().context("the process was stopped")?;
        writeln!(pipe, "{signal}").with_context(|| format!("could not send SIG{signal} to {}", self.name))
    }

    /// Its exit status, once it has exited: 128 plus the signal if a signal ended it.
    pub(crate) async fn exited(&self, within: Duration) -> Result<i32> {
        eventually(&format!("the exit of {}", self.name), within, async || {
            Ok(match self.exit_status() {
                Some(status) => Seen::Done(status),
                None => Seen::NotYet(self.end_of_log()),
            })
        })
        .await
    }

    fn exit_status(&self) -> Option<i32> {
        let status = fs::read_to_string(self.directory.join("exit-status")).ok()?;
        status.trim().parse().ok()
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // The script ends when the process has been reaped, and not earlier.
        let _ = self.supervisor.wait();
    }
}

/// One command line from its parts.
pub(crate) fn command<A: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> Vec<OsString> {
    let mut command = vec![program.as_os_str().to_owned()];
    command.extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> Supervised {
        let directory = TempDir::new().expect("a temporary directory");
        let command = command(Path::new("sh"), ["-c", script]);
        Supervised::start("the script", directory, command).expect("sh runs")
    }

    #[tokio::test]
    async fn an_early_exit_is_told_with_the_end_of_the_log() {
        let process = start("echo to stdout; echo to stderr >&2; exit 7");
        assert_eq!(process.exited(Duration::from_secs(10)).await.unwrap(), 7);
        assert_eq!(
            process.ensure_running().unwrap_err().to_string(),
            "the script exited with status 7. \
             The end of the log of the script:\nto stdout\nto stderr"
        );
    }

    #[tokio::test]
    async fn a_signal_reaches_the_process() {
        let mut process = start("trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done");
        eventually("the trap", Duration::from_secs(10), async || {
            Ok(if process.log().contains("ready") {
                Seen::Done(())
            } else {
                Seen::NotYet("no trap".to_owned())
            })
        })
        .await
        .unwrap();
        process.signal("TERM").unwrap();
        assert_eq!(process.exited(Duration::from_secs(10)).await.unwrap(), 3);
    }

    #[test]
    fn a_drop_takes_the_process_and_its_directory_along() {
        let process = start("exec sleep 1000");
        let directory = process.directory().to_owned();
        assert!(directory.exists());
        drop(process);
        assert!(!directory.exists());
    }
}
