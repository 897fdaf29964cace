//! Memory for large bodies. A body takes it in steps, as its bytes arrive, so that a declared length costs nothing.
//!
//! A body that finds no room waits, and slower bodies are ended for it. A body that has received nothing for a while
//! is cut, the slowest one first. The longer a faster body waits, the faster the others have to be. Speed also
//! depends on the machine, so it is compared with the body that waits.
//!
//! Of the bodies that wait, the fastest is served first, and among equally fast ones the youngest: one that has waited
//! for long is probably late already, and clients that hold the room on purpose are older than the next honest request.
//! Bodies that wait for each other would never finish. So a part of the room, as large as the largest body, is reserved
//! for one of them at a time, which can always finish.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::{Instant, timeout};

use super::limits::Limits;
use super::metrics::Shed;
use super::refusal::Refusal;

/// The new bytes that count as progress. Single bytes do not make a body fast.
const STEP: usize = 32 * 1024;
/// Bodies that get a step in this time are equally fast: 1 MiB a second or more.
const FAST: Duration = Duration::from_millis(32);
/// A body is too slow only if it is at least this many times slower than the one that waits, however long that one
/// has waited.
const SLOWER: u32 = 4;
/// How often the first one in line checks whether another body has become too slow.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// The others are woken when it is their turn. This bounds the harm if that fails.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// Shared by all large bodies.
#[derive(Debug)]
pub(super) struct Room {
    taken: Mutex<Taken>,
    all: usize,
    /// The part for the one body that can always finish.
    reserve: usize,
    stall: Duration,
    opened: Instant,
}

/// In the order in which the bodies became large.
#[derive(Debug)]
struct Taken {
    free: usize,
    bodies: Vec<Entry>,
    /// The body that may take from the reserve.
    finisher: Option<u64>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    held: usize,
    /// How many more bytes it waits for; 0 if it does not wait.
    wants: usize,
    /// How long the body takes for a step.
    per_step: Duration,
    cut: bool,
    body: Arc<Progress>,
}

/// Shared by the task of a body and the other tasks.
#[derive(Debug)]
struct Progress {
    /// When it last got a step, in milliseconds since the room was opened.
    stepped: AtomicU64,
    cut: AtomicBool,
    task: AtomicWaker,
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

/// What a body asks for.
#[derive(Debug, Clone, Copy)]
struct Wish {
    /// In all.
    bytes: usize,
    per_step: Duration,
    waited: Duration,
}

/// The answer to a body that asks for more.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Granted,
    Cut,
    /// Ask again after this time, or when woken.
    Wait(Duration),
}

impl Room {
    #[must_use]
    pub(super) fn new(limits: &Limits) -> Self {
        let all = limits.large_bodies_bytes;
        Self {
            taken: Mutex::new(Taken { free: all, bodies: Vec::new(), finisher: None, next: 0 }),
            all,
            reserve: limits.body_bytes.min(all),
            stall: limits.stall,
            opened: Instant::now(),
        }
    }

