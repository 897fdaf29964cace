//! The open connections of a listener: which are admitted, which make room for others, and which time out.
//!
//! A round checks all of them four times a second, so that no connection needs a timer of its own. When all
//! places are taken, or one source has its share, the least useful connection is ended at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::limits::Limits;
use super::pace::{Leave, Pace, Waiting};
use super::queue::{Queue, Standing};
use super::source::ClientSource;
use super::worth::{self, Worth};

/// How late a limit may be noticed.
pub(super) const ROUND: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Patrol {
    tasks: JoinSet<()>,
    open: HashMap<Id, Open>,
    /// How many connections of each source take a place.
    sources: HashMap<ClientSource, usize>,
    places_taken: usize,
    last_round: Instant,
    /// The connections to end for a newcomer of any source, in order.
    anybody: Queue,
    /// The connections of one source to end for a newcomer of that source, in order.
    of_a_source: Queue,
    /// The connections to ask to close after their answer, in order.
    busy: Queue,
}

#[derive(Debug)]
struct Open {
    pace: Arc<Pace>,
    task: AbortHandle,
    /// `None` for the server's own handshake with itself, which takes no place and is never ended for others.
    source: Option<ClientSource>,
    accepted: Instant,
    /// When the connection has to end with its next answer.
    last_call: Instant,
    /// The count of steps ([`Pace::steps`]) and when it last changed.
    seen: (u32, Instant),
    /// How much of the time since then was not the client's fault.
    excused: Duration,
    /// Whether it was aborted. It is collected later.
    ended: bool,
}

/// Whether there is a place for a newcomer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Free,
    /// A connection of this worth was ended.
    Made(Limit, Worth),
    /// No connection could be ended.
    None(Limit),
}

/// The limit that a newcomer hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// All places are taken.
    Connections,
    /// Its source has taken its share.
    Source,
}

impl Limit {
    /// Whose connections make room for a newcomer of this source: its own, or anybody's.
    fn concerns(self, newcomer: ClientSource) -> Option<ClientSource> {
        (self == Self::Source).then_some(newcomer)
    }
}

impl Default for Patrol {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            open: HashMap::new(),
            sources: HashMap::new(),
            places_taken: 0,
            last_round: Instant::now(),
            anybody: Queue::default(),
            of_a_source: Queue::default(),
            busy: Queue::default(),
        }
    }
}

impl Patrol {
    /// The number of connections, including those that were told to end.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    #[must_use]
    pub(super) fn is_full(&self, limits: &Limits) -> bool {
        self.places_taken >= limits.connections
    }

    /// Runs a connection. One without a source is the server's own, to which no limit applies.
    pub(super) fn spawn(
        &mut self,
        source: Option<ClientSource>,
        pace: Arc<Pace>,
        limits: &Limits,
        connection: impl Future<Output = ()> + Send + 'static,
    ) {
        // Boxed, because its 6 KB would otherwise be moved nine times before the task ends.
        let task = self.tasks.spawn(Box::pin(connection));
        let now = Instant::now();
        if let Some(source) = source {
            *self.sources.entry(source).or_default() += 1;
            self.places_taken += 1;
        }
        let open = Open {
            task,
            source,
            accepted: now,
            last_call: now + limits.age + limits.age.mul_f64(fastrand::f64() / 5.0),
            seen: (pace.steps(), now),
            excused: Duration::ZERO,
            ended: false,
            pace,
        };
        self.open.insert(open.task.id(), open);
    }

    /// Makes room for a connection of this source, if it has to.
    pub(super) fn make_room(&mut self, source: ClientSource, is_line_full: bool, limits: &Limits) -> Room {
        let Some(limit) = self.limit(source, limits) else { return Room::Free };
        match self.give_way(Some((source, limit)), is_line_full, limits) {
            Some(worth) => Room::Made(limit, worth),
            None => Room::None(limit),
        }
    }

    /// The limit that a connection of this source hits.
    fn limit(&self, source: ClientSource, limits: &Limits) -> Option<Limit> {
        if self.taken_by(source) >= limits.connections_by_source() {
            return Some(Limit::Source);
        }
        self.is_full(limits).then_some(Limit::Connections)
    }

