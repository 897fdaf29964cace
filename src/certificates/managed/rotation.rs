//! Decides the next step of a rotation from what is stored and the time.

use std::time::{Duration, SystemTime};

use super::lifetimes::{Lifetimes, due, retired};
use super::outline::{Ca, MOST_AUTHORITIES, Outline, most_recent};

/// The next change of what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<C> {
    /// Add a new CA, which signs from now on, and keep these others.
    AddAuthority { previous: Vec<C> },
    /// Issue a new leaf of the signing CA.
    IssueLeaf,
    /// Remove CAs that have expired or are too many, and keep these others.
    RetireAuthorities { previous: Vec<C> },
    /// Do nothing for this long.
    Wait(Duration),
}

/// What the next step depends on besides what is stored.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// By the clock of the API server, which checks the certificates.
    pub now: SystemTime,
    /// Whether the local clock differs from it by too much. Then other replicas take the steps that can wait.
    pub clock_is_off: bool,
    /// For how long every `caBundle` has had the signing CA, if they all have it.
    pub trusted_for: Option<Duration>,
    /// How long ago a replica last wrote what is stored.
    pub rested: Duration,
    pub lifetimes: Lifetimes,
}

/// The wait for something that only others can do.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

#[must_use]
pub fn next<C: Ca>(stored: &Outline<C>, circumstances: Circumstances) -> Step<C> {
    let Circumstances { now, clock_is_off, lifetimes, rested, .. } = circumstances;
    let urgent = stored.is_urgent(now);
    if clock_is_off && !urgent {
        return Step::Wait(LOOK_AGAIN);
    }
    let rest = lifetimes.pause().saturating_sub(rested);
    let after_a_rest = |step| if rest.is_zero() { step } else { Step::Wait(rest) };

    let signer = stored.signer.validity();
    // A certificate from the future was made before the clock was set back.
    if now < signer.from || now >= due(signer) {
        return after_a_rest(Step::AddAuthority { previous: behind_a_new_one(stored, now) });
    }
    let of_the_signer = stored.leaf.as_ref().filter(|leaf| leaf.authority == stored.signer);
    let current = of_the_signer.filter(|leaf| {
        let validity = leaf.validity;
        leaf.fits && validity.from <= now && now < due(validity)
    });
    let Some(leaf) = current else {
        let grace = lifetimes.grace(urgent);
        return match circumstances.trusted_for {
            None => Step::Wait(LOOK_AGAIN),
            Some(trusted) if trusted < grace => Step::Wait(grace.saturating_sub(trusted)),
            // The first leaf of a CA completes a step that already waited.
            Some(_) if of_the_signer.is_none() => Step::IssueLeaf,
            Some(_) => after_a_rest(Step::IssueLeaf),
        };
    };
    let leaving = stored.previous.iter().map(|authority| retired(authority.validity()));
    if leaving.clone().any(|at| at < now) || stored.previous.len() >= MOST_AUTHORITIES {
        let previous = most_recent(not_retired(stored, now), Some(leaf));
        return after_a_rest(Step::RetireAuthorities { previous });
    }
    let first = leaving.chain([due(leaf.validity), due(signer)]).min();
    Step::Wait(first.and_then(|first| first.duration_since(now).ok()).unwrap_or_default())
}

fn not_retired<C: Ca>(stored: &Outline<C>, now: SystemTime) -> Vec<C> {
    stored.previous.iter().filter(|authority| now <= retired(authority.validity())).cloned().collect()
}

/// The CAs that remain next to a new one.
fn behind_a_new_one<C: Ca>(stored: &Outline<C>, now: SystemTime) -> Vec<C> {
    let previous = [stored.signer.clone()].into_iter().chain(not_retired(stored, now)).collect();
    most_recent(previous, stored.leaf.as_ref())
}

#[cfg(test)]
mod tests {
    use super::super::authority::Authority;
    use super::super::stored::Stored;
    use super::*;

