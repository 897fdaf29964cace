//! Memory for large bodies. A body takes it in steps, as its bytes arrive, so that a declared length costs nothing.
//!
//! A body that finds no room waits, and slower bodies are ended for it. A body that has received nothing for a while
//! is cut, the slowest one first. The longer a faster body waits, the faster the others have to be. Speed also
//! depends on the machine, so it is compared with the body that waits.
//!
//! Of the bodies that wait, the fastest is served first, and among equally fast ones the youngest: one that has waited
//! for long is probably late already, and clients that hold the room on purpose are older than the next honest request.
//! Bodies that wait for each other would never finish. So a part of the room, as large as the largest body, is reserved
//! for one of them at a time, which can always finish. [`taken`] makes these decisions, without waiting for anything.

mod progress;
mod taken;

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::limits::Limits;
use super::metrics::Shed;
use super::refusal::Refusal;
use progress::Progress;
use taken::{Taken, Told, Wish};

/// The new bytes that count as progress. Single bytes do not make a body fast.
const STEP: usize = 32 * 1024;
/// Bodies that get a step in this time are equally fast: 1 MiB a second or more.
const FAST: Duration = Duration::from_millis(32);

/// Shared by all large bodies.
#[derive(Debug)]
pub(super) struct Room {
    taken: Mutex<Taken>,
    all: usize,
    opened: Instant,
}

/// A large body's part of the room, until it is dropped.
pub(super) struct Share<'a> {
    room: &'a Room,
    id: u64,
    progress: Arc<Progress>,
    began: Duration,
    arrived: usize,
    since_step: usize,
    waited: Duration,
    /// When it last got room, and how much had arrived by then.
    granted: (Duration, usize),
}

impl Room {
    #[must_use]
    pub(super) fn new(limits: &Limits) -> Self {
        let all = limits.large_bodies_bytes;
        Self {
            taken: Mutex::new(Taken::none(all, limits.body_bytes.min(all), limits.stall)),
            all,
            opened: Instant::now(),
        }
    }

    /// Registers a body that turns out to be large. This many bytes of it have arrived since it began. It has no
    /// memory yet.
    pub(super) fn enter(&self, began: Instant, arrived: usize) -> Share<'_> {
        let now = self.now();
        let began = now.saturating_sub(began.elapsed());
        let progress = Arc::new(Progress::new(now));
        let id = self.lock().enter(Arc::clone(&progress));
        Share {
            room: self,
            id,
            progress,
            began,
            arrived,
            since_step: 0,
            waited: Duration::ZERO,
            granted: (began, 0),
        }
    }

    /// Whether this many bytes, in addition to what every request has, can ever fit.
    #[must_use]
    pub(super) fn can_hold(&self, bytes: usize) -> bool {
        bytes <= self.all
    }

    fn now(&self) -> Duration {
        self.opened.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share<'_> {
    /// Waits until it has room for this many bytes in all.
    ///
    /// # Errors
    /// [`Shed::Memory`] if that is more than there is, [`Shed::SlowBody`] if it had to make way.
    pub(super) async fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        if !self.room.can_hold(bytes) {
            return Err(Refusal::Shed(Shed::Memory));
        }
        let asked_first = self.room.now();
        let per_step = self.per_step(asked_first);
        loop {
            let now = self.room.now();
            let waited = self.waited + now.saturating_sub(asked_first);
            let asked = poll_fn(|context| {
                // Registers first, so that it misses no wake-up.
                self.progress.register(context);
                Poll::Ready(self.room.lock().ask(self.id, &Wish { bytes, per_step, waited }, now))
            });
            match asked.await {
                Told::Granted => {
                    self.waited = waited;
                    self.since_step = 0;
                    self.granted = (now, self.arrived);
                    return Ok(());
                }
                Told::Cut => return Err(Refusal::Shed(Shed::SlowBody)),
                Told::Wait(pause) => {
                    // It asks again, whether woken or not.
                    let _ = timeout(pause, self.woken()).await;
                }
            }
        }
    }

    /// Records that this many bytes arrived.
    pub(super) fn arrived(&mut self, bytes: usize) {
        self.arrived += bytes;
        self.since_step += bytes;
        if self.since_step >= STEP {
            self.since_step = 0;
            self.progress.step(self.room.now());
        }
    }

    /// How long the body takes for a step, without the time that it waited for room: on average so far, or since it
    /// last got room, whichever is longer.
    fn per_step(&self, now: Duration) -> Duration {
        let each =
            |took: Duration, bytes: usize| took / u32::try_from(bytes / STEP).unwrap_or(u32::MAX).max(1);
        let so_far = each(now.saturating_sub(self.began).saturating_sub(self.waited), self.arrived);
        let lately = each(now.saturating_sub(self.granted.0), self.arrived - self.granted.1);
        so_far.max(lately).max(FAST)
    }

    /// How long it has waited for room.
    #[must_use]
    pub(super) fn waited(&self) -> Duration {
        self.waited
    }

    /// Ready if the body must end to make room. Otherwise, its task is woken when it must.
    pub(super) fn poll_cut(&self, context: &mut Context<'_>) -> Poll<Refusal> {
        self.progress.register(context);
        if self.progress.is_cut() { Poll::Ready(Refusal::Shed(Shed::SlowBody)) } else { Poll::Pending }
    }

    async fn woken(&self) {
        let mut registered = false;
        poll_fn(|context| {
            self.progress.register(context);
            if std::mem::replace(&mut registered, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.room.lock().leave(self.id, self.room.now());
    }
}

impl fmt::Debug for Share<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Share").field("id", &self.id).field("waited", &self.waited).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    /// Room for 8 KiB, of which 2 are for one that may always finish.
    fn room() -> Room {
        Room::new(&Limits { large_bodies_bytes: 8 * KIB, body_bytes: 2 * KIB, ..Limits::new(1) })
    }

    fn enter(room: &Room) -> Share<'_> {
        room.enter(room.opened, STEP)
    }

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[tokio::test]
    async fn what_can_never_have_room_is_shed_at_once() {
        assert_eq!(enter(&room()).grow(8 * KIB + 1).await, Err(Refusal::Shed(Shed::Memory)));
        assert_eq!(enter(&room()).grow(8 * KIB).await, Ok(()));
    }

    #[test]
    fn a_step_takes_a_body_what_it_did_not_wait_and_what_it_took_lately() {
        let room = room();
        let mut share = enter(&room);
        share.waited = at(100);
        for _ in 0..3 {
            share.arrived(STEP);
        }
        share.granted = (share.began + at(300), 3 * STEP);
        assert_eq!(share.per_step(share.began + at(340)), at(60));
        assert_eq!(share.per_step(share.began + at(500)), at(200));
    }
}
