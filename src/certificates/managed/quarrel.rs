//! Slows down repairs that another tool undoes, because it manages the same objects. The first repairs are made at
//! once, and the following ones after growing pauses, so that the dispute does not load the API server.

use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use super::backoff::Backoff;

#[derive(Debug, Default)]
pub(crate) struct Quarrel {
    last: Option<Instant>,
    backoff: Backoff,
    pause: Option<Duration>,
}

impl Quarrel {
    /// If nothing is undone for this long, the quarrel is over.
    const OVER: Duration = Duration::from_mins(10);
    /// Pauses of this length are logged.
    const LONG: Duration = Duration::from_secs(5);

    /// Records that something that was right before had to be repaired.
    pub(crate) fn undone(&mut self) {
        if self.last.is_none_or(|last| last.elapsed() > Self::OVER) {
            self.backoff.succeeded();
        }
        self.last = Some(Instant::now());
        self.pause = Some(self.backoff.failed());
    }

    /// The pause before the next repair, if one is due.
    pub(crate) fn pause(&mut self) -> Option<Duration> {
        let pause = self.pause.take()?;
        if pause >= Self::LONG {
            warn!("something keeps undoing the repairs: waiting {pause:.1?} before the next one");
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
