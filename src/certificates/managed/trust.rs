//! Records since when each CA has been in every `caBundle`.

use std::time::Duration;

use super::outline::Ca;

/// The CAs that were in every `caBundle` at some time. Each has the time since which it has been there, or `None` if
/// it no longer is. Times count from the start of the process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Trust<C> {
    since: Vec<(C, Option<Duration>)>,
}

impl<C> Default for Trust<C> {
    fn default() -> Self {
        Self { since: Vec::new() }
    }
}

impl<C: Ca> Trust<C> {
    /// Records which of these CAs are in every `caBundle` now. Returns whether one is missing that was there before.
    pub(crate) fn observe(&mut self, wanted: &[C], trusted: impl Fn(&C) -> bool, at: Duration) -> bool {
        self.since.retain(|(known, _)| wanted.contains(known));
        let mut missing = false;
        for authority in wanted {
            let known = self.since.iter_mut().find(|(known, _)| known == authority);
            match (known, trusted(authority)) {
                (Some((_, since)), true) => {
                    since.get_or_insert(at);
                }
                (Some((_, since)), false) => {
                    *since = None;
                    missing = true;
                }
                (None, true) => self.since.push((authority.clone(), Some(at))),
                (None, false) => {}
            }
        }
        missing
    }

    #[must_use]
    pub(crate) fn for_how_long(&self, authority: &C, at: Duration) -> Option<Duration> {
        let (_, since) = self.since.iter().find(|(known, _)| known == authority)?;
        since.map(|since| at.saturating_sub(since))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::authority::{Authority, Signer};
    use super::super::lifetimes::Lifetimes;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn authority() -> Authority {
        let lifetimes = Lifetimes { authority: Duration::from_hours(9), leaf: Duration::from_hours(3) };
        Signer::new(SystemTime::now(), lifetimes).unwrap().authority
    }

    #[test]
    fn a_ca_counts_from_when_it_was_first_seen_everywhere_and_anew_after_it_was_missing() {
        let both = [authority(), authority()];
        let [one, other] = &both;
        let mut trust = Trust::default();
        assert!(!trust.observe(&both, |_| false, SECOND));
        assert_eq!(trust.for_how_long(one, SECOND), None);
        assert!(!trust.observe(&both, |authority| authority == one, SECOND * 2));
        assert!(!trust.observe(&both, |_| true, SECOND * 3));
        assert_eq!(trust.for_how_long(one, SECOND * 4), Some(SECOND * 2));
        assert_eq!(trust.for_how_long(other, SECOND * 4), Some(SECOND));
        // for as long as it is missing
        for seconds in [5, 6] {
            assert!(trust.observe(&both, |authority| authority == other, SECOND * seconds));
            assert_eq!(trust.for_how_long(one, SECOND * seconds), None);
        }
        assert!(!trust.observe(&both, |_| true, SECOND * 7));
        assert_eq!(trust.for_how_long(one, SECOND * 8), Some(SECOND));
    }

    #[test]
    fn what_is_no_longer_wanted_is_not_missed() {
        let both = [authority(), authority()];
        let mut trust = Trust::default();
        trust.observe(&both, |_| true, SECOND);
        assert!(!trust.observe(&both[1..], |authority| *authority == both[1], SECOND * 2));
        assert_eq!(trust.for_how_long(&both[0], SECOND * 2), None);
    }
}
