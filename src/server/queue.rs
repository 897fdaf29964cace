//! Decides which connection is ended next: all connections with their worth in, one after the other out.
//!
//! It would be expensive to look at all connections for each newcomer in a flood. So one look picks a sixteenth of
//! them, and newcomers take the places of these for a while.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Duration;

use tokio::task::Id;
use tokio::time::Instant;

use super::source::ClientSource;
use super::worth::Worth;

/// How long a queue is used. Newcomers wait at least this long when no connection can give way.
const GOOD_FOR: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The next one is at the end.
    ids: Vec<(Id, Worth)>,
    /// The source of these connections. `None` if they are from all sources.
    source: Option<ClientSource>,
    made: Option<Instant>,
    first: Option<Worth>,
}

/// A connection that may be ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    pub id: Id,
    pub source: ClientSource,
    pub worth: Worth,
    pub since: Instant,
}

impl Queue {
    /// A queue of some of these. The least useful ones come first; among equals, those of the sources with the most
    /// connections; and among these, the oldest.
    #[must_use]
    pub(super) fn of(mut standings: Vec<Standing>, source: Option<ClientSource>, now: Instant) -> Self {
        let mut crowds = HashMap::<_, usize>::new();
        let mut new = 0;
        for one in &standings {
            *crowds.entry(one.source).or_default() += 1;
            new += usize::from(matches!(one.worth, Worth::Silent | Worth::New | Worth::Young));
        }
        // A quarter of the places is for connections that have just arrived. Otherwise a client that fills the server
        // with reviews would keep all others out.
        let few_are_new = new * 4 <= standings.len();
        let turn = |worth| match worth {
            Worth::Silent if few_are_new => (Worth::Busy, 1),
            Worth::New if few_are_new => (Worth::Busy, 2),
            Worth::Young if few_are_new => (Worth::Busy, 3),
            worth => (worth, 0),
        };
        // Sources with a similar number of connections count as equal, so that a queue does not end all connections
        // of one of them.
        let key = |one: &Standing| {
            let crowd = crowds[&one.source].ilog2();
            (turn(one.worth), Reverse(crowd), one.since)
        };
        let picked = standings.len() / 16 + 1;
        if picked < standings.len() {
            standings.select_nth_unstable_by_key(picked, key);
            standings.truncate(picked);
        }
        standings.sort_unstable_by_key(|one| Reverse(key(one)));
        let ids: Vec<_> = standings.iter().map(|one| (one.id, one.worth)).collect();
        let first = ids.last().map(|(_, worth)| *worth);
        Self { ids, source, made: Some(now), first }
    }

    #[must_use]
    pub(super) fn is_stale(&self, source: Option<ClientSource>, now: Instant) -> bool {
        self.source != source || self.made.is_none_or(|made| now - made > GOOD_FOR)
    }

    /// The worth of the first one, before any was taken out.
    #[must_use]
    pub(super) fn first(&self) -> Option<Worth> {
        self.first
    }

    /// Takes out the next one, if it may be.
    pub(super) fn take_next(&mut self, may_be: impl Fn(Worth) -> bool) -> Option<(Id, Worth)> {
        self.ids.pop_if(|(_, worth)| may_be(*worth))
    }
}
