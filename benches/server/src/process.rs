//! A server as a process of its own, and what the kernel says that it used.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::Context;

use crate::Pair;
use crate::cpu_limit::CpuLimit;

pub(crate) struct Process {
    child: Owned,
    pub address: SocketAddr,
}

impl Process {
    /// Starts a webhook with these arguments of its own, or the constant answer, and waits until it
    /// listens.
    pub(crate) fn start(
        program: &Path,
        pair: &Pair,
        arguments: &[OsString],
        limit: Option<&CpuLimit>,
    ) -> anyhow::Result<Self> {
        let mut command = match limit {
            None => Command::new(program),
            Some(limit) => limit.command(program),
        };
        if program.ends_with("constant-answer") {
            command.args([&pair.certificate, &pair.key]);
        } else {
            command.args(["serve", "--listen=127.0.0.1:0", "--ops-listen=127.0.0.1:0"]);
            command.arg("--tls-cert").arg(&pair.certificate).arg("--tls-key").arg(&pair.key);
            command.args(arguments);
        }
        let mut child = Owned(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?);
        let mut lines = BufReader::new(child.0.stderr.take().context("stderr")?).lines();
        let address = loop {
            let line = lines.next().context("it ended before it listened")??;
            if let Some((_, address)) = line.split_once("https listening on ") {
                break address.trim().parse()?;
            }
        };
        thread::spawn(move || lines.all(|line| line.is_ok()));
        Ok(Self { child, address })
    }

    /// CPU time of all threads so far, user and kernel (`/proc/PID/task/TID/schedstat`).
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let mut nanoseconds = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.0.id()))? {
            let schedstat = fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += schedstat.split(' ').next().context("a figure")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// How many of its threads run the server's tasks: all but the first, and those that a log or a file
    /// is waited for in.
    pub(crate) fn workers(&self) -> anyhow::Result<usize> {
        let mut workers = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.0.id()))? {
            let name = fs::read_to_string(task?.path().join("comm"))?;
            workers += usize::from(name.starts_with("tokio-"));
        }
        Ok(workers)
    }

    /// `VmRSS` or `VmHWM`, in KiB.
    pub(crate) fn memory(&self, name: &str) -> anyhow::Result<u32> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("a figure")?;
        Ok(line.trim_start_matches(':').trim().trim_end_matches(" kB").parse()?)
    }
}

/// A child that ends when this is dropped, also when it never came to listen.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
