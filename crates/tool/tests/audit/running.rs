//! An audit that runs until it gets a signal.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use control_plane::{Seen, eventually};
use rustix::process::{Pid, Signal, kill_process};
use test_support::client::get;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::audited::audit;

/// The patience with anything that an audit does by itself.
pub(crate) const SOON: Duration = Duration::from_mins(1);

pub(crate) struct Running {
    child: Child,
    log: Arc<Mutex<String>>,
    ops: SocketAddr,
}

impl Running {
    pub(crate) async fn start(kubeconfig: &Path, flags: &[&str]) -> Result<Self> {
        let mut command = audit(kubeconfig);
        command.args(["--ops-listen=127.0.0.1:0"]).args(flags).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("a pipe")?).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mut log = kept.lock().unwrap_or_else(PoisonError::into_inner);
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut running = Running { child, log, ops: SocketAddr::from(([0, 0, 0, 0], 0)) };
        running.ops = eventually("listening", SOON, async || {
            let log = running.log();
            let address = log.lines().find_map(|line| line.split_once("listening address=")?.1.parse().ok());
            Ok(address.map_or(Seen::NotYet(log), Seen::Done))
        })
        .await?;
        Ok(running)
    }

    /// What it wrote so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) async fn logs(&self, what: &str) -> Result<()> {
        eventually(what, SOON, async || {
            let log = self.log();
            Ok(if log.contains(what) { Seen::Done(()) } else { Seen::NotYet(log) })
        })
        .await
    }

    pub(crate) async fn metrics(&self) -> String {
        get(self.ops, "/metrics").await.body
    }

    /// Waits until the metrics have this line.
    pub(crate) async fn has(&self, sample: &str) -> Result<()> {
        self.has_within(sample, SOON).await
    }

    pub(crate) async fn has_within(&self, sample: &str, bound: Duration) -> Result<()> {
        let sample = format!("modelendpoint_audit_{sample}");
        eventually(&sample, bound, async || {
            let metrics = self.metrics().await;
            Ok(if metrics.lines().any(|line| line == sample) {
                Seen::Done(())
            } else {
                Seen::NotYet(metrics)
            })
        })
        .await
    }

    pub(crate) async fn status_of(&self, path: &str) -> u16 {
        get(self.ops, path).await.status
    }

    pub(crate) fn id(&self) -> Result<u32> {
        self.child.id().context("it ended")
    }

    /// Stops it as the kubelet does.
    pub(crate) async fn stop(mut self) -> Result<ExitStatus> {
        let id = i32::try_from(self.id()?)?;
        kill_process(Pid::from_raw(id).context("an id")?, Signal::TERM)?;
        Ok(self.child.wait().await?)
    }
}

impl Running {
    /// The CPU time that it used so far.
    pub(crate) async fn costs(&self) -> Result<String> {
        let metrics = self.metrics().await;
        let sample = |name: &str| {
            let line = metrics.lines().find(|line| line.starts_with(&format!("modelendpoint_audit_{name} ")));
            line.and_then(|line| line.rsplit_once(' ')).map_or("?", |(_, value)| value).to_owned()
        };
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id()?))?;
        // After the name in brackets: utime and stime, in hundredths of a second.
        let fields: Vec<_> = stat.rsplit_once(')').context("a name")?.1.split_whitespace().collect();
        let ticks =
            |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
        let cpu = Duration::from_millis((ticks(11) + ticks(12)) * 10);
        Ok(format!(
            "{cpu:.1?} of CPU, at most {} MiB, {} reports applied, {} deleted",
            peak_kib(self.id()?)? >> 10,
            sample("report_writes_total{outcome=\"applied\"}"),
            sample("report_writes_total{outcome=\"deleted\"}"),
        ))
    }
}

/// The peak memory of a process.
pub(crate) fn peak_kib(id: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("a peak")?;
    Ok(peak.trim().trim_end_matches(" kB").parse()?)
}