    /// Ends the least useful connection for a newcomer of this source that hit this limit, or for whatever else needs a
    /// descriptor. Returns what it was worth. A connection that has just arrived is not ended for a source that has more
    /// connections than its own source.
    pub(super) fn give_way(
        &mut self,
        newcomer: Option<(ClientSource, Limit)>,
        is_line_full: bool,
        limits: &Limits,
    ) -> Option<Worth> {
        let now = Instant::now();
        let source = newcomer.and_then(|(source, limit)| limit.concerns(source));
        let its_places = newcomer.map_or(0, |(source, _)| self.taken_by(source));
        let may_end = |worth: Worth| worth.may_end(is_line_full);
        let mut renewed = false;
        if self.queue(source).is_stale(source, now) {
            self.renew_queue(source, now, limits);
            renewed = true;
        }
        loop {
            while let Some((id, worth)) = self.queue(source).take_next(may_end) {
                // It may have become more useful since.
                let open = self.open.get(&id).filter(|open| !open.ended);
                if open.is_some_and(|open| {
                    let has_as_many = open.source.is_some_and(|source| self.taken_by(source) >= its_places);
                    (worth != Worth::Young || has_as_many) && open.worth(now, limits) <= worth
                }) {
                    self.end(id);
                    return Some(worth);
                }
            }
            if renewed || !self.queue(source).first().is_some_and(may_end) {
                return None;
            }
            self.renew_queue(source, now, limits);
            renewed = true;
        }
    }

    /// Asks a connection that is delivering a review to close after its answer, because no other one can give way.
    /// Returns whether there was one that had not been asked yet.
    pub(super) fn ask_to_close(&mut self, source: ClientSource, limit: Limit, limits: &Limits) -> bool {
        let (now, source) = (Instant::now(), limit.concerns(source));
        if self.busy.is_stale(source, now) {
            let busy = self.standings(source, now, limits).filter(|one| one.worth == Worth::Busy);
            self.busy = Queue::of(busy.collect(), source, now);
        }
        while let Some((id, _)) = self.busy.take_next(|_| true) {
            if let Some(open) = self.open.get(&id)
                && !open.pace.next_is_last()
            {
                open.pace.make_next_the_last();
                return true;
            }
        }
        false
    }

    /// How many places this source has taken.
    fn taken_by(&self, source: ClientSource) -> usize {
        self.sources.get(&source).copied().unwrap_or_default()
    }

    fn queue(&mut self, source: Option<ClientSource>) -> &mut Queue {
        if source.is_some() { &mut self.of_a_source } else { &mut self.anybody }
    }

    fn renew_queue(&mut self, source: Option<ClientSource>, now: Instant, limits: &Limits) {
        let standings = self.standings(source, now, limits).collect();
        *self.queue(source) = Queue::of(standings, source, now);
    }

    /// What the connections of this source, or of all sources, are worth.
    fn standings(
        &self,
        source: Option<ClientSource>,
        now: Instant,
        limits: &Limits,
    ) -> impl Iterator<Item = Standing> {
        let open = self.open.iter().filter(move |(_, open)| source.is_none() || open.source == source);
        open.filter(|(_, open)| !open.ended).filter_map(move |(id, open)| {
            let worth = open.worth(now, limits);
            if worth == Worth::Busy && open.pace.next_is_last() {
                return None;
            }
            let since = if worth < Worth::Useful { open.accepted } else { open.seen.1 };
            Some(Standing { id: *id, source: open.source?, worth, since })
        })
    }

    /// Ends a connection at once, and frees its place.
    fn end(&mut self, id: Id) {
        let Some(open) = self.open.get_mut(&id) else { return };
        open.task.abort();
        if !open.ended {
            open.ended = true;
            let source = open.source;
            self.leave_place(source);
        }
    }

    fn leave_place(&mut self, source: Option<ClientSource>) {
        let Some(source) = source else { return };
        self.places_taken -= 1;
        if let Some(taken) = self.sources.get_mut(&source) {
            *taken -= 1;
            if *taken == 0 {
                self.sources.remove(&source);
            }
        }
    }

