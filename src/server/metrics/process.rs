//! The process's own figures under the names that every Prometheus client uses, read from `/proc` when `/metrics`
//! is.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use procfs::process::{self, LimitValue};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

#[derive(Debug)]
pub(super) struct Process {
    started: f64,
}

impl Process {
    /// For a process that starts now.
    pub(super) fn start() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: now.as_secs_f64() }
    }
}

impl Collector for Process {
    /// Leaves out what can't be read.
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut write = |name: &str, help: &str, unit: Option<&Unit>, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
        };
        let started = ConstGauge::new(self.started);
        write(
            "process_start_time",
            "Start time of the process, as Unix time",
            Some(&Unit::Seconds),
            &started,
        )?;
        let Ok(process) = process::Process::myself() else { return Ok(()) };
        if let Ok(limits) = process.limits()
            && let LimitValue::Value(limit) = limits.max_open_files.soft_limit
        {
            write("process_max_fds", "Maximum number of open files", None, &ConstGauge::new(limit))?;
        }
        if let Ok(open) = process.fd_count() {
            let open = ConstGauge::new(u64::try_from(open).unwrap_or(u64::MAX));
            write("process_open_fds", "Open files", None, &open)?;
        }
        if let Ok(memory) = process.statm() {
            let [address_space, resident] =
                [memory.size, memory.resident].map(|pages| ConstGauge::new(pages * procfs::page_size()));
            write("process_virtual_memory", "Address space", Some(&Unit::Bytes), &address_space)?;
            write("process_resident_memory", "Memory", Some(&Unit::Bytes), &resident)?;
        }
        if let Ok(status) = process.status()
            && let Some(kib) = status.rssanon
        {
            let help = "Memory that the kernel cannot drop and read again from a file";
            let anonymous = ConstGauge::new(kib * 1024);
            write("process_anonymous_memory", help, Some(&Unit::Bytes), &anonymous)?;
        }
        if let Ok(stat) = process.stat() {
            let seconds = ConstCounter::new(seconds(stat.utime + stat.stime));
            write("process_cpu", "User and system CPU time", Some(&Unit::Seconds), &seconds)?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for the first million years")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / procfs::ticks_per_second() as f64
}
