//! Waiting for a condition that nothing announces: look, and look again, until
//! it holds or the time is up.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What one look saw.
pub enum Seen<T> {
    Done(T),
    /// Why it doesn't hold yet; the last one is told when the time is up.
    NotYet(String),
}

impl<T> Seen<T> {
    /// Not yet, in the words of the API server if they are its.
    #[must_use]
    pub fn not_yet(error: &kube::Error) -> Self {
        Self::NotYet(match error {
            kube::Error::Api(status) => status.message.clone(),
            error => error.to_string(),
        })
    }
}

/// Looks until `look` sees it done. An error from `look` ends the wait: it
/// means that waiting can't help.
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
