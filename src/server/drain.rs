//! How a server stops: it keeps serving while traffic moves away, then closes.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::watch;

/// Serving, then leaving, then closed. It never goes back.
#[derive(Debug)]
pub struct Drain {
    leaving: AtomicBool,
    closed: watch::Sender<bool>,
}

impl Default for Drain {
    fn default() -> Self {
        Self { leaving: AtomicBool::new(false), closed: watch::Sender::new(false) }
    }
}

impl Drain {
    /// Makes the server unready. From now on, each answer asks the client to close the connection.
    pub fn leave(&self) {
        self.leaving.store(true, Relaxed);
    }

    /// Stops accepting connections.
    pub fn close(&self) {
        self.leave();
        self.closed.send_replace(true);
    }

    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Relaxed)
    }

    #[must_use]
    pub fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Returns when [`Drain::close`] was called.
    pub async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        // This fails only if the sender is dropped, and `self` owns the sender.
        let _ = closed.wait_for(|closed| *closed).await;
    }
}
