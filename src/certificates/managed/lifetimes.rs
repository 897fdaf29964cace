//! How long a CA and a leaf are valid, and the times that follow from it.

use std::time::{Duration, SystemTime};

use anyhow::ensure;

use crate::certificates::pair::Validity;

/// Lifetimes from the time of issuance. Each certificate is also valid for a while before that
/// ([`Lifetimes::backdated`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    pub authority: Duration,
    pub leaf: Duration,
}

impl Lifetimes {
    /// # Errors
    /// When the last leaf of a CA would outlive it.
    pub fn new(authority: Duration, leaf: Duration) -> anyhow::Result<Self> {
        ensure!(
            leaf >= Self::SHORTEST_LEAF,
            "--managed-leaf-lifetime must be {:?} or longer",
            Self::SHORTEST_LEAF
        );
        ensure!(
            authority >= leaf * 3,
            "--managed-ca-lifetime must be three times --managed-leaf-lifetime or longer: a CA signs for two \
             thirds of its life, and no leaf may outlive it"
        );
        Ok(Self { authority, leaf })
    }

    const SHORTEST_LEAF: Duration = Duration::from_secs(5);

    /// How long before its issuance a certificate is valid. Clocks differ, and the API server's is known in whole seconds.
    #[must_use]
    pub fn backdated(self) -> Duration {
        (self.leaf / 10).clamp(Duration::from_secs(2), Duration::from_hours(1))
    }

    /// How long a CA must have been in every `caBundle` before a leaf of it may be served. Each API server notices a change
    /// some time after it was stored.
    ///
    /// A planned rotation has time to wait for an API server that is stopped or cut off for minutes. When there is nothing
    /// else to serve, every second of waiting is an outage.
    #[must_use]
    pub fn grace(self, urgent: bool) -> Duration {
        let longest = if urgent { Duration::from_secs(5) } else { Duration::from_mins(5) };
        (self.leaf / 20).min(longest)
    }

    /// The shortest time between two steps of the same kind, over all replicas.
    #[must_use]
    pub fn pause(self) -> Duration {
        (self.leaf / 20).min(Duration::from_mins(1))
    }

    /// Whether a CA with these lifetimes could have this validity.
    #[must_use]
    pub fn allow(self, validity: Validity) -> bool {
        life(validity) <= self.authority + self.backdated() + Duration::from_secs(1)
    }
}

/// When a certificate should be replaced: after two thirds of its life.
#[must_use]
pub fn due(validity: Validity) -> SystemTime {
    validity.until - life(validity) / 3
}

/// When the replacement of a certificate becomes urgent: in the last tenth of its life.
#[must_use]
pub fn overdue(validity: Validity) -> SystemTime {
    validity.until - life(validity) / 10
}

/// When an expired CA may be removed: so late that a replica whose clock is behind does not put it back.
#[must_use]
pub fn retired(validity: Validity) -> SystemTime {
    validity.until + life(validity) / 10
}

fn life(validity: Validity) -> Duration {
    validity.until.duration_since(validity.from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_waited_for_follows_from_the_leaf_within_limits() {
        for (leaf, backdated, planned, urgent, pause) in [
            (5, 2, 250, 250, 250),
            (20, 2, 1_000, 1_000, 1_000),
            (1_000, 100, 50_000, 5_000, 50_000),
            (30 * 24 * 3_600, 3_600, 300_000, 5_000, 60_000),
        ] {
            let lifetimes = Lifetimes { authority: SECOND * 3 * leaf, leaf: SECOND * leaf };
            let told =
                (lifetimes.backdated(), lifetimes.grace(false), lifetimes.grace(true), lifetimes.pause());
            let expected = (SECOND * backdated, planned, urgent, pause);
            let milliseconds = |duration: Duration| duration.as_millis();
            let told = (told.0, milliseconds(told.1), milliseconds(told.2), milliseconds(told.3));
            assert_eq!(told, expected, "{leaf} s");
        }
    }

    #[test]
    fn the_shortest_lifetimes_are_taken_and_shorter_ones_are_not() {
        let new = |authority, leaf| {
            Lifetimes::new(SECOND * authority, SECOND * leaf).map_err(|error| error.to_string())
        };
        assert_eq!(new(15, 5), Ok(Lifetimes { authority: SECOND * 15, leaf: SECOND * 5 }));
        assert_eq!(new(15, 4), Err("--managed-leaf-lifetime must be 5s or longer".to_owned()));
        let too_short = "--managed-ca-lifetime must be three times --managed-leaf-lifetime or longer: a CA signs for two \
             thirds of its life, and no leaf may outlive it";
        assert_eq!(new(14, 5), Err(too_short.to_owned()));
    }

    #[test]
    fn a_ca_is_allowed_what_it_is_made_with_and_a_second() {
        let lifetimes = Lifetimes { authority: SECOND * 3_000, leaf: SECOND * 1_000 };
        let valid_for = |seconds| Validity {
            from: SystemTime::UNIX_EPOCH,
            until: SystemTime::UNIX_EPOCH + SECOND * seconds,
        };
        assert!(lifetimes.allow(valid_for(3_000 + 100 + 1)));
        assert!(!lifetimes.allow(valid_for(3_000 + 100 + 2)));
    }

    #[test]
    fn a_life_has_thirds_and_tenths() {
        let at = |seconds| SystemTime::UNIX_EPOCH + SECOND * seconds;
        let validity = Validity { from: at(1_000), until: at(4_000) };
        assert_eq!((due(validity), overdue(validity), retired(validity)), (at(3_000), at(3_700), at(4_300)));
    }
}
