//! Since when each CA has been in every `caBundle`.

use std::time::Duration;

use tokio::time::Instant;

use super::authority::Authority;

#[derive(Debug, Default)]
pub struct Trust {
    since: Vec<(Authority, Instant)>,
}

impl Trust {
    /// Takes note of the CAs that are in every `caBundle` now.
    pub fn observe(&mut self, trusted: Vec<Authority>) {
        self.since.retain(|(authority, _)| trusted.contains(authority));
        for authority in trusted {
            if self.for_how_long(&authority).is_none() {
                self.since.push((authority, Instant::now()));
            }
        }
    }

    #[must_use]
    pub fn for_how_long(&self, authority: &Authority) -> Option<Duration> {
        self.since.iter().find(|(known, _)| known == authority).map(|(_, since)| since.elapsed())
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
        let mut trust = Trust::default();
        assert_eq!(trust.for_how_long(&one), None);
        trust.observe(vec![one.clone()]);
        let since = trust.since.clone();
        trust.observe(vec![other.clone(), one.clone()]);
        assert_eq!(trust.since[0], since[0]);
        assert!(trust.for_how_long(&one) >= trust.for_how_long(&other));
        trust.observe(vec![other]);
        assert_eq!(trust.for_how_long(&one), None);
        trust.observe(vec![one]);
        assert!(trust.since[0].1 > since[0].1);
    }
}
