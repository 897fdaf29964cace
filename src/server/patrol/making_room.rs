//! Who makes room for a newcomer when a limit is reached: the least useful connection of its source, or of all.

use tokio::time::Instant;

use super::Patrol;
use crate::server::limits::Limits;
use crate::server::queue::{Queue, Standing};
use crate::server::source::ClientSource;
use crate::server::worth::Worth;

/// Whether there is a place for a newcomer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Vacancy {
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

impl Patrol {
    /// Makes room for a connection of this source, if necessary.
    pub(in crate::server) fn make_room(
        &mut self,
        source: ClientSource,
        is_line_full: bool,
        limits: &Limits,
    ) -> Vacancy {
        let Some(limit) = self.limit(source, limits) else { return Vacancy::Free };
        match self.give_way(Some((source, limit)), is_line_full, limits) {
            Some(worth) => Vacancy::Made(limit, worth),
            None => Vacancy::None(limit),
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
    pub(in crate::server) fn give_way(
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
    pub(in crate::server) fn ask_to_close(
        &mut self,
        source: ClientSource,
        limit: Limit,
        limits: &Limits,
    ) -> bool {
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
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::future::pending;
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;
    use crate::server::pace::{Delivered, Pace, Waiting};

    fn limits(connections: usize) -> Limits {
        Limits::new(connections)
    }

    fn source(number: u8) -> ClientSource {
        ClientSource::of(([10, 0, 0, number], 1).into())
    }

    /// Connects, if there is a place.
    fn comes(patrol: &mut Patrol, source: ClientSource, limits: &Limits) -> (Vacancy, Arc<Pace>) {
        let vacancy = patrol.make_room(source, true, limits);
        let pace = Pace::new();
        pace.delivered(Delivered::Bytes);
        if !matches!(vacancy, Vacancy::None(_)) {
            patrol.spawn(Some(source), Arc::clone(&pace), limits, pending());
        }
        (vacancy, pace)
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
            assert_eq!(comes(&mut patrol, source(1), &limits).0, Vacancy::Free);
        }
        let hit = Vacancy::Made(Limit::Source, Worth::Young);
        assert_eq!(comes(&mut patrol, source(1), &limits).0, hit);
        assert!(!still_there(&patrol, &first), "the oldest one gives way");
        assert_eq!(comes(&mut patrol, source(2), &limits).0, Vacancy::Free);
        assert_eq!(comes(&mut patrol, source(3), &limits).0, Vacancy::Made(Limit::Connections, Worth::Young));
    }

    #[tokio::test]
    async fn useless_ones_give_way_before_new_ones_and_new_ones_before_useful_ones() {
        let (mut patrol, limits) = (Patrol::default(), limits(4));
        let useful = idle(&mut patrol, source(1), Delivered::Reviews, &limits);
        let useless = idle(&mut patrol, source(2), Delivered::Other, &limits);
        let news = [3, 4].map(|number| comes(&mut patrol, source(number), &limits).1);
        let newest = comes(&mut patrol, source(5), &limits);
        assert_eq!(newest.0, Vacancy::Made(Limit::Connections, Worth::Useless));
        assert!(!still_there(&patrol, &useless));
        assert_eq!(comes(&mut patrol, source(6), &limits).0, Vacancy::Made(Limit::Connections, Worth::Young));
        assert!(!still_there(&patrol, &news[0]) && still_there(&patrol, &news[1]));
        assert!(still_there(&patrol, &useful));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_only_just_come_is_spared_unless_the_line_is_full() {
        let (mut patrol, limits) = (Patrol::default(), limits(2));
        for number in 1..=2 {
            comes(&mut patrol, source(number), &limits);
        }
        let none = Vacancy::None(Limit::Connections);
        assert_eq!(patrol.make_room(source(3), false, &limits), none);
        assert!(!patrol.ask_to_close(source(3), Limit::Connections, &limits), "nobody is busy");
        advance(Duration::from_millis(300)).await;
        assert_eq!(
            patrol.make_room(source(3), false, &limits),
            Vacancy::Made(Limit::Connections, Worth::New)
        );
        advance(Duration::from_millis(20)).await;
        for number in 4..=5 {
            comes(&mut patrol, source(number), &limits);
        }
        assert_eq!(patrol.make_room(source(6), false, &limits), none);
        assert_eq!(
            patrol.make_room(source(6), true, &limits),
            Vacancy::Made(Limit::Connections, Worth::Young)
        );
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
        assert_eq!(comes(&mut patrol, source(2), &limits).0, Vacancy::None(Limit::Connections));
        assert_eq!(
            comes(&mut patrol, source(3), &limits).0,
            Vacancy::Made(Limit::Connections, Worth::Young),
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
            assert_eq!(hit, Vacancy::Made(Limit::Connections, Worth::Silent));
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
            [Worth::Useful, Worth::Young].map(|worth| Vacancy::Made(Limit::Connections, worth));
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
        assert_eq!(comes(&mut patrol, source(5), &limits).0, Vacancy::Made(Limit::Connections, Worth::Young));
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
            assert_eq!(comes(&mut patrol, source(3), &limits).0, Vacancy::None(Limit::Connections));
            assert!(patrol.ask_to_close(source(3), Limit::Connections, &limits));
            assert_eq!(asked(&busy), asked_so_far);
            advance(Duration::from_millis(20)).await;
        }
        assert_eq!(comes(&mut patrol, source(3), &limits).0, Vacancy::None(Limit::Connections));
        assert!(!patrol.ask_to_close(source(3), Limit::Connections, &limits));
        assert_eq!(patrol.len(), 2);
    }

    #[tokio::test]
    async fn the_server_itself_takes_no_place_and_never_gives_way() {
        let (mut patrol, limits) = (Patrol::default(), limits(1));
        let ourselves = Pace::new();
        patrol.spawn(None, Arc::clone(&ourselves), &limits, pending());
        assert_eq!(comes(&mut patrol, source(1), &limits).0, Vacancy::Free);
        for number in 2..50 {
            assert_eq!(
                comes(&mut patrol, source(number), &limits).0,
                Vacancy::Made(Limit::Connections, Worth::Young)
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
