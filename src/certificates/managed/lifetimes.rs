//! How long a CA and a leaf last, and what follows from it.

use std::time::Duration;

use anyhow::ensure;

use crate::certificates::pair::Validity;

/// From now on, without the little that each certificate is valid before.
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

    /// How long before its making a certificate is valid: clocks differ.
    #[must_use]
    pub fn backdated(self) -> Duration {
        (self.leaf / 10).min(Duration::from_hours(1))
    }

    /// How long a CA must have been in both configurations before it counts as trusted: the API server
    /// hears of a change some time after it was stored, and there may be several API servers.
    #[must_use]
    pub fn grace(self) -> Duration {
        (self.leaf / 20).min(Duration::from_secs(5))
    }
}

/// When a certificate is to be replaced: at two thirds of its life.
#[must_use]
pub fn due(validity: Validity) -> std::time::SystemTime {
    validity.until - life(validity) / 3
}

/// When an expired CA may leave: later than it is taken for expired by any replica whose clock is
/// behind, so that none of them puts it back.
#[must_use]
pub fn retired(validity: Validity) -> std::time::SystemTime {
    validity.until + life(validity) / 10
}

fn life(validity: Validity) -> Duration {
    validity.until.duration_since(validity.from).unwrap_or_default()
}
