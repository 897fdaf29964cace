//! One open connection: how far it has come, and since when.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, Id};
use tokio::time::Instant;

use crate::server::limits::Limits;
use crate::server::pace::{Pace, Waiting};
use crate::server::source::ClientSource;
use crate::server::worth::{self, Worth};

#[derive(Debug)]
pub(super) struct Open {
    pub pace: Arc<Pace>,
    pub task: AbortHandle,
    /// `None` for the server's own handshake with itself, which takes no place and is never ended for others.
    pub source: Option<ClientSource>,
    pub accepted: Instant,
    /// When the connection has to end with its next answer.
    pub last_call: Instant,
    /// The count of steps ([`Pace::steps`]) and when it last changed.
    pub seen: (u32, Instant),
    /// How much of the time since then was not the client's fault.
    excused: Duration,
    /// Whether it was aborted. It is collected later.
    pub ended: bool,
}

impl Open {
    /// `task` serves it.
    pub(super) fn new(
        task: AbortHandle,
        source: Option<ClientSource>,
        pace: Arc<Pace>,
        now: Instant,
        limits: &Limits,
    ) -> Self {
        Self {
            task,
            source,
            accepted: now,
            last_call: now + limits.age + limits.age.mul_f64(fastrand::f64() / 5.0),
            seen: (pace.steps(), now),
            excused: Duration::ZERO,
            ended: false,
            pace,
        }
    }

    #[must_use]
    pub(super) fn id(&self) -> Id {
        self.task.id()
    }

    /// Records whether anything changed since the last look. `elapsed` is the time since then.
    pub(super) fn look(&mut self, now: Instant, elapsed: Duration) {
        let steps = self.pace.steps();
        if self.seen.0 != steps {
            self.seen = (steps, now);
            self.excused = Duration::ZERO;
        } else if self.pace.waiting() == Waiting::Request && !self.pace.awaits_bytes() {
            self.excused += elapsed;
        }
    }

    /// Whether the server has waited for too long for the same thing.
    #[must_use]
    pub(super) fn is_overdue(&self, now: Instant, limits: &Limits) -> bool {
        now - self.seen.1 > longest(self.pace.waiting(), limits)
    }

    #[must_use]
    pub(super) fn worth(&self, now: Instant, limits: &Limits) -> Worth {
        let waited = if self.pace.steps() == self.seen.0 { now - self.seen.1 } else { Duration::ZERO };
        let kept_waiting = waited.saturating_sub(self.excused);
        worth::of(&self.pace, kept_waiting, now - self.accepted, limits.patience)
    }
}

/// How long the server waits for this.
fn longest(waiting: Waiting, limits: &Limits) -> Duration {
    match waiting {
        Waiting::Handshake => limits.handshake,
        Waiting::Fresh | Waiting::Idle => limits.idle,
        Waiting::Head => limits.head,
        Waiting::Request => limits.request,
        Waiting::Response => limits.response,
        Waiting::Close => limits.patience,
    }
}
