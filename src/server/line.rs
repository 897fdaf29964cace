//! Newcomers that wait for a place, because every connection is delivering a review or has just arrived.
//!
//! Sources take turns: the one with the fewest newcomers in the line is served first, and when the line is too long,
//! the one with the most loses its latest. So one source can't keep the others out.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::source::ClientSource;

/// How many newcomers may wait.
pub(super) const LONGEST: usize = 64;

/// How often the first ones look for a place.
pub(super) const RETRY: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(super) struct Line<T> {
    newcomers: VecDeque<Newcomer<T>>,
}

#[derive(Debug)]
pub(super) struct Newcomer<T> {
    pub stream: T,
    pub source: ClientSource,
    since: Instant,
    /// Whether it was counted as having hit a limit.
    pub is_counted: bool,
    /// Whether another connection was asked to close for it.
    pub is_expected: bool,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { newcomers: VecDeque::new() }
    }
}

impl<T> Line<T> {
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.newcomers.is_empty()
    }

    #[must_use]
    pub(super) fn is_full(&self) -> bool {
        self.newcomers.len() >= LONGEST
    }

    /// Puts a newcomer at the end. Returns the newcomer that has to leave if the line is too long.
    pub(super) fn join(&mut self, stream: T, source: ClientSource) -> Option<T> {
        let since = Instant::now();
        let newcomer = Newcomer { stream, source, since, is_counted: false, is_expected: false };
        self.newcomers.push_back(newcomer);
        if self.newcomers.len() <= LONGEST {
            return None;
        }
        let counts = self.counts();
        let most = counts.values().max()?;
        let last = self.newcomers.iter().rposition(|newcomer| counts[&newcomer.source] == *most)?;
        self.newcomers.remove(last).map(|newcomer| newcomer.stream)
    }

    /// Takes out a newcomer that has a place. Sources with fewer newcomers in the line come first, and within a source
    /// the newcomer that has waited longest.
    pub(super) fn take(&mut self, mut has_place: impl FnMut(&mut Newcomer<T>) -> bool) -> Option<T> {
        let counts = self.counts();
        let mut order: Vec<_> = (0..self.newcomers.len()).collect();
        order.sort_by_key(|index| counts[&self.newcomers[*index].source]);
        let next = order.into_iter().find(|index| has_place(&mut self.newcomers[*index]))?;
        self.newcomers.remove(next).map(|newcomer| newcomer.stream)
    }

    /// How many newcomers of each source wait.
    fn counts(&self) -> HashMap<ClientSource, usize> {
        let mut counts = HashMap::new();
        for newcomer in &self.newcomers {
            *counts.entry(newcomer.source).or_default() += 1;
        }
        counts
    }

    /// Takes out the first newcomer if it has waited for this long.
    pub(super) fn take_overdue(&mut self, longest: Duration) -> Option<T> {
        let newcomer = self.newcomers.pop_front_if(|first| first.since.elapsed() > longest)?;
        Some(newcomer.stream)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn source(number: u8) -> ClientSource {
        ClientSource::of(([10, 0, 0, number], 1).into())
    }

    #[tokio::test]
    async fn whoever_came_first_and_finds_a_place_is_next() {
        let mut line = Line::default();
        for (name, number) in [("a", 1), ("b", 2), ("c", 3)] {
            assert_eq!(line.join(name, source(number)), None);
        }
        let mut asked = Vec::new();
        let taken = line.take(|newcomer| {
            asked.push(newcomer.stream);
            newcomer.source == source(2)
        });
        assert_eq!((taken, asked), (Some("b"), vec!["a", "b"]));
        let mut asked = Vec::new();
        let taken = line.take(|newcomer| {
            asked.push(newcomer.stream);
            false
        });
        assert_eq!((taken, asked), (None, vec!["a", "c"]));
    }

    #[tokio::test]
    async fn the_source_with_the_fewest_newcomers_is_served_first() {
        let mut line = Line::default();
        for (name, number) in [("a", 1), ("b", 1), ("c", 2)] {
            assert_eq!(line.join(name, source(number)), None);
        }
        let order: Vec<_> = std::iter::from_fn(|| line.take(|_| true)).collect();
        assert_eq!(order, ["c", "a", "b"]);
    }

    #[tokio::test]
    async fn the_source_with_the_most_newcomers_loses_its_latest_when_the_line_is_too_long() {
        let mut line = Line::default();
        for number in 0..LONGEST {
            assert_eq!(line.join(number, source(1)), None);
        }
        assert_eq!(line.join(100, source(2)), Some(LONGEST - 1));
        assert_eq!(line.join(101, source(1)), Some(101));
        assert_eq!(line.join(102, source(2)), Some(LONGEST - 2));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_longer_than_allowed() {
        let (mut line, longest) = (Line::default(), Duration::from_secs(5));
        line.join("a", source(1));
        advance(Duration::from_secs(3)).await;
        line.join("b", source(1));
        assert_eq!(line.take_overdue(longest), None);
        advance(Duration::from_secs(3)).await;
        assert_eq!(line.take_overdue(longest), Some("a"));
        assert_eq!(line.take_overdue(longest), None);
        assert!(!line.is_empty());
    }
}
