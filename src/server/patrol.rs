//! The open connections of a listener, looked at four times a second: who has kept the server waiting
//! for too long is ended, so that no connection needs a timer of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::Instant;

use super::limits::Limits;
use super::pace::{Pace, Waiting};

/// How late a limit may be noticed.
pub const ROUND: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
pub struct Patrol {
    tasks: JoinSet<()>,
    open: HashMap<Id, Open>,
}

#[derive(Debug)]
struct Open {
    pace: Arc<Pace>,
    task: AbortHandle,
    /// The steps that were counted when they were last new, and when that was.
    seen: (u32, Instant),
}

impl Patrol {
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    pub fn spawn(&mut self, pace: Arc<Pace>, connection: impl Future<Output = ()> + Send + 'static) {
        // its 6 KB would be moved nine times from here to the task's end
        let task = self.tasks.spawn(Box::pin(connection));
        let seen = (pace.steps(), Instant::now());
        self.open.insert(task.id(), Open { pace, task, seen });
    }

    /// How the next connection ended; `None` if none is open. Who awaits this is woken up for each.
    pub async fn next_ended(&mut self) -> Option<Result<(), JoinError>> {
        let ended = self.tasks.join_next_with_id().await?;
        Some(self.forget(ended))
    }

    /// How a connection ended, if one has.
    pub fn ended(&mut self) -> Option<Result<(), JoinError>> {
        let ended = self.tasks.try_join_next_with_id()?;
        Some(self.forget(ended))
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) -> Result<(), JoinError> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        self.open.remove(&id);
        ended.map(|_| ())
    }

    /// Ends who was waited for too long; says how many of them had to give way, because connections
    /// are wanted and these kept the server waiting.
    pub fn make_round(&mut self, limits: &Limits, connections_wanted: bool) -> u64 {
        let now = Instant::now();
        let mut gave_way = 0;
        for open in self.open.values_mut() {
            let steps = open.pace.steps();
            if open.seen.0 != steps {
                open.seen = (steps, now);
                continue;
            }
            let kept_waiting = now - open.seen.1;
            if connections_wanted && kept_waiting > limits.patience {
                gave_way += 1;
                open.task.abort();
            } else if kept_waiting > longest(open.pace.waiting(), limits) {
                open.end();
            }
        }
        gave_way
    }

    /// Asks all connections to end as soon as they have no request under way.
    pub fn tell_all_to_leave(&self) {
        for open in self.open.values() {
            open.pace.tell_to_leave();
        }
    }
}

impl Open {
    fn end(&self) {
        match self.pace.waiting() {
            Waiting::Fresh | Waiting::Idle => self.pace.tell_to_leave(),
            Waiting::Handshake | Waiting::Head | Waiting::Request | Waiting::Close => self.task.abort(),
        }
    }
}

/// When patience with a client ends.
fn longest(waiting: Waiting, limits: &Limits) -> Duration {
    match waiting {
        Waiting::Handshake => limits.handshake,
        Waiting::Fresh | Waiting::Idle => limits.idle,
        Waiting::Head => limits.head,
        Waiting::Request => limits.request,
        Waiting::Close => limits.patience,
    }
}