    /// Registers a body that turns out to be large. This many bytes of it have arrived since it began. It has no
    /// memory yet.
    pub(super) fn enter(&self, began: Instant, arrived: usize) -> Share<'_> {
        let now = self.now();
        let began = now.saturating_sub(began.elapsed());
        let progress = Arc::new(Progress {
            stepped: AtomicU64::new(milliseconds(now)),
            cut: AtomicBool::new(false),
            task: AtomicWaker::new(),
        });
        let mut taken = self.lock();
        let id = taken.next;
        taken.next += 1;
        let body = Arc::clone(&progress);
        taken.bodies.push(Entry { id, held: 0, wants: 0, per_step: FAST, cut: false, body });
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
                self.progress.task.register(context.waker());
                Poll::Ready(self.room.lock().ask(self.room, self.id, &Wish { bytes, per_step, waited }, now))
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
        self.progress.task.register(context.waker());
        if self.progress.cut.load(Relaxed) {
            Poll::Ready(Refusal::Shed(Shed::SlowBody))
        } else {
            Poll::Pending
        }
    }

    async fn woken(&self) {
        let mut registered = false;
        poll_fn(|context| {
            self.progress.task.register(context.waker());
            if std::mem::replace(&mut registered, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl Progress {
    fn step(&self, now: Duration) {
        self.stepped.store(milliseconds(now), Relaxed);
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.room.lock().leave(self.room, self.id, self.room.now());
    }
}

impl fmt::Debug for Share<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Share").field("id", &self.id).field("waited", &self.waited).finish_non_exhaustive()
    }
}

impl Taken {
    /// Gives the body the bytes that it lacks, or makes it wait and cuts bodies that are too slow.
    fn ask(&mut self, room: &Room, id: u64, wish: &Wish, now: Duration) -> Told {
        let Some(place) = self.bodies.iter().position(|body| body.id == id) else { return Told::Cut };
        let body = &mut self.bodies[place];
        if body.cut {
            return Told::Cut;
        }
        if body.held >= wish.bytes {
            return Told::Granted;
        }
        body.wants = wish.bytes - body.held;
        body.per_step = wish.per_step;
        let is_first = self.first_waiting() == Some(place) || self.finisher == Some(id);
        if is_first && self.grant(place, room, now) {
            return Told::Granted;
        }
        if !is_first {
            return Told::Wait(LOOK_ANYWAY);
        }
        self.cut_slow_ones(room, place, wish, now);
        Told::Wait(LOOK_EVERY)
    }

    /// The fastest body that waits; among equals, the youngest.
    fn first_waiting(&self) -> Option<usize> {
        let waiting = self.bodies.iter().enumerate().rev().filter(|(_, body)| body.wants > 0 && !body.cut);
        waiting.min_by_key(|(_, body)| body.per_step).map(|(place, _)| place)
    }

    fn grant(&mut self, place: usize, room: &Room, now: Duration) -> bool {
        let body = &mut self.bodies[place];
        let may_finish = self.finisher.is_none_or(|finisher| finisher == body.id);
        let from_the_rest = self.free >= body.wants + room.reserve;
        if !from_the_rest {
            if !may_finish || self.free < body.wants {
                return false;
            }
            self.finisher = Some(body.id);
        }
        self.free -= body.wants;
        body.held += body.wants;
        body.wants = 0;
        // Its wait for room does not count as slowness.
        body.body.step(now);
        true
    }

    /// Cuts bodies that are slow enough, the slowest first, until there is room for the body at this place.
    fn cut_slow_ones(&mut self, room: &Room, place: usize, wish: &Wish, now: Duration) {
        let Entry { wants, id, .. } = self.bodies[place];
        // The longer it has waited, the faster the others have to be.
        let halvings = 2 * wish.waited.as_millis() / room.stall.as_millis().max(1);
        let halvings = u32::try_from(halvings).unwrap_or(u32::MAX);
        let slow = (room.stall.max(2 * SLOWER * wish.per_step) / 2_u32.saturating_pow(halvings))
            .max(SLOWER * wish.per_step);
        let mut slow_ones: Vec<_> = self
            .bodies
            .iter()
            .enumerate()
            .filter(|(_, body)| body.id != id && body.held > 0 && !body.cut)
            .map(|(place, body)| (now.saturating_sub(body.stepped()), place))
            .filter(|(age, place)| {
                let other = &self.bodies[*place];
                // The wait is not its fault, but it must not keep its memory forever.
                let only_waits = other.wants > 0 && other.per_step <= SLOWER * wish.per_step;
                *age >= if only_waits { 4 * room.stall } else { slow }
            })
            .collect();
        slow_ones.sort_unstable();
        let leaving = |body: &&Entry| body.cut;
        let mut free: usize =
            self.free + self.bodies.iter().filter(leaving).map(|body| body.held).sum::<usize>();
        let mut finisher =
            self.finisher.filter(|id| self.bodies.iter().any(|body| body.id == *id && !body.cut));
        while free < wants + finisher.map_or(0, |_| room.reserve) {
            let Some((_, slowest)) = slow_ones.pop() else { return };
            let body = &mut self.bodies[slowest];
            body.cut = true;
            body.body.cut.store(true, Relaxed);
            body.body.task.wake();
            free += body.held;
            finisher = finisher.filter(|finisher| *finisher != body.id);
        }
    }

    /// Frees what the body held, and grants it to those that wait.
    fn leave(&mut self, room: &Room, id: u64, now: Duration) {
        let Some(place) = self.bodies.iter().position(|body| body.id == id) else { return };
        self.free += self.bodies.remove(place).held;
        if self.finisher == Some(id) {
            self.finisher = None;
        }
        while let Some(place) = self.first_waiting() {
            let granted = self.grant(place, room, now);
            // It got what it wants, or is now the first in line.
            self.bodies[place].body.task.wake();
            if !granted {
                return;
            }
        }
    }
}

impl Entry {
    fn stepped(&self) -> Duration {
        Duration::from_millis(self.body.stepped.load(Relaxed))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;
    const WAIT: Told = Told::Wait(LOOK_EVERY);
    const NOT_FIRST: Told = Told::Wait(LOOK_ANYWAY);

    /// Room for 8 KiB, of which 2 are for one that may always finish.
    fn room() -> Room {
        Room::new(&Limits { large_bodies_bytes: 8 * KIB, body_bytes: 2 * KIB, ..Limits::new(1) })
    }

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn enter(room: &Room) -> Share<'_> {
        room.enter(room.opened, STEP)
    }

    /// The answer to a fast body that asks at this time and has waited for so long.
    fn ask(share: &Share<'_>, bytes: usize, now: u64, waited: u64) -> Told {
        let wish = Wish { bytes, per_step: FAST, waited: at(waited) };
        share.room.lock().ask(share.room, share.id, &wish, at(now))
    }

    fn holding(room: &Room, bytes: usize) -> Share<'_> {
        let share = enter(room);
        assert_eq!(ask(&share, bytes, 0, 0), Told::Granted);
        share
    }

    fn cut(shares: &[&Share<'_>]) -> Vec<bool> {
        shares.iter().map(|share| share.progress.cut.load(Relaxed)).collect()
    }

    #[tokio::test]
    async fn what_can_never_have_room_is_shed_at_once() {
        assert_eq!(enter(&room()).grow(8 * KIB + 1).await, Err(Refusal::Shed(Shed::Memory)));
        assert_eq!(enter(&room()).grow(8 * KIB).await, Ok(()));
    }

    #[test]
    fn a_body_waits_for_others_as_long_as_they_are_fast() {
        let room = room();
        let [one, two, three] = [holding(&room, 6 * KIB), holding(&room, 2 * KIB), enter(&room)];
        for now in 1..200 {
            one.progress.step(at(now * 10));
            two.progress.step(at(now * 10));
            assert_eq!(ask(&three, KIB, now * 10 + 127, now * 10), WAIT);
        }
        assert_eq!(cut(&[&one, &two, &three]), [false, false, false]);
        drop(one);
        assert_eq!(ask(&three, KIB, 2_000, 2_000), Told::Granted);
    }

    #[test]
    fn the_slowest_makes_way_and_no_more_of_them_than_have_to() {
        let room = room();
        let [slow, fast, slower] =
            [holding(&room, 2 * KIB), holding(&room, 4 * KIB), holding(&room, 2 * KIB)];
        slow.progress.step(at(100));
        fast.progress.step(at(590));
        let last = enter(&room);
        assert_eq!(ask(&last, KIB, 400, 0), WAIT);
        assert_eq!(cut(&[&slow, &fast, &slower]), [false, false, false]);
        assert_eq!(ask(&last, KIB, 600, 200), WAIT);
        assert_eq!(cut(&[&slow, &fast, &slower]), [false, false, true]);
        assert_eq!(ask(&slower, 3 * KIB, 600, 0), Told::Cut);
        drop(slower);
        assert_eq!(ask(&last, KIB, 601, 201), Told::Granted);
    }

    #[test]
    fn the_longer_one_waits_the_faster_the_others_have_to_be() {
        // 32 KiB in so many milliseconds are too slow for somebody who has waited for that long
        for (step, waited) in [(500, 0), (250, 250), (128, 500), (128, 750), (128, 60_000)] {
            let room = room();
            let [one, two] = [holding(&room, 6 * KIB), holding(&room, 2 * KIB)];
            let last = enter(&room);
            assert_eq!(ask(&last, KIB, step - 1, waited), WAIT);
            assert_eq!(cut(&[&one, &two]), [false, false], "{step} {waited}");
            assert_eq!(ask(&last, KIB, step, waited), WAIT);
            assert_eq!(cut(&[&one, &two]), [false, true], "{step} {waited}");
        }
    }

    #[test]
    fn one_that_waits_itself_has_four_times_as_long() {
        let room = room();
        let [one, two] = [holding(&room, 6 * KIB), holding(&room, KIB)];
        assert_eq!(ask(&one, 7 * KIB + 1, 1, 0), WAIT);
        let last = enter(&room);
        two.progress.step(at(1_999));
        assert_eq!(ask(&last, 2 * KIB, 1_999, 0), WAIT);
        assert_eq!(cut(&[&one, &two]), [false, false]);
        assert_eq!(ask(&last, 2 * KIB, 2_000, 0), WAIT);
        assert_eq!(cut(&[&one, &two]), [true, false]);
    }

    #[test]
    fn nobody_makes_way_for_one_that_is_no_faster() {
        let room = room();
        let [one, two, slow] = [holding(&room, 6 * KIB), holding(&room, 2 * KIB), enter(&room)];
        for (now, expected) in [(1_599, false), (1_600, true)] {
            // 32 KiB in 200 ms: eight times that is too slow, at first
            let wish = Wish { bytes: KIB, per_step: at(200), waited: at(0) };
            assert_eq!(room.lock().ask(&room, slow.id, &wish, at(now)), WAIT);
            assert_eq!(cut(&[&one, &two]), [false, expected]);
        }
    }

    #[test]
    fn the_fastest_is_served_before_the_youngest() {
        let room = room();
        let [one, two] = [holding(&room, 6 * KIB), holding(&room, 2 * KIB)];
        let [fast, slow] = [enter(&room), enter(&room)];
        let wish = Wish { bytes: KIB, per_step: 2 * FAST, waited: at(0) };
        assert_eq!(room.lock().ask(&room, slow.id, &wish, at(1)), WAIT);
        assert_eq!(ask(&fast, 3 * KIB, 1, 0), WAIT);
        assert_eq!(room.lock().ask(&room, slow.id, &wish, at(1)), NOT_FIRST);
        drop(two);
        assert_eq!(room.lock().ask(&room, slow.id, &wish, at(2)), NOT_FIRST);
        drop(one);
        assert_eq!(ask(&fast, 3 * KIB, 3, 2), Told::Granted);
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

    #[test]
    fn the_youngest_is_served_first() {
        let room = room();
        let [one, two] = [holding(&room, 6 * KIB), holding(&room, 2 * KIB)];
        let [old, young] = [enter(&room), enter(&room)];
        assert_eq!(ask(&old, 7 * KIB, 1, 0), WAIT);
        assert_eq!(ask(&young, 7 * KIB, 1, 0), WAIT);
        assert_eq!(ask(&old, 7 * KIB, 2, 1), NOT_FIRST);
        drop([one, two]);
        assert_eq!(ask(&young, 7 * KIB, 3, 2), Told::Granted);
        assert_eq!(ask(&old, 7 * KIB, 3, 2), WAIT);
        drop(young);
        assert_eq!(ask(&old, 7 * KIB, 4, 3), Told::Granted);
    }

    #[test]
    fn of_bodies_that_wait_for_each_other_one_can_always_finish() {
        let room = room();
        let mut bodies: Vec<_> = (0..6).map(|_| holding(&room, KIB)).collect();
        // Each of them needs memory that the others have.
        let granted = |bodies: &[Share<'_>]| {
            let told: Vec<_> = bodies.iter().map(|body| ask(body, 2 * KIB, 1, 0)).collect();
            told.iter().position(|told| *told == Told::Granted)
        };
        while !bodies.is_empty() {
            let finished = granted(&bodies).expect("one can finish");
            drop(bodies.remove(finished));
        }
        assert_eq!(room.lock().free, 8 * KIB);
    }

    #[test]
    fn one_that_gives_up_waiting_leaves_nothing_behind() {
        let room = room();
        let [one, two, three] = [holding(&room, 6 * KIB), holding(&room, 2 * KIB), enter(&room)];
        assert_eq!(ask(&three, KIB, 1, 0), WAIT);
        drop([three, one, two]);
        let taken = room.lock();
        assert_eq!((taken.free, taken.bodies.len(), taken.finisher), (8 * KIB, 0, None));
    }
}
