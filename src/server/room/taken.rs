//! Who gets memory next, and who is cut for it. There is no I/O here, and no clock: times are since the room was opened.

use std::sync::Arc;
use std::time::Duration;

use super::FAST;
use super::progress::Progress;

/// A body is too slow only if it is at least this many times slower than the one that waits, however long that one
/// has waited.
const SLOWER: u32 = 4;
/// How often the first one in line checks whether another body has become too slow.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// The others are woken when it is their turn. This bounds the harm if that fails.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// In the order in which the bodies became large.
#[derive(Debug)]
pub(super) struct Taken {
    free: usize,
    bodies: Vec<Entry>,
    /// The body that may take from the reserve.
    finisher: Option<u64>,
    next: u64,
    /// The part for the one body that can always finish.
    reserve: usize,
    /// How long a body may receive nothing before it is cut for one that has not waited yet.
    stall: Duration,
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
    progress: Arc<Progress>,
}

/// What a body asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// In all.
    pub bytes: usize,
    pub per_step: Duration,
    pub waited: Duration,
}

/// The answer to a body that asks for more.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Granted,
    Cut,
    /// Ask again after this time, or when woken.
    Wait(Duration),
}

impl Taken {
    pub(super) fn none(free: usize, reserve: usize, stall: Duration) -> Self {
        Self { free, bodies: Vec::new(), finisher: None, next: 0, reserve, stall }
    }

    /// Registers a body, which has no memory yet. Returns its id.
    pub(super) fn enter(&mut self, progress: Arc<Progress>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.bodies.push(Entry { id, held: 0, wants: 0, per_step: FAST, cut: false, progress });
        id
    }

    /// Gives the body the bytes that it lacks, or makes it wait and cuts bodies that are too slow.
    pub(super) fn ask(&mut self, id: u64, wish: &Wish, now: Duration) -> Told {
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
        if is_first && self.grant(place, now) {
            return Told::Granted;
        }
        if !is_first {
            return Told::Wait(LOOK_ANYWAY);
        }
        self.cut_slow_ones(place, wish, now);
        Told::Wait(LOOK_EVERY)
    }

    /// The fastest body that waits; among equals, the youngest.
    fn first_waiting(&self) -> Option<usize> {
        let waiting = self.bodies.iter().enumerate().rev().filter(|(_, body)| body.wants > 0 && !body.cut);
        waiting.min_by_key(|(_, body)| body.per_step).map(|(place, _)| place)
    }

    fn grant(&mut self, place: usize, now: Duration) -> bool {
        let body = &mut self.bodies[place];
        let may_finish = self.finisher.is_none_or(|finisher| finisher == body.id);
        let from_the_rest = self.free >= body.wants + self.reserve;
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
        body.progress.step(now);
        true
    }

    /// Cuts bodies that are slow enough, the slowest first, until there is room for the body at this place.
    fn cut_slow_ones(&mut self, place: usize, wish: &Wish, now: Duration) {
        let Entry { wants, id, .. } = self.bodies[place];
        // The longer it has waited, the faster the others have to be.
        let halvings = 2 * wish.waited.as_millis() / self.stall.as_millis().max(1);
        let halvings = u32::try_from(halvings).unwrap_or(u32::MAX);
        let slow = (self.stall.max(2 * SLOWER * wish.per_step) / 2_u32.saturating_pow(halvings))
            .max(SLOWER * wish.per_step);
        let mut slow_ones: Vec<_> = self
            .bodies
            .iter()
            .enumerate()
            .filter(|(_, body)| body.id != id && body.held > 0 && !body.cut)
            .map(|(place, body)| (now.saturating_sub(body.progress.stepped()), place))
            .filter(|(age, place)| {
                let other = &self.bodies[*place];
                // The wait is not its fault, but it must not keep its memory forever.
                let only_waits = other.wants > 0 && other.per_step <= SLOWER * wish.per_step;
                *age >= if only_waits { 4 * self.stall } else { slow }
            })
            .collect();
        slow_ones.sort_unstable();
        let leaving = |body: &&Entry| body.cut;
        let mut free: usize =
            self.free + self.bodies.iter().filter(leaving).map(|body| body.held).sum::<usize>();
        let mut finisher =
            self.finisher.filter(|id| self.bodies.iter().any(|body| body.id == *id && !body.cut));
        while free < wants + finisher.map_or(0, |_| self.reserve) {
            let Some((_, slowest)) = slow_ones.pop() else { return };
            let body = &mut self.bodies[slowest];
            body.cut = true;
            body.progress.cut();
            free += body.held;
            finisher = finisher.filter(|finisher| *finisher != body.id);
        }
    }

    /// Frees what the body held, and grants it to those that wait.
    pub(super) fn leave(&mut self, id: u64, now: Duration) {
        let Some(place) = self.bodies.iter().position(|body| body.id == id) else { return };
        self.free += self.bodies.remove(place).held;
        if self.finisher == Some(id) {
            self.finisher = None;
        }
        while let Some(place) = self.first_waiting() {
            let granted = self.grant(place, now);
            // It got what it wants, or is now the first in line.
            self.bodies[place].progress.wake();
            if !granted {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Room, STEP, Share};
    use super::*;
    use crate::server::limits::Limits;

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
        share.room.lock().ask(share.id, &wish, at(now))
    }

    fn holding(room: &Room, bytes: usize) -> Share<'_> {
        let share = enter(room);
        assert_eq!(ask(&share, bytes, 0, 0), Told::Granted);
        share
    }

    fn cut(shares: &[&Share<'_>]) -> Vec<bool> {
        shares.iter().map(|share| share.progress.is_cut()).collect()
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
            assert_eq!(room.lock().ask(slow.id, &wish, at(now)), WAIT);
            assert_eq!(cut(&[&one, &two]), [false, expected]);
        }
    }

    #[test]
    fn the_fastest_is_served_before_the_youngest() {
        let room = room();
        let [one, two] = [holding(&room, 6 * KIB), holding(&room, 2 * KIB)];
        let [fast, slow] = [enter(&room), enter(&room)];
        let wish = Wish { bytes: KIB, per_step: 2 * FAST, waited: at(0) };
        assert_eq!(room.lock().ask(slow.id, &wish, at(1)), WAIT);
        assert_eq!(ask(&fast, 3 * KIB, 1, 0), WAIT);
        assert_eq!(room.lock().ask(slow.id, &wish, at(1)), NOT_FIRST);
        drop(two);
        assert_eq!(room.lock().ask(slow.id, &wish, at(2)), NOT_FIRST);
        drop(one);
        assert_eq!(ask(&fast, 3 * KIB, 3, 2), Told::Granted);
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