    const NAME: &str = "w.w.svc";
    const HOUR: Duration = Duration::from_hours(1);
    const MINUTE: Duration = Duration::from_mins(1);
    /// Backdated by an hour: a CA is due after 599 2/3 hours, a leaf after 65 2/3.
    const LIFETIMES: Lifetimes =
        Lifetimes { authority: Duration::from_hours(899), leaf: Duration::from_hours(98) };

    fn start() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
    }

    fn at(hours: u32) -> SystemTime {
        start() + HOUR * hours
    }

    fn fresh() -> Stored {
        Stored::start(NAME, start(), LIFETIMES).unwrap()
    }

    /// With another CA, made so many hours after the start.
    fn followed(stored: Stored, now: SystemTime) -> Stored {
        let Step::AddAuthority { previous } = next_at(now, &stored) else { panic!("not due") };
        stored.with_authority(previous, now, LIFETIMES).unwrap()
    }

    /// Nothing has to wait: the CA has been trusted for long, and the last write was long ago.
    fn calm(now: SystemTime) -> Circumstances {
        Circumstances {
            now,
            clock_is_off: false,
            trusted_for: Some(HOUR),
            rested: Duration::MAX,
            lifetimes: LIFETIMES,
        }
    }

    fn next_in(stored: &Stored, circumstances: Circumstances) -> Step<Authority> {
        next(&stored.outline(NAME), circumstances)
    }

    fn next_at(now: SystemTime, stored: &Stored) -> Step<Authority> {
        next_in(stored, calm(now))
    }

    fn trusted_for(trusted_for: Option<Duration>, now: SystemTime, stored: &Stored) -> Step<Authority> {
        next_in(stored, Circumstances { trusted_for, ..calm(now) })
    }

    fn all(stored: &Stored) -> Vec<Authority> {
        stored.authorities().cloned().collect()
    }

    #[test]
    fn a_leaf_is_renewed_at_two_thirds_of_its_life() {
        assert_eq!(next_at(at(0), &fresh()), Step::Wait(HOUR * 65));
        assert_eq!(next_at(at(64), &fresh()), Step::Wait(HOUR));
        assert_eq!(next_at(at(65), &fresh()), Step::IssueLeaf);
        assert_eq!(next_at(at(200), &fresh()), Step::IssueLeaf);
        assert_eq!(trusted_for(None, at(65), &fresh()), Step::Wait(LOOK_AGAIN));
    }

    #[test]
    fn a_ca_is_followed_at_two_thirds_of_its_life_and_its_leaf_when_the_new_one_is_trusted() {
        let old = fresh().with_leaf(NAME, at(590), LIFETIMES).unwrap();
        assert_eq!(next_at(at(598), &old), Step::Wait(HOUR));
        assert_eq!(next_at(at(599), &old), Step::AddAuthority { previous: all(&old) });
        let both = followed(old, at(599));
        assert_eq!(both.authorities().count(), 2);
        assert_eq!(trusted_for(None, at(599), &both), Step::Wait(LOOK_AGAIN));
        assert_eq!(trusted_for(Some(5 * MINUTE), at(599), &both), Step::IssueLeaf);
        let renewed = both.with_leaf(NAME, at(599), LIFETIMES).unwrap();
        assert_eq!(next_at(at(600), &renewed), Step::Wait(HOUR * 64));
    }

    #[test]
    fn a_planned_rotation_waits_for_minutes_and_an_urgent_one_for_seconds() {
        let planned = followed(fresh().with_leaf(NAME, at(590), LIFETIMES).unwrap(), at(599));
        assert_eq!(trusted_for(Some(MINUTE), at(599), &planned), Step::Wait(4 * MINUTE));
        // the last tenth of the leaf's 99 hours begins
        assert_eq!(trusted_for(Some(MINUTE), at(590 + 89), &planned), Step::IssueLeaf);
        let short = Duration::from_secs(3);
        let without = Stored { leaf: None, ..fresh() };
        assert_eq!(trusted_for(Some(short), at(0), &without), Step::Wait(Duration::from_secs(2)));
        assert_eq!(trusted_for(Some(2 * short), at(0), &without), Step::IssueLeaf);
    }

    #[test]
    fn an_old_ca_leaves_when_every_leaf_that_it_signed_has_expired() {
        let both = followed(fresh(), at(599)).with_leaf(NAME, at(980), LIFETIMES).unwrap();
        // it expires at hour 899, and is removed a tenth of its life later
        assert_eq!(next_at(at(989), &both), Step::Wait(Duration::ZERO));
        assert_eq!(next_at(at(990), &both), Step::RetireAuthorities { previous: Vec::new() });
        let one = both.with_previous(Vec::new());
        assert_eq!(next_at(at(990), &one), Step::Wait(HOUR * (980 + 65 - 990)));
    }

    #[test]
    fn a_clock_that_is_set_brings_new_certificates() {
        assert_eq!(next_at(start() - HOUR, &fresh()), Step::Wait(HOUR * 66));
        let (back, stored) = (start() - HOUR * 2, fresh());
        assert_eq!(next_at(back, &stored), Step::AddAuthority { previous: all(&stored) });
        let again = followed(stored, back);
        assert_eq!(trusted_for(None, back, &again), Step::Wait(LOOK_AGAIN));
        assert_eq!(next_at(back, &again), Step::IssueLeaf);
        assert!(matches!(next_at(at(90_000), &fresh()), Step::AddAuthority { .. }));
    }

    #[test]
    fn a_leaf_that_is_missing_or_for_another_name_is_issued() {
        let another = fresh().outline("another.w.svc");
        assert_eq!(next(&another, calm(start())), Step::IssueLeaf);
        let without = Stored { leaf: None, ..fresh() };
        assert_eq!(next_at(at(0), &without), Step::IssueLeaf);
        assert_eq!(trusted_for(None, at(0), &without), Step::Wait(LOOK_AGAIN));
    }

    #[test]
    fn two_steps_of_a_kind_are_never_close_together() {
        let second = Duration::from_secs(1);
        let just_now = |now| Circumstances { rested: second, ..calm(now) };
        let rest = Step::Wait(Duration::from_secs(59));
        assert_eq!(next_in(&fresh(), just_now(at(65))), rest);
        assert_eq!(next_in(&fresh(), just_now(at(599))), rest);
        assert_eq!(next_in(&fresh(), just_now(start() - HOUR * 9)), rest);
        assert_eq!(next(&fresh().outline("another.w.svc"), just_now(at(0))), rest);
        // but the first leaf of a new CA completes what has begun
        assert_eq!(next_in(&followed(fresh(), at(599)), just_now(at(599))), Step::IssueLeaf);
    }

    #[test]
    fn a_replica_whose_clock_is_off_does_only_what_can_not_wait() {
        let off = |now| Circumstances { clock_is_off: true, ..calm(now) };
        assert_eq!(next_in(&fresh(), off(at(65))), Step::Wait(LOOK_AGAIN));
        assert_eq!(next_in(&fresh(), off(at(88))), Step::Wait(LOOK_AGAIN));
        assert_eq!(next_in(&fresh(), off(at(89))), Step::IssueLeaf);
        assert!(matches!(next_in(&fresh(), off(at(599))), Step::AddAuthority { .. }));
    }

    #[test]
    fn there_are_never_more_than_eight_cas_and_what_signed_the_leaf_is_among_them() {
        let mut stored = fresh();
        let signed = stored.signer.authority.clone();
        // the clock of the API server is set back by a day again and again
        for days in 1..20 {
            stored = followed(stored, start() - 24 * HOUR * days);
            assert!(stored.authorities().count() <= MOST_AUTHORITIES);
            assert!(stored.authorities().any(|authority| *authority == signed));
        }
        let many = fresh();
        let previous = (0..50).map(|_| fresh().signer.authority).collect();
        let Step::RetireAuthorities { previous } = next_at(start(), &many.with_previous(previous)) else {
            panic!("nobody leaves")
        };
        assert_eq!(previous.len() + 1, MOST_AUTHORITIES);
    }
}
