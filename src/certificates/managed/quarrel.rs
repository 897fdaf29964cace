//! Someone undoes what was written: a tool that takes the same objects for its own. The first repairs come
//! at once, the following ones with growing pauses, so that the API server does not pay for the quarrel.

use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::backoff::Backoff;

#[derive(Debug, Default)]
pub struct Quarrel {
    last: Option<Instant>,
    backoff: Backoff,
    pause: Option<Duration>,
}

impl Quarrel {
    /// After so much peace, what is undone next is the first of another quarrel.
    const OVER: Duration = Duration::from_mins(10);
    /// Pauses that a person should know of.
    const LONG: Duration = Duration::from_secs(5);

    /// Something that was right before had to be repaired.
    pub fn undone(&mut self) {
        if self.last.is_none_or(|last| last.elapsed() > Self::OVER) {
            self.backoff.succeeded();
        }
        self.last = Some(Instant::now());
        self.pause = Some(self.backoff.failed());
    }

    /// The pause that is due before anything else is repaired.
    pub fn pause(&mut self) -> Option<Duration> {
        let pause = self.pause.take()?;
        if pause >= Self::LONG {
            warn!("someone undoes the repairs again and again: the next one waits for {pause:.1?}");
        }
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_as_long_as_it_goes_on_and_is_due_once() {
        let mut quarrel = Quarrel::default();
        assert_eq!(quarrel.pause(), None);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            quarrel.undone();
            pauses.extend(quarrel.pause());
            assert_eq!(quarrel.pause(), None);
        }
        assert!(pauses.is_sorted() && pauses[7] >= Duration::from_secs(12), "{pauses:?}");
    }

    #[test]
    fn it_starts_anew_after_peace() {
        let mut quarrel = Quarrel::default();
        for _ in 0..8 {
            quarrel.undone();
        }
        quarrel.last = Instant::now().checked_sub(Quarrel::OVER * 2);
        quarrel.undone();
        assert!(quarrel.pause() <= Some(Duration::from_millis(200)));
    }
}
