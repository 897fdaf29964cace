//! Repairs a `caBundle`: it should have the CAs of the Secret and nothing else.

use std::time::SystemTime;

use super::outline::Ca;

/// The CAs of a `caBundle`, whoever put them there; `None` if any part of it is not a certificate.
pub(crate) type Present<C> = Option<Vec<C>>;

/// The CAs that should replace `present`, or `None` if nothing should. CAs that are not wanted are removed, unless they
/// stay for now according to `stays`.
pub(crate) fn repair<C: Ca>(
    present: Option<&[C]>,
    wanted: &[C],
    stays: impl Fn(&C) -> bool,
    now: SystemTime,
) -> Option<Vec<C>> {
    // An expired CA is never added, and one that is there stays until it is removed from the Secret. So replicas whose
    // clocks differ do not undo each other's changes.
    let lasts = |authority: &C| now <= authority.validity().until;
    let fine = present.is_some_and(|present| {
        let complete = wanted.iter().all(|authority| !lasts(authority) || present.contains(authority));
        complete && present.iter().all(|authority| wanted.contains(authority) || stays(authority))
    });
    if fine {
        return None;
    }
    let mut bundle: Vec<C> = wanted.iter().filter(|authority| lasts(authority)).cloned().collect();
    for authority in present.into_iter().flatten() {
        let keeps = wanted.contains(authority) || stays(authority);
        if keeps && !bundle.contains(authority) {
            bundle.push(authority.clone());
        }
    }
    Some(bundle)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::authority::{Authority, Signer};
    use super::super::lifetimes::Lifetimes;
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const LIFETIMES: Lifetimes =
        Lifetimes { authority: Duration::from_hours(999), leaf: Duration::from_hours(10) };

    fn start() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
    }

    fn authority() -> Authority {
        Signer::new(start(), LIFETIMES).unwrap().authority
    }

    fn repair(present: &[&Authority], wanted: &[&Authority], now: SystemTime) -> Option<Vec<Authority>> {
        let owned =
            |bundle: &[&Authority]| bundle.iter().map(|&authority| authority.clone()).collect::<Vec<_>>();
        super::repair(Some(&owned(present)), &owned(wanted), |_| false, now)
    }

    #[test]
    fn what_is_missing_is_added_and_what_is_not_wanted_leaves() {
        let [old, new] = [authority(), authority()];
        let now = start();
        assert_eq!(repair(&[], &[&new, &old], now), Some(vec![new.clone(), old.clone()]));
        assert_eq!(repair(&[&old], &[&new, &old], now), Some(vec![new.clone(), old.clone()]));
        assert_eq!(repair(&[&old, &new], &[&new, &old], now), None);
        assert_eq!(repair(&[&old, &new], &[&new], now), Some(vec![new.clone()]));
    }

    #[test]
    fn what_is_not_wanted_can_stay_for_a_while() {
        let [old, new] = [authority(), authority()];
        let stays = |authority: &Authority| *authority == old;
        let repair =
            |present: &[Authority]| super::repair(Some(present), std::slice::from_ref(&new), stays, start());
        assert_eq!(repair(&[old.clone(), new.clone()]), None);
        assert_eq!(repair(&[old.clone(), authority()]), Some(vec![new.clone(), old.clone()]));
    }

    #[test]
    fn what_can_not_be_read_is_replaced() {
        let ours = authority();
        let wanted = [ours.clone()];
        assert_eq!(super::repair(None, &wanted, |_| true, start()), Some(vec![ours]));
    }

    #[test]
    fn an_expired_ca_leaves_later_than_it_is_last_put_in() {
        let [old, new] = [authority(), authority()];
        let wanted = [&new, &old];
        // both expire at 999 hours; the test only pretends that the new one is newer
        let at = |hours: u32| start() + HOUR * hours;
        assert_eq!(repair(&[&new, &old], &wanted, at(1000)), None);
        assert_eq!(repair(&[&new], &wanted, at(1000)), None);
        assert_eq!(repair(&[&new, &old], &[], at(1200)), Some(vec![]));
    }
}
