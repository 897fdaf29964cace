//! The process's own figures under the names that every Prometheus client uses, read from `/proc`
//! when `/metrics` is.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

#[derive(Debug)]
pub struct Process {
    started: f64,
}

impl Process {
    /// For a process that starts now.
    #[must_use]
    pub fn start() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: now.as_secs_f64() }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let mut write = |name: &str, help: &str, unit: Option<&Unit>, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
        };
        let started = ConstGauge::new(self.started);
        write("process_start_time", "Start, as Unix time", Some(&Unit::Seconds), &started)?;
        if let Some(limit) = getrlimit(Resource::Nofile).current {
            write("process_max_fds", "Most open files", None, &ConstGauge::new(limit))?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            let open = ConstGauge::new(u64::try_from(open.count()).unwrap_or(u64::MAX));
            write("process_open_fds", "Open files", None, &open)?;
        }
        if let Some([virtual_bytes, resident_bytes]) = memory_bytes() {
            let (virtual_bytes, resident_bytes) =
                (ConstGauge::new(virtual_bytes), ConstGauge::new(resident_bytes));
            write("process_virtual_memory", "Address space", Some(&Unit::Bytes), &virtual_bytes)?;
            write("process_resident_memory", "Memory", Some(&Unit::Bytes), &resident_bytes)?;
        }
        if let Some(bytes) = anonymous_bytes() {
            let help = "Memory that the kernel cannot drop and read again from a file";
            write("process_anonymous_memory", help, Some(&Unit::Bytes), &ConstGauge::new(bytes))?;
        }
        if let Some(seconds) = cpu_seconds() {
            let seconds = ConstCounter::new(seconds);
            write("process_cpu", "User and system CPU time", Some(&Unit::Seconds), &seconds)?;
        }
        Ok(())
    }
}

/// The first two fields of `/proc/self/statm` are pages of address space and resident ones (proc(5)).
fn memory_bytes() -> Option<[u64; 2]> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let page = u64::try_from(page_size()).ok()?;
    let mut bytes = statm.split(' ').map_while(|pages| pages.parse::<u64>().ok()?.checked_mul(page));
    Some([bytes.next()?, bytes.next()?])
}

/// `RssAnon` of `/proc/self/status`, which is in KiB (proc(5)).
fn anonymous_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB"))?;
    kib.parse::<u64>().ok()?.checked_mul(1024)
}

/// Fields 14 and 15 of `/proc/self/stat` are ticks in user and kernel mode (proc(5)); field 2, the
/// name, is in parentheses and may hold spaces.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut ticks = after_name.split(' ').skip(11);
    let user: u32 = ticks.next()?.parse().ok()?;
    let system: u32 = ticks.next()?.parse().ok()?;
    let per_second = u32::try_from(clock_ticks_per_second()).ok()?;
    Some((f64::from(user) + f64::from(system)) / f64::from(per_second))
}
