//! Since when each CA has been in every `caBundle`.

use std::time::Duration;

use tokio::time::Instant;

use super::authority::Authority;

/// For each CA that was in every `caBundle` at some time: since when it has been, if it still is.
#[derive(Debug, Default)]
pub struct Trust {
    since: Vec<(Authority, Option<Instant>)>,
}

impl Trust {
    /// Takes note of which of these CAs are in every `caBundle` now. Whether one is missing that was there.
    pub fn observe(&mut self, wanted: &[&Authority], trusted: impl Fn(&Authority) -> bool) -> bool {
        self.since.retain(|(known, _)| wanted.contains(&known));
        let mut missing = false;
        for &authority in wanted {
            let known = self.since.iter_mut().find(|(known, _)| known == authority);
            match (known, trusted(authority)) {
                (Some((_, since)), true) => {
                    since.get_or_insert_with(Instant::now);
                }
                (Some((_, since)), false) => {
                    *since = None;
                    missing = true;
                }
                (None, true) => self.since.push((authority.clone(), Some(Instant::now()))),
                (None, false) => {}
            }
        }
        missing
    }

    #[must_use]
    pub fn for_how_long(&self, authority: &Authority) -> Option<Duration> {
        let (_, since) = self.since.iter().find(|(known, _)| known == authority)?;
        since.map(|since| since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::authority::Signer;
    use super::super::lifetimes::Lifetimes;
    use super::*;

    fn authority() -> Authority {
        let lifetimes = Lifetimes { authority: Duration::from_hours(9), leaf: Duration::from_hours(3) };
        Signer::new(SystemTime::now(), lifetimes).unwrap().authority
    }

    #[test]
    fn a_ca_counts_from_when_it_was_first_seen_everywhere_and_anew_after_it_was_missing() {
        let [one, other] = [authority(), authority()];
        let both = [&one, &other];
        let mut trust = Trust::default();
        assert!(!trust.observe(&both, |_| false));
        assert_eq!(trust.for_how_long(&one), None);
        assert!(!trust.observe(&both, |authority| *authority == one));
        let since = trust.since.clone();
        assert!(!trust.observe(&both, |_| true));
        assert_eq!(trust.since[0], since[0]);
        assert!(trust.for_how_long(&one) >= trust.for_how_long(&other));
        // for as long as it is missing
        for _ in 0..2 {
            assert!(trust.observe(&both, |authority| *authority == other));
            assert_eq!(trust.for_how_long(&one), None);
        }
        assert!(!trust.observe(&both, |_| true));
        assert!(trust.since[0].1 > since[0].1);
    }

    #[test]
    fn what_is_no_longer_wanted_is_not_missed() {
        let [one, other] = [authority(), authority()];
        let mut trust = Trust::default();
        trust.observe(&[&one, &other], |_| true);
        assert!(!trust.observe(&[&other], |authority| *authority == other));
        assert_eq!(trust.for_how_long(&one), None);
    }
}
