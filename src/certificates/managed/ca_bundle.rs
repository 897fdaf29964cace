//! What is to be in a `caBundle`: the CAs of the Secret, and whatever CA of ours was there before and
//! may still be needed by a replica that has not heard of the newest state.

use std::time::SystemTime;

use super::authority::Authority;
use super::lifetimes::retired;

/// The CAs that should replace `present`, or none when it is fine as it is.
#[must_use]
pub fn repair(present: &[u8], wanted: &[&Authority], now: SystemTime) -> Option<Vec<Authority>> {
    let read = Authority::read_all(present);
    let fine = read.as_ref().is_ok_and(|present| {
        let complete = wanted.iter().all(|authority| lasts(authority, now) <= present.contains(authority));
        complete && present.iter().all(|authority| wanted.contains(&authority) || stays(authority, now))
    });
    if fine {
        return None;
    }
    let mut bundle: Vec<Authority> =
        wanted.iter().filter(|authority| lasts(authority, now)).map(|&authority| authority.clone()).collect();
    for authority in read.unwrap_or_default() {
        if stays(&authority, now) && !bundle.contains(&authority) {
            bundle.push(authority);
        }
    }
    Some(bundle)
}

/// As one text in PEM.
#[must_use]
pub fn pem(bundle: &[Authority]) -> String {
    bundle.iter().map(Authority::pem).collect()
}

/// An expired CA is never put in, and one that is there stays for a while longer: replicas whose
/// clocks differ then never undo what the other did.
fn lasts(authority: &Authority, now: SystemTime) -> bool {
    now <= authority.validity.until
}

fn stays(authority: &Authority, now: SystemTime) -> bool {
    authority.is_ours() && now <= retired(authority.validity)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::authority::Signer;
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

    #[test]
    fn what_is_missing_is_added_and_what_is_there_stays() {
        let [old, new] = [authority(), authority()];
        let text = |bundle: &[&Authority]| bundle.iter().map(|a| a.pem()).collect::<String>().into_bytes();
        let now = start();
        assert_eq!(repair(b"", &[&new, &old], now), Some(vec![new.clone(), old.clone()]));
        assert_eq!(repair(&text(&[&old]), &[&new], now), Some(vec![new.clone(), old.clone()]));
        assert_eq!(repair(&text(&[&old, &new]), &[&new, &old], now), None);
        assert_eq!(repair(&text(&[&old, &new]), &[&new], now), None);
    }

    #[test]
    fn what_is_not_ours_or_no_certificate_is_replaced() {
        let ours = authority();
        let stranger = rcgen::generate_simple_self_signed(vec!["x".to_owned()]).unwrap().cert.pem();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for extra in [stranger.as_str(), broken] {
            let present = ours.pem() + extra;
            assert_eq!(repair(present.as_bytes(), &[&ours], start()), Some(vec![ours.clone()]), "{extra}");
        }
    }

    #[test]
    fn an_expired_ca_leaves_later_than_it_is_last_put_in() {
        let [old, new] = [authority(), authority()];
        let both = ca_text(&[&new, &old]);
        let only = ca_text(&[&new]);
        let wanted = [&new, &old];
        // both expire at 999 hours; take the new one for a later one
        let at = |hours: u32| start() + HOUR * hours;
        assert_eq!(repair(both.as_bytes(), &wanted, at(1000)), None);
        assert_eq!(repair(only.as_bytes(), &wanted, at(1000)), None);
        assert_eq!(repair(both.as_bytes(), &[], at(1200)), Some(vec![]));
    }

    fn ca_text(bundle: &[&Authority]) -> String {
        bundle.iter().map(|authority| authority.pem()).collect()
    }
}
