//! What the task of a body and the other tasks know of each other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;

/// Times are since the room was opened.
#[derive(Debug)]
pub(super) struct Progress {
    /// When the body last got a step, in milliseconds.
    stepped: AtomicU64,
    cut: AtomicBool,
    task: AtomicWaker,
}

impl Progress {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            stepped: AtomicU64::new(milliseconds(now)),
            cut: AtomicBool::new(false),
            task: AtomicWaker::new(),
        }
    }

    pub(super) fn step(&self, now: Duration) {
        self.stepped.store(milliseconds(now), Relaxed);
    }

    pub(super) fn stepped(&self) -> Duration {
        Duration::from_millis(self.stepped.load(Relaxed))
    }

    /// Tells the body that it must end.
    pub(super) fn cut(&self) {
        self.cut.store(true, Relaxed);
        self.wake();
    }

    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Relaxed)
    }

    pub(super) fn wake(&self) {
        self.task.wake();
    }

    /// Wakes this task from now on.
    pub(super) fn register(&self, context: &Context<'_>) {
        self.task.register(context.waker());
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