    /// How the next connection ended; `None` if none is open. Wakes the waiting task for each of them.
    pub(super) async fn next_ended(&mut self) -> Option<Result<(), JoinError>> {
        let ended = self.tasks.join_next_with_id().await?;
        Some(self.forget(ended))
    }

    /// How a connection ended, if one has.
    pub(super) fn ended(&mut self) -> Option<Result<(), JoinError>> {
        let ended = self.tasks.try_join_next_with_id()?;
        Some(self.forget(ended))
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) -> Result<(), JoinError> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        if let Some(open) = self.open.remove(&id)
            && !open.ended
        {
            self.leave_place(open.source);
        }
        ended.map(|_| ())
    }

    /// Ends connections that took too long or are no longer trusted, and makes the next answer of old ones the last.
    pub(super) fn make_round(&mut self, limits: &Limits) {
        let (now, time) = (Instant::now(), SystemTime::now());
        let elapsed = now - self.last_round;
        self.last_round = now;
        let mut overdue = Vec::new();
        for (id, open) in &mut self.open {
            open.look(now, elapsed);
            if now > open.last_call {
                open.pace.make_next_the_last();
            }
            if !open.pace.is_trusted_at(time) {
                open.pace.tell_to_leave(Leave::Revoked);
            }
            if now - open.seen.1 > longest(open.pace.waiting(), limits) {
                overdue.push(*id);
            }
        }
        for id in overdue {
            self.end_overdue(id);
        }
    }

    fn end_overdue(&mut self, id: Id) {
        let Some(open) = self.open.get(&id) else { return };
        match open.pace.waiting() {
            Waiting::Fresh | Waiting::Idle => open.pace.tell_to_leave(Leave::InGoodOrder),
            Waiting::Handshake | Waiting::Head | Waiting::Request | Waiting::Response | Waiting::Close => {
                self.end(id);
            }
        }
    }

    /// Asks all connections to end.
    pub(super) fn tell_all_to_leave(&self, how: Leave) {
        for open in self.open.values() {
            open.pace.tell_to_leave(how);
        }
    }
}

impl Open {
    /// Records whether anything changed since the last look. `elapsed` is the time since then.
    fn look(&mut self, now: Instant, elapsed: Duration) {
        let steps = self.pace.steps();
        if self.seen.0 != steps {
            self.seen = (steps, now);
            self.excused = Duration::ZERO;
        } else if self.pace.waiting() == Waiting::Request && !self.pace.awaits_bytes() {
            self.excused += elapsed;
        }
    }

    fn worth(&self, now: Instant, limits: &Limits) -> Worth {
        let waited = if self.pace.steps() == self.seen.0 { now - self.seen.1 } else { Duration::ZERO };
        let kept_waiting = waited.saturating_sub(self.excused);
        worth::of(&self.pace, kept_waiting, now - self.accepted, limits.patience)
    }
}

