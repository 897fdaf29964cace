//! The next step, decided from what is stored and the time alone.

use std::time::SystemTime;

use super::lifetimes::{due, retired};
use super::stored::Stored;

/// What is to be done to what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A new CA, beside those that are trusted.
    AddAuthority,
    /// A new leaf of the signing CA.
    IssueLeaf,
    /// CAs that have expired leave.
    RetireAuthorities,
    /// A new leaf is due, and the API server does not trust the signing CA yet.
    AwaitTrust,
    /// Nothing, before that time.
    Rest(SystemTime),
}

/// `trusted`: whether the API server trusts the signing CA. `name`: what the leaf must be for.
#[must_use]
pub fn next(stored: &Stored, trusted: bool, name: &str, now: SystemTime) -> Step {
    let signer = stored.signer.authority.validity;
    // A certificate from the future was made before the clock was set back.
    if now < signer.from || now >= due(signer) {
        return Step::AddAuthority;
    }
    let leaf = stored.leaf.as_ref().filter(|leaf| {
        let validity = leaf.pair.validity;
        let current = leaf.authority == stored.signer.authority && leaf.is_for(name);
        current && validity.from <= now && now < due(validity)
    });
    let Some(leaf) = leaf else {
        return if trusted { Step::IssueLeaf } else { Step::AwaitTrust };
    };
    let leaving = stored.previous.iter().map(|authority| retired(authority.validity));
    if leaving.clone().any(|at| at < now) {
        return Step::RetireAuthorities;
    }
    let first = leaving.chain([due(leaf.pair.validity), due(signer)]).min();
    Step::Rest(first.unwrap_or(now))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::lifetimes::Lifetimes;
    use super::*;

    const NAME: &str = "w.w.svc";
    const HOUR: Duration = Duration::from_hours(1);
    /// Backdated by an hour: a CA is due after 599 2/3 hours, a leaf after 65 2/3.
    const LIFETIMES: Lifetimes =
        Lifetimes { authority: Duration::from_hours(899), leaf: Duration::from_hours(98) };

    fn start() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
    }

    fn fresh() -> Stored {
        Stored::start(NAME, start(), LIFETIMES).unwrap()
    }

    /// The next step so many hours after the start.
    fn after(hours: u32, stored: &Stored, trusted: bool) -> Step {
        next(stored, trusted, NAME, start() + HOUR * hours)
    }

    #[test]
    fn a_leaf_is_renewed_at_two_thirds_of_its_life() {
        let due = start() + HOUR * 65;
        assert_eq!(after(0, &fresh(), true), Step::Rest(due));
        assert_eq!(after(64, &fresh(), true), Step::Rest(due));
        assert_eq!(after(65, &fresh(), true), Step::IssueLeaf);
        assert_eq!(after(200, &fresh(), true), Step::IssueLeaf);
        assert_eq!(after(65, &fresh(), false), Step::AwaitTrust);
    }

    #[test]
    fn a_ca_is_followed_at_two_thirds_of_its_life_and_its_leaf_when_the_new_one_is_trusted() {
        let at = |hours: u32| start() + HOUR * hours;
        let old = fresh().with_leaf(NAME, at(590), LIFETIMES).unwrap();
        assert_eq!(after(598, &old, true), Step::Rest(at(599)));
        assert_eq!(after(599, &old, true), Step::AddAuthority);
        let both = old.with_authority(at(599), LIFETIMES).unwrap();
        assert_eq!(both.authorities().count(), 2);
        assert_eq!(after(599, &both, false), Step::AwaitTrust);
        assert_eq!(after(599, &both, true), Step::IssueLeaf);
        let renewed = both.with_leaf(NAME, at(599), LIFETIMES).unwrap();
        assert_eq!(after(600, &renewed, true), Step::Rest(at(599 + 65)));
    }

    #[test]
    fn an_old_ca_leaves_when_every_leaf_that_it_signed_has_expired() {
        let at = |hours: u32| start() + HOUR * hours;
        let both = fresh().with_authority(at(599), LIFETIMES).unwrap();
        let both = both.with_leaf(NAME, at(980), LIFETIMES).unwrap();
        // it expires at 899, and goes a tenth of its life later
        assert_eq!(after(989, &both, true), Step::Rest(at(989)));
        assert_eq!(after(990, &both, true), Step::RetireAuthorities);
        let one = both.without_retired(at(990));
        assert_eq!(one.authorities().count(), 1);
        assert_eq!(after(990, &one, true), Step::Rest(at(980 + 65)));
    }

    #[test]
    fn a_clock_that_is_set_back_brings_new_certificates() {
        let before =
            |hours: u32, stored: &Stored, trusted| next(stored, trusted, NAME, start() - HOUR * hours);
        assert_eq!(before(1, &fresh(), true), Step::Rest(start() + HOUR * 65));
        assert_eq!(before(2, &fresh(), true), Step::AddAuthority);
        let again = fresh().with_authority(start() - HOUR * 2, LIFETIMES).unwrap();
        assert_eq!(before(2, &again, false), Step::AwaitTrust);
        assert_eq!(before(2, &again, true), Step::IssueLeaf);
    }

    #[test]
    fn a_clock_that_leaps_forward_brings_new_certificates() {
        assert_eq!(after(90_000, &fresh(), true), Step::AddAuthority);
    }

    #[test]
    fn a_leaf_that_is_missing_or_for_another_name_is_issued() {
        assert_eq!(next(&fresh(), true, "another.w.svc", start()), Step::IssueLeaf);
        let without = Stored { leaf: None, ..fresh() };
        assert_eq!(after(0, &without, true), Step::IssueLeaf);
        assert_eq!(after(0, &without, false), Step::AwaitTrust);
    }
}
