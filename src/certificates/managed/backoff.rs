//! How long to wait after a failure: twice as long each time, up to a minute, with a random part so that replicas do not
//! act at the same time.

use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(200);
    const LONGEST: Duration = Duration::from_mins(1);

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure: a random time between half of the full one and all of it.
    pub(crate) fn failed(&mut self) -> Duration {
        let full = Self::FIRST.saturating_mul(1 << self.failures.min(16)).min(Self::LONGEST);
        self.failures = self.failures.saturating_add(1);
        full.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute_and_starts_anew_after_a_success() {
        let mut backoff = Backoff::default();
        for full in [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000] {
            let full = Duration::from_millis(full);
            let wait = backoff.failed();
            assert!((full / 2..=full).contains(&wait), "{wait:?} of {full:?}");
        }
        backoff.succeeded();
        assert!(backoff.failed() <= Backoff::FIRST);
    }

    #[test]
    fn a_year_of_failures_is_no_overflow() {
        let mut backoff = Backoff { failures: u32::MAX };
        assert!(backoff.failed() <= Backoff::LONGEST);
    }
}
