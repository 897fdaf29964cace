//! Waits for a condition that nothing announces: looks again and again, until it is true or the time is up.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What one look saw.
pub enum Seen<T> {
    Done(T),
    /// Why it isn't true yet. The last reason is reported when the time is up.
    NotYet(String),
}

impl<T> Seen<T> {
    /// Not yet, with the message of the API server if it is an answer.
    #[must_use]
    pub fn not_yet(error: &kube::Error) -> Self {
        Self::NotYet(match error {
            kube::Error::Api(status) => status.message.clone(),
            error => error.to_string(),
        })
    }
}

/// Calls `look` until it is done. An error from `look` ends the wait, because it means that waiting can't help.
pub async fn eventually<T>(
    what: &str,
    bound: Duration,
    mut look: impl AsyncFnMut() -> Result<Seen<T>>,
) -> Result<T> {
    let deadline = Instant::now() + bound;
    loop {
        match look().await? {
            Seen::Done(value) => return Ok(value),
            Seen::NotYet(reason) if Instant::now() >= deadline => {
                bail!("{what} did not happen within {} s; last seen: {reason}", bound.as_secs())
            }
            Seen::NotYet(_) => sleep(BETWEEN_LOOKS).await,
        }
    }
}
