//! The open connections of a listener: which are admitted, which make room for others, and which time out.
//!
//! A round checks all of them four times a second, so that no connection needs a timer of its own. When all
//! places are taken, or one source has its share, the least useful connection is ended at once ([`making_room`]).

mod making_room;
mod open;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::limits::Limits;
use super::pace::{Leave, Pace, Waiting};
use super::queue::Queue;
use super::source::ClientSource;
pub(super) use making_room::{Limit, Vacancy};
use open::Open;

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
        let open = Open::new(task, source, pace, now, limits);
        self.open.insert(open.id(), open);
    }

    /// How many places this source has taken.
    fn taken_by(&self, source: ClientSource) -> usize {
        self.sources.get(&source).copied().unwrap_or_default()
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
            if open.is_overdue(now, limits) {
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
