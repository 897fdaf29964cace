//! SIGTERM, as kubelet sends it, and SIGINT, as Ctrl-C does: the first one asks a server to leave, the next
//! one ends the process, whatever it is waiting for. SIGHUP, which asks other servers to read their files again,
//! changes nothing.

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
pub struct Signals {
    first: Arc<Notify>,
    serving: Arc<AtomicBool>,
}

impl Signals {
    /// Heeds signals from now on, on the runtime: the process that waits for them may be stuck.
    ///
    /// # Errors
    /// When the operating system lets nobody listen.
    pub fn heed(runtime: &Handle, log: Log) -> anyhow::Result<Self> {
        let _within = runtime.enter();
        let mut both = Both::listen()?;
        let mut hangup = listen(SignalKind::hangup())?;
        let (first, serving) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let signals = Self { first: Arc::clone(&first), serving: Arc::clone(&serving) };
        runtime.spawn(async move {
            both.next().await;
            if !serving.load(Relaxed) {
                info!("stopped before it served, as told by a signal");
                end(&log);
            }
            first.notify_one();
            both.next().await;
            info!("stopped at once, as told by a second signal");
            end(&log);
        });
        runtime.spawn(async move {
            while hangup.recv().await.is_some() {
                info!("ignored SIGHUP: certificates, the client CA and the policy are reloaded when their files change");
            }
        });
        Ok(signals)
    }

    /// From now on there is somebody to wait for, and [`Signals::first`] is awaited.
    pub fn serving(&self) {
        self.serving.store(true, Relaxed);
    }

    /// Returns at the first signal.
    pub async fn first(&self) {
        self.first.notified().await;
    }
}

/// Ends the process, with what was logged.
fn end(log: &Log) {
    // A log that nobody can write must not keep the process alive.
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
