//! Signals. The kubelet sends SIGTERM, and Ctrl-C sends SIGINT: the first one starts the drain, and the second one
//! ends the process at once. SIGHUP changes nothing, because files are reloaded anyway.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tracing::info;

use crate::telemetry::Log;

#[derive(Debug)]
pub(super) struct Signals {
    first: Arc<Notify>,
    serving: Arc<AtomicBool>,
}

impl Signals {
    /// Handles signals from now on, in tasks of the runtime, because the main thread may be blocked.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(super) fn heed(runtime: &Handle, log: Log) -> anyhow::Result<Self> {
        let _within = runtime.enter();
        let mut both = Both::listen()?;
        let mut hangup = listen(SignalKind::hangup())?;
        let (first, serving) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let signals = Self { first: Arc::clone(&first), serving: Arc::clone(&serving) };
        runtime.spawn(async move {
            both.next().await;
            if !serving.load(Relaxed) {
                info!("stopped by a signal before serving");
                end(&log);
            }
            first.notify_one();
            both.next().await;
            info!("stopped at once by a second signal");
            end(&log);
        });
        runtime.spawn(async move {
            while hangup.recv().await.is_some() {
                info!("ignored SIGHUP: certificates, the client CA and the policy are reloaded when their files change");
            }
        });
        Ok(signals)
    }

    /// Call this when the server is running. From then on, the first signal starts the drain instead of ending the
    /// process.
    pub(super) fn serving(&self) {
        self.serving.store(true, Relaxed);
    }

    /// Returns at the first signal.
    pub(super) async fn first(&self) {
        self.first.notified().await;
    }
}

/// Writes the log and ends the process.
fn end(log: &Log) {
    // A log that can't be written must not keep the process alive.
    let _ = catch_unwind(AssertUnwindSafe(|| log.finish()));
    process::exit(0);
}

fn listen(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("cannot listen for signals")
}

struct Both {
    terminate: Signal,
    interrupt: Signal,
}

impl Both {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
