//! Limits the log lines of each kind. Clients cause most lines, and could fill a disk with them.
//!
//! Each kind has a burst and a rate. Further lines are left out and counted, and every few seconds one line says how many.
//! A line costs one atomic exchange, and no lock.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use tokio::time::{Instant, sleep};
use tracing::level_filters::LevelFilter;
use tracing::{Level, warn};

/// How often to report the lines that were left out.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Lines that clients can cause, as often as they like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// A review that was denied.
    Denial,
    /// A review that was allowed with a rule's warning.
    Warning,
    /// A review that could not be judged.
    Failure,
    /// A review that was allowed, though something seems wrong with the registration.
    Notice,
    /// A call that was answered with an HTTP error instead of a review.
    Refusal,
    /// A client without a certificate of the client CA.
    Rejection,
    /// A client that refuses the server's certificate.
    Handshake,
    /// A connection that could not be accepted.
    Accept,
    Panic,
}

struct Quota {
    kind: LineKind,
    /// The name in the metric, and in the line that says how many were left out.
    name: &'static str,
    level: Level,
    /// How many lines may be written at once, after a while without any.
    burst: u32,
    per_second: u32,
    /// When the rate will have allowed all lines so far, in nanoseconds since the start.
    paid_at: AtomicU64,
    left_out: AtomicU64,
    /// How many of those were reported.
    told: AtomicU64,
}

/// Denials have a large quota, because somebody may look for each line. Of the other kinds, the first lines are
/// enough.
static QUOTAS: [Quota; 9] = [
    Quota::new(LineKind::Denial, "denial", Level::INFO, 2_000, 100),
    Quota::new(LineKind::Warning, "warning", Level::INFO, 2_000, 100),
    Quota::new(LineKind::Failure, "failure", Level::INFO, 2_000, 100),
    Quota::new(LineKind::Notice, "notice", Level::INFO, 50, 1),
    Quota::new(LineKind::Refusal, "refusal", Level::INFO, 100, 10),
    Quota::new(LineKind::Rejection, "rejection", Level::INFO, 50, 1),
    Quota::new(LineKind::Handshake, "handshake", Level::WARN, 50, 1),
    Quota::new(LineKind::Accept, "accept", Level::WARN, 50, 1),
    Quota::new(LineKind::Panic, "panic", Level::ERROR, 50, 1),
];

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl LineKind {
    /// Writes a line, unless there were too many of this kind.
    pub(crate) fn line(self, write: impl FnOnce()) {
        let quota = QUOTAS.iter().find(|quota| quota.kind == self);
        if quota.is_none_or(|quota| quota.level > LevelFilter::current() || !quota.has_room(START.elapsed()))
        {
            return;
        }
        write();
    }
}

/// Reports the lines that were left out, for as long as it is polled.
pub(crate) async fn keep_telling() {
    loop {
        sleep(TELL_EVERY).await;
        tell();
    }
}

/// Reports the lines that were left out since the last report.
pub(crate) fn tell() {
    for quota in &QUOTAS {
        let lines = quota.untold();
        if lines > 0 {
            warn!(kind = quota.name, lines, "log lines were left out: there were too many of this kind");
        }
    }
}

impl Quota {
    const fn new(kind: LineKind, name: &'static str, level: Level, burst: u32, per_second: u32) -> Self {
        let [paid_at, left_out, told] = [AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0)];
        Self { kind, name, level, burst, per_second, paid_at, left_out, told }
    }

    /// The generic cell rate algorithm: a token bucket whose state is one point in time.
    fn has_room(&self, now: Duration) -> bool {
        let now = nanoseconds(now);
        let each = 1_000_000_000 / u64::from(self.per_second);
        let latest = now + each * u64::from(self.burst);
        let pay = |paid_at: u64| Some(paid_at.max(now) + each).filter(|paid_at| *paid_at <= latest);
        let has_room = self.paid_at.fetch_update(Relaxed, Relaxed, pay).is_ok();
        if !has_room {
            self.left_out.fetch_add(1, Relaxed);
        }
        has_room
    }

    fn untold(&self) -> u64 {
        let left_out = self.left_out.load(Relaxed);
        // Two threads may report at the same time when the process ends. Each line is reported once.
        left_out.saturating_sub(self.told.fetch_max(left_out, Relaxed))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 2)
}

/// The lines that were left out, for `/metrics`.
#[derive(Debug)]
pub(crate) struct LeftOut;

impl Collector for LeftOut {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let help = "Log lines that were left out, since there were too many of their kind";
        let mut lines = encoder.encode_descriptor("log_lines_suppressed", help, None, MetricType::Counter)?;
        for quota in &QUOTAS {
            let left_out = ConstCounter::new(quota.left_out.load(Relaxed));
            left_out.encode(lines.encode_family(&[("kind", quota.name)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn written(quota: &Quota, now: Duration, lines: u32) -> usize {
        (0..lines).filter(|_| quota.has_room(now)).count()
    }

    #[test]
    fn after_a_burst_lines_come_at_the_rate_and_the_rest_is_counted() {
        let quota = Quota::new(LineKind::Denial, "denial", Level::INFO, 20, 5);
        assert_eq!(written(&quota, SECOND, 300), 20);
        assert_eq!((quota.untold(), quota.untold()), (280, 0));
        assert_eq!(written(&quota, 2 * SECOND, 300), 5);
        assert_eq!(quota.untold(), 295);
        assert_eq!(written(&quota, 1_000 * SECOND, 300), 20);
        assert_eq!(quota.left_out.load(Relaxed), 855);
    }
}