/// How long the server waits for this.
fn longest(waiting: Waiting, limits: &Limits) -> Duration {
    match waiting {
        Waiting::Handshake => limits.handshake,
        Waiting::Fresh | Waiting::Idle => limits.idle,
        Waiting::Head => limits.head,
        Waiting::Request => limits.request,
        Waiting::Response => limits.response,
        Waiting::Close => limits.patience,
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::advance;

    use super::super::pace::Delivered;
    use super::*;

    fn limits(connections: usize) -> Limits {
        Limits::new(connections)
    }

    fn source(number: u8) -> ClientSource {
        ClientSource::of(([10, 0, 0, number], 1).into())
    }

    /// Connects, if there is a place.
    fn comes(patrol: &mut Patrol, source: ClientSource, limits: &Limits) -> (Room, Arc<Pace>) {
        let room = patrol.make_room(source, true, limits);
        let pace = Pace::new();
        pace.delivered(Delivered::Bytes);
        if !matches!(room, Room::None(_)) {
            patrol.spawn(Some(source), Arc::clone(&pace), limits, pending());
        }
        (room, pace)
    }

    /// A client that has delivered this and is idle.
    fn idle(patrol: &mut Patrol, source: ClientSource, delivered: Delivered, limits: &Limits) -> Arc<Pace> {
        let (_, pace) = comes(patrol, source, limits);
        pace.delivered(delivered);
        pace.now(Waiting::Idle);
        pace
    }

    fn still_there(patrol: &Patrol, pace: &Arc<Pace>) -> bool {
        patrol.open.values().any(|open| Arc::ptr_eq(&open.pace, pace) && !open.ended)
    }

    #[tokio::test]
    async fn a_source_that_has_its_share_gives_way_to_itself() {
        let (mut patrol, limits) = (Patrol::default(), limits(4));
        let (_, first) = comes(&mut patrol, source(1), &limits);
        for _ in 0..2 {
            assert_eq!(comes(&mut patrol, source(1), &limits).0, Room::Free);
        }
        let hit = Room::Made(Limit::Source, Worth::Young);
        assert_eq!(comes(&mut patrol, source(1), &limits).0, hit);
        assert!(!still_there(&patrol, &first), "the oldest one gives way");
        assert_eq!(comes(&mut patrol, source(2), &limits).0, Room::Free);
        assert_eq!(comes(&mut patrol, source(3), &limits).0, Room::Made(Limit::Connections, Worth::Young));
    }

    #[tokio::test]
    async fn useless_ones_give_way_before_new_ones_and_new_ones_before_useful_ones() {
        let (mut patrol, limits) = (Patrol::default(), limits(4));
        let useful = idle(&mut patrol, source(1), Delivered::Reviews, &limits);
        let useless = idle(&mut patrol, source(2), Delivered::Other, &limits);
        let news = [3, 4].map(|number| comes(&mut patrol, source(number), &limits).1);
        let newest = comes(&mut patrol, source(5), &limits);
        assert_eq!(newest.0, Room::Made(Limit::Connections, Worth::Useless));
        assert!(!still_there(&patrol, &useless));
        assert_eq!(comes(&mut patrol, source(6), &limits).0, Room::Made(Limit::Connections, Worth::Young));
        assert!(!still_there(&patrol, &news[0]) && still_there(&patrol, &news[1]));
        assert!(still_there(&patrol, &useful));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_only_just_come_is_spared_unless_the_line_is_full() {
        let (mut patrol, limits) = (Patrol::default(), limits(2));
        for number in 1..=2 {
            comes(&mut patrol, source(number), &limits);
        }
        let none = Room::None(Limit::Connections);
        assert_eq!(patrol.make_room(source(3), false, &limits), none);
        assert!(!patrol.ask_to_close(source(3), Limit::Connections, &limits), "nobody is busy");
        advance(Duration::from_millis(300)).await;
        assert_eq!(patrol.make_room(source(3), false, &limits), Room::Made(Limit::Connections, Worth::New));
        advance(Duration::from_millis(20)).await;
        for number in 4..=5 {
            comes(&mut patrol, source(number), &limits);
        }
        assert_eq!(patrol.make_room(source(6), false, &limits), none);
        assert_eq!(patrol.make_room(source(6), true, &limits), Room::Made(Limit::Connections, Worth::Young));
    }

    #[tokio::test]
    async fn one_that_has_only_just_come_is_not_ended_for_a_source_with_more_connections() {
        let (mut patrol, limits) = (Patrol::default(), limits(8));
        for number in [1, 1, 1, 2, 2, 2, 2, 2] {
            let (_, pace) = comes(&mut patrol, source(number), &limits);
            if number == 2 {
                pace.now(Waiting::Request);
            }
        }
        assert_eq!(comes(&mut patrol, source(2), &limits).0, Room::None(Limit::Connections));
        assert_eq!(
            comes(&mut patrol, source(3), &limits).0,
            Room::Made(Limit::Connections, Worth::Young),
            "a source without a connection"
        );
        assert_eq!(patrol.sources, HashMap::from([(source(1), 2), (source(2), 5), (source(3), 1)]));
    }

    #[tokio::test(start_paused = true)]
    async fn silent_ones_give_way_before_those_that_have_begun_however_old() {
        let (mut patrol, limits) = (Patrol::default(), limits(4));
        let (_, begun) = comes(&mut patrol, source(1), &limits);
        let silent = [2, 3, 4].map(|number| {
            let pace = Pace::new();
            patrol.spawn(Some(source(number)), Arc::clone(&pace), &limits, pending());
            pace
        });
        advance(Duration::from_millis(300)).await;
        for number in 5..8 {
            let hit = comes(&mut patrol, source(number), &limits).0;
            assert_eq!(hit, Room::Made(Limit::Connections, Worth::Silent));
        }
        assert!(still_there(&patrol, &begun) && !silent.iter().any(|pace| still_there(&patrol, pace)));
    }

    #[tokio::test]
    async fn useful_ones_do_not_keep_all_places() {
        let (mut patrol, limits) = (Patrol::default(), limits(8));
        let useful: Vec<_> =
            (0..8).map(|number| idle(&mut patrol, source(number), Delivered::Reviews, &limits)).collect();
        let hits: Vec<_> = (0..4).map(|number| comes(&mut patrol, source(10 + number), &limits).0).collect();
        let [useful_one, new_one] =
            [Worth::Useful, Worth::Young].map(|worth| Room::Made(Limit::Connections, worth));
        assert_eq!(hits, [useful_one, useful_one, useful_one, new_one]);
        assert_eq!(useful.iter().filter(|pace| still_there(&patrol, pace)).count(), 5);
    }

    #[tokio::test]
    async fn the_source_with_the_most_of_a_kind_gives_way_first() {
        let (mut patrol, limits) = (Patrol::default(), limits(8));
        let (_, lonely) = comes(&mut patrol, source(1), &limits);
        for _ in 0..5 {
            comes(&mut patrol, source(2), &limits);
        }
        comes(&mut patrol, source(3), &limits);
        comes(&mut patrol, source(4), &limits);
        assert_eq!(comes(&mut patrol, source(5), &limits).0, Room::Made(Limit::Connections, Worth::Young));
        assert!(still_there(&patrol, &lonely), "though it is the oldest one");
        assert_eq!(patrol.sources.get(&source(2)), Some(&4));
    }

    #[tokio::test(start_paused = true)]
    async fn without_anybody_who_may_be_ended_the_busy_ones_are_asked_to_close_once_each() {
        let (mut patrol, limits) = (Patrol::default(), limits(2));
        let busy = [1, 2].map(|number| {
            let (_, pace) = comes(&mut patrol, source(number), &limits);
            pace.now(Waiting::Request);
            pace
        });
        let asked = |busy: &[Arc<Pace>; 2]| busy.iter().filter(|pace| pace.next_is_last()).count();
        for asked_so_far in 1..=2 {
            assert_eq!(comes(&mut patrol, source(3), &limits).0, Room::None(Limit::Connections));
            assert!(patrol.ask_to_close(source(3), Limit::Connections, &limits));
            assert_eq!(asked(&busy), asked_so_far);
            advance(Duration::from_millis(20)).await;
        }
        assert_eq!(comes(&mut patrol, source(3), &limits).0, Room::None(Limit::Connections));
        assert!(!patrol.ask_to_close(source(3), Limit::Connections, &limits));
        assert_eq!(patrol.len(), 2);
    }

    #[tokio::test]
    async fn the_server_itself_takes_no_place_and_never_gives_way() {
        let (mut patrol, limits) = (Patrol::default(), limits(1));
        let ourselves = Pace::new();
        patrol.spawn(None, Arc::clone(&ourselves), &limits, pending());
        assert_eq!(comes(&mut patrol, source(1), &limits).0, Room::Free);
        for number in 2..50 {
            assert_eq!(
                comes(&mut patrol, source(number), &limits).0,
                Room::Made(Limit::Connections, Worth::Young)
            );
        }
        assert!(still_there(&patrol, &ourselves));
    }

    #[tokio::test]
    async fn whoever_ends_leaves_its_place_once() {
        let (mut patrol, limits) = (Patrol::default(), limits(4));
        for _ in 0..10 {
            comes(&mut patrol, source(1), &limits);
        }
        patrol.spawn(Some(source(2)), Pace::new(), &limits, async {});
        for _ in 0..8 {
            // One ended by itself, and seven were ended to make room.
            patrol.next_ended().await.expect("an end").ok();
        }
        assert_eq!((patrol.places_taken, patrol.len()), (3, 3));
        assert_eq!(patrol.sources, HashMap::from([(source(1), 3)]));
    }
}
