//! What a replica sees goes in, and what it does comes out.
//!
//! There is no I/O and no clock here. The [keeper](super::keeper) carries out the plan, and the model in
//! `tests/managed_model` tests it with crashes, delays and broken clocks.

use std::time::{Duration, SystemTime};

use super::ca_bundle::{Present, repair};
use super::lifetimes::{Lifetimes, retired};
use super::outline::{Ca, MOST_AUTHORITIES, Outline, most_recent, serves_for_a_while};
use super::rotation::{self, Circumstances};
use super::trust::Trust;
use crate::certificates::pair::Validity;

/// What a replica sees.
#[derive(Debug, Clone)]
pub struct View<C> {
    /// By the clock of the API server, which checks the certificates.
    pub now: SystemTime,
    /// Whether the local clock differs from it by too much.
    pub clock_is_off: bool,
    /// The time since the process started.
    pub uptime: Duration,
    pub secret: Secret<C>,
    /// When a replica last wrote the Secret, by the clock of the API server. `None` if another client did.
    pub written: Option<SystemTime>,
    /// Whether the leaf of the Secret is the one that is served.
    pub serves_stored: bool,
    /// The `caBundle` of each webhook that calls this server.
    pub bundles: Vec<Present<C>>,
    /// Whether these are all of them, because each configuration was seen or does not exist.
    pub saw_all_bundles: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret<C> {
    Absent,
    Empty,
    Unusable,
    Usable(Outline<C>),
}

/// What a replica does about it, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<C> {
    /// Whether another client undid a repair, so that the next one should wait.
    pub undone: bool,
    /// The replacement of each `caBundle`, if it needs one.
    pub bundles: Vec<Option<Vec<C>>>,
    /// Whether a CA is removed from a `caBundle`. This is done only if the Secret has not changed since it was seen.
    pub removes: bool,
    /// Whether to serve the leaf of the Secret from now on.
    pub serve: bool,
    pub step: Step<C>,
    /// When to look again if nothing changes.
    pub wait: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<C> {
    /// Creates an empty Secret.
    Create,
    /// Restores the last usable content.
    PutBack,
    /// Issues a new CA and a leaf of it, and keeps the CAs that were found in a `caBundle`.
    Start {
        previous: Vec<C>,
    },
    /// Keeps the signer and the leaf, and adds previous CAs whose leaves a replica may still serve.
    Adopt {
        previous: Vec<C>,
    },
    AddAuthority {
        previous: Vec<C>,
    },
    IssueLeaf,
    RetireAuthorities {
        previous: Vec<C>,
    },
    Nothing,
}

/// What a replica knows from earlier looks. A restart loses it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Memory<C> {
    /// The CA that signed the served leaf, and when the leaf is valid.
    serving: Option<(C, Validity)>,
    /// The last usable content of the Secret.
    last: Option<Outline<C>>,
    trust: Trust<C>,
    /// CAs that are in a `caBundle` but not in the Secret, and since when.
    strangers: Vec<(C, Duration)>,
    /// When a replica last wrote the Secret, and since when this one knows.
    written: Option<(SystemTime, Duration)>,
}

impl<C> Default for Memory<C> {
    fn default() -> Self {
        Self { serving: None, last: None, trust: Trust::default(), strangers: Vec::new(), written: None }
    }
}

/// The longest wait. After it the time is read again, because a clock may have been set.
pub const LOOK_AT_THE_CLOCK: Duration = Duration::from_mins(1);

impl<C: Ca> Memory<C> {
    pub fn look(&mut self, view: &View<C>, lifetimes: Lifetimes) -> Plan<C> {
        let rested = self.rested(view);
        match &view.secret {
            Secret::Absent => Plan::only(Step::Create, self.last.is_some()),
            Secret::Usable(stored) if stored.leaf.is_some() || !self.can_put_back(view.now) => {
                self.keep(stored, view, rested, lifetimes)
            }
            broken => {
                let undone = self.last.is_some() && *broken != Secret::Empty;
                Plan::only(self.mend(view, lifetimes), undone)
            }
        }
    }

    #[must_use]
    pub fn serving(&self) -> Option<&C> {
        self.serving.as_ref().map(|(authority, _)| authority)
    }

    /// For how long no replica has written the Secret. Two API servers may disagree about the time, so the time since this
    /// replica saw the write counts too.
    fn rested(&mut self, view: &View<C>) -> Duration {
        let Some(written) = view.written else {
            self.written = None;
            return Duration::MAX;
        };
        let since = match self.written {
            Some((known, since)) if known == written => since,
            _ => view.uptime,
        };
        self.written = Some((written, since));
        view.now.duration_since(written).unwrap_or_default().max(view.uptime.saturating_sub(since))
    }

    fn can_put_back(&self, now: SystemTime) -> bool {
        self.last.as_ref().is_some_and(|last| last.is_valid(now))
    }

    /// Restores the last usable content, or starts again. In that case, CAs in a `caBundle` that look like ours are kept: a
    /// replica that is cut off may still serve a leaf of one.
    fn mend(&self, view: &View<C>, lifetimes: Lifetimes) -> Step<C> {
        if self.can_put_back(view.now) {
            return Step::PutBack;
        }
        let mut previous = Vec::new();
        for authority in view.bundles.iter().flatten().flatten() {
            let may_be_needed =
                authority.looks_like_ours(lifetimes) && view.now <= authority.validity().until;
            if may_be_needed && !previous.contains(authority) && previous.len() + 1 < MOST_AUTHORITIES {
                previous.push(authority.clone());
            }
        }
        Step::Start { previous }
    }

    fn keep(
        &mut self,
        stored: &Outline<C>,
        view: &View<C>,
        rested: Duration,
        lifetimes: Lifetimes,
    ) -> Plan<C> {
        let lost = self.lost(stored, view.now);
        let replaced = self.last.is_some() && view.written.is_none();
        self.last = Some(stored.clone());

        let wanted = self.wanted(stored, &lost);
        let missing = self.observe(&wanted, view);
        let bundles = self.repair(&wanted, view, lifetimes);
        let repairs = bundles.iter().any(Option::is_some);
        let removes = bundles.iter().zip(&view.bundles).any(|(new, present)| {
            let kept = |authority: &C| new.as_ref().is_none_or(|new| new.contains(authority));
            !present.iter().flatten().all(kept)
        });
        let served_in = self.serve(stored, view, lifetimes);
        let (step, wait) = self.step(stored, lost, view, rested, lifetimes);
        Plan {
            undone: (missing && repairs) || (replaced && step != Step::Nothing),
            bundles,
            removes,
            serve: served_in == Some(Duration::ZERO),
            step,
            wait: served_in.filter(|served_in| !served_in.is_zero()).map_or(wait, |until| wait.min(until)),
        }
    }

    /// CAs that the Secret had, or whose leaf this replica serves, and that the Secret has lost.
    fn lost(&self, stored: &Outline<C>, now: SystemTime) -> Vec<C> {
        let mut lost = Vec::new();
        let known = self.last.iter().flat_map(Outline::authorities).chain(self.serving());
        let room = MOST_AUTHORITIES.saturating_sub(stored.authorities().count());
        for authority in known {
            let has = stored.authorities().any(|stored| stored == authority) || lost.contains(authority);
            if !has && now <= authority.validity().until && lost.len() < room {
                lost.push(authority.clone());
            }
        }
        lost
    }

    /// Every CA whose leaf may be served.
    fn wanted(&self, stored: &Outline<C>, lost: &[C]) -> Vec<C> {
        let mut wanted = vec![stored.signer.clone()];
        let previous = most_recent(stored.previous.clone(), stored.leaf.as_ref());
        for authority in previous.iter().chain(lost).chain(self.serving()) {
            if !wanted.contains(authority) {
                wanted.push(authority.clone());
            }
        }
        wanted
    }

    /// Records the CAs of each `caBundle`. Returns whether one is missing that was in every `caBundle` before.
    fn observe(&mut self, wanted: &[C], view: &View<C>) -> bool {
        let everywhere = |authority: &C| {
            let trusts = |bundle: &Present<C>| bundle.as_ref().is_some_and(|cas| cas.contains(authority));
            view.saw_all_bundles && view.bundles.iter().all(trusts)
        };
        let mut strangers: Vec<(C, Duration)> = Vec::new();
        for authority in view.bundles.iter().flatten().flatten() {
            if !wanted.contains(authority) && !strangers.iter().any(|(known, _)| known == authority) {
                let known = self.strangers.iter().find(|(known, _)| known == authority);
                strangers.push((authority.clone(), known.map_or(view.uptime, |(_, since)| *since)));
            }
        }
        self.strangers = strangers;
        self.trust.observe(wanted, everywhere, view.uptime)
    }

    /// A CA that is not wanted is removed at once. If it looks like ours, it stays for the time in which a replica that
    /// serves a leaf of it puts it into the Secret.
    fn repair(&self, wanted: &[C], view: &View<C>, lifetimes: Lifetimes) -> Vec<Option<Vec<C>>> {
        let stays = |authority: &C| {
            let first = self.strangers.iter().take(MOST_AUTHORITIES).find(|(known, _)| known == authority);
            let seen_for = first.map_or(Duration::MAX, |(_, since)| view.uptime.saturating_sub(*since));
            authority.looks_like_ours(lifetimes)
                && view.now <= retired(authority.validity())
                && seen_for < lifetimes.grace(false)
        };
        view.bundles.iter().map(|present| repair(present.as_deref(), wanted, stays, view.now)).collect()
    }

    /// When to serve the stored leaf, if it is worth serving.
    fn serve(&mut self, stored: &Outline<C>, view: &View<C>, lifetimes: Lifetimes) -> Option<Duration> {
        let leaf = stored.leaf.as_ref().filter(|leaf| leaf.fits && leaf.validity.at(view.now).is_ok())?;
        if view.serves_stored {
            // This can be the first look and the leaf already served: the loop started again after a panic.
            self.serving = Some((leaf.authority.clone(), leaf.validity));
            return None;
        }
        let trusted_for = self.trust.for_how_long(&leaf.authority, view.uptime)?;
        let in_use = self.serving.as_ref();
        let urgent = !in_use.is_some_and(|(_, validity)| serves_for_a_while(*validity, view.now));
        let wait = lifetimes.grace(urgent).saturating_sub(trusted_for);
        if wait.is_zero() {
            self.serving = Some((leaf.authority.clone(), leaf.validity));
        }
        Some(wait)
    }

    fn step(
        &self,
        stored: &Outline<C>,
        lost: Vec<C>,
        view: &View<C>,
        rested: Duration,
        lifetimes: Lifetimes,
    ) -> (Step<C>, Duration) {
        if !lost.is_empty() {
            let previous = stored.previous.iter().cloned().chain(lost).collect();
            return (Step::Adopt { previous }, LOOK_AT_THE_CLOCK);
        }
        let circumstances = Circumstances {
            now: view.now,
            clock_is_off: view.clock_is_off,
            trusted_for: self.trust.for_how_long(&stored.signer, view.uptime),
            rested,
            lifetimes,
        };
        let step = match rotation::next(stored, circumstances) {
            rotation::Step::Wait(wait) => return (Step::Nothing, wait.min(LOOK_AT_THE_CLOCK)),
            rotation::Step::AddAuthority { previous } => Step::AddAuthority { previous },
            rotation::Step::IssueLeaf => Step::IssueLeaf,
            rotation::Step::RetireAuthorities { previous } => Step::RetireAuthorities { previous },
        };
        (step, LOOK_AT_THE_CLOCK)
    }
}

impl<C> Plan<C> {
    /// While the Secret is broken, nothing else can be decided.
    fn only(step: Step<C>, undone: bool) -> Self {
        Self { undone, bundles: Vec::new(), removes: false, serve: false, step, wait: LOOK_AT_THE_CLOCK }
    }
}

#[cfg(test)]
mod tests {
    use super::super::outline::Leaf;
    use super::*;

    const DAY: Duration = Duration::from_hours(24);
    const SECOND: Duration = Duration::from_secs(1);
    const LIFETIMES: Lifetimes =
        Lifetimes { authority: Duration::from_hours(365 * 24), leaf: Duration::from_hours(30 * 24) };

    /// A number stands for the key.
    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Made(u32, Validity);

    impl Ca for Made {
        fn validity(&self) -> Validity {
            self.1
        }

        fn looks_like_ours(&self, lifetimes: Lifetimes) -> bool {
            lifetimes.allow(self.1)
        }
    }

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * 20_000
    }

    fn ca(number: u32) -> Made {
        Made(number, Validity { from: now(), until: now() + LIFETIMES.authority })
    }

    fn for_ever(number: u32) -> Made {
        Made(number, Validity { from: now(), until: now() + LIFETIMES.authority * 100 })
    }

    fn stored(authorities: &[Made]) -> Outline<Made> {
        let [signer, previous @ ..] = authorities else { panic!("no CA") };
        let validity = Validity { from: now(), until: now() + LIFETIMES.leaf };
        let leaf = Leaf { authority: signer.clone(), validity, fits: true };
        Outline { signer: signer.clone(), previous: previous.to_vec(), leaf: Some(leaf) }
    }

    fn view(secret: Secret<Made>, bundle: &[Made], uptime: Duration) -> View<Made> {
        View {
            now: now() + uptime,
            clock_is_off: false,
            uptime,
            secret,
            written: Some(now()),
            serves_stored: false,
            bundles: vec![Some(bundle.to_vec())],
            saw_all_bundles: true,
        }
    }

    /// What a replica does that has just started.
    fn first_look(secret: Secret<Made>, bundle: &[Made]) -> Plan<Made> {
        Memory::default().look(&view(secret, bundle, SECOND), LIFETIMES)
    }

    #[test]
    fn what_is_not_in_the_secret_leaves_at_once_or_later_if_it_looks_like_ours() {
        let secret = || Secret::Usable(stored(&[ca(1)]));
        let plan = first_look(secret(), &[ca(1), for_ever(2)]);
        assert_eq!((plan.bundles, plan.removes), (vec![Some(vec![ca(1)])], true));

        let mut memory = Memory::default();
        let bundle = [ca(1), ca(2)];
        for (at, leaves) in [(1, false), (200, false), (300, false), (301, true)] {
            let plan = memory.look(&view(secret(), &bundle, SECOND * at), LIFETIMES);
            let expected = leaves.then(|| vec![ca(1)]);
            assert_eq!((plan.bundles, plan.removes), (vec![expected], leaves), "{at} s");
        }
    }

    #[test]
    fn only_so_many_look_alikes_are_given_time() {
        let bundle: Vec<Made> = (1..100).map(ca).collect();
        let plan = first_look(Secret::Usable(stored(&[ca(1)])), &bundle);
        assert_eq!(plan.bundles, [Some((1..=9).map(ca).collect())]);
    }

    #[test]
    fn a_secret_full_of_cas_fills_no_ca_bundle() {
        let many: Vec<Made> = (1..100).map(ca).collect();
        let plan = first_look(Secret::Usable(stored(&many)), &[]);
        assert_eq!(plan.bundles, [Some((1..=8).map(ca).collect())]);
    }

    #[test]
    fn a_secret_that_is_replaced_gets_back_the_cas_that_it_had() {
        let mut memory = Memory::default();
        memory.look(&view(Secret::Usable(stored(&[ca(2), ca(1)])), &[ca(2), ca(1)], SECOND), LIFETIMES);
        let replaced =
            View { written: None, ..view(Secret::Usable(stored(&[ca(3)])), &[ca(2), ca(1)], SECOND * 2) };
        let plan = memory.look(&replaced, LIFETIMES);
        assert_eq!(plan.step, Step::Adopt { previous: vec![ca(2), ca(1)] });
        assert_eq!(plan.bundles, [Some(vec![ca(3), ca(2), ca(1)])]);
        assert!(plan.undone);
    }

    #[test]
    fn a_secret_that_is_lost_takes_over_what_looks_like_ours_unless_it_is_remembered() {
        let bundle = [ca(1), for_ever(2)];
        assert_eq!(first_look(Secret::Unusable, &bundle).step, Step::Start { previous: vec![ca(1)] });
        assert_eq!(first_look(Secret::Absent, &bundle).step, Step::Create);
        let mut memory = Memory::default();
        memory.look(&view(Secret::Usable(stored(&[ca(1)])), &bundle, SECOND), LIFETIMES);
        let plan = memory.look(&view(Secret::Unusable, &bundle, SECOND), LIFETIMES);
        assert_eq!((plan.step, plan.undone), (Step::PutBack, true));
    }

    #[test]
    fn a_secret_without_its_leaf_is_put_back_if_the_leaf_is_remembered() {
        let without = || Secret::Usable(Outline { leaf: None, ..stored(&[ca(1)]) });
        let plan = first_look(without(), &[]);
        assert_eq!((plan.step, plan.bundles), (Step::Nothing, vec![Some(vec![ca(1)])]));
        let mut memory = Memory::default();
        memory.look(&view(Secret::Usable(stored(&[ca(1)])), &[ca(1)], SECOND), LIFETIMES);
        let plan = memory.look(&view(without(), &[ca(1)], SECOND), LIFETIMES);
        assert_eq!((plan.step, plan.undone), (Step::PutBack, true));
    }

    #[test]
    fn only_what_was_right_before_is_undone_and_an_empty_secret_is_being_made() {
        assert!(!first_look(Secret::Absent, &[]).undone);
        assert!(!first_look(Secret::Unusable, &[]).undone);
        assert!(!first_look(Secret::Usable(stored(&[ca(1)])), &[]).undone);
        let mut memory = Memory::default();
        memory.look(&view(Secret::Usable(stored(&[ca(1)])), &[ca(1)], SECOND), LIFETIMES);
        let mut undone = |secret| memory.look(&view(secret, &[ca(1)], SECOND), LIFETIMES).undone;
        assert!(undone(Secret::Absent));
        assert!(!undone(Secret::Empty));
        assert!(!undone(Secret::Usable(stored(&[ca(1)]))));
    }

    #[test]
    fn a_renewal_is_nobodys_fault_unless_somebody_else_wrote_the_secret() {
        let secret = || Secret::Usable(stored(&[ca(1)]));
        for (looked_before, written, undone) in
            [(true, Some(now()), false), (true, None, true), (false, None, false)]
        {
            let mut memory = Memory::default();
            if looked_before {
                memory.look(&view(secret(), &[ca(1)], SECOND), LIFETIMES);
            } else {
                memory.trust.observe(&[ca(1)], |_| true, SECOND);
            }
            let plan = memory.look(&View { written, ..view(secret(), &[ca(1)], DAY * 25) }, LIFETIMES);
            assert_eq!((plan.step, plan.undone), (Step::IssueLeaf, undone));
        }
    }

    #[test]
    fn a_ca_that_leaves_a_bundle_was_undone_by_somebody() {
        let mut memory = Memory::default();
        let mut undone = |bundle: &[Made]| {
            memory.look(&view(Secret::Usable(stored(&[ca(1)])), bundle, SECOND), LIFETIMES).undone
        };
        assert!(!undone(&[ca(1)]));
        assert!(undone(&[]));
    }

    #[test]
    fn a_start_takes_over_what_is_still_valid_as_far_as_there_is_room() {
        let bundle: Vec<Made> = (1..100).map(ca).collect();
        let step = first_look(Secret::Unusable, &bundle).step;
        assert_eq!(step, Step::Start { previous: (1..8).map(ca).collect() });
        let taken_over_at = |now| {
            let seen = view(Secret::Unusable, &[ca(1), ca(1)], SECOND);
            Memory::default().look(&View { now, ..seen }, LIFETIMES).step
        };
        let until = now() + LIFETIMES.authority;
        assert_eq!(taken_over_at(until), Step::Start { previous: vec![ca(1)] });
        assert_eq!(taken_over_at(until + SECOND), Step::Start { previous: Vec::new() });
    }

    #[test]
    fn a_lost_ca_comes_back_while_it_is_valid_and_there_is_room() {
        let replaced = |by: &[Made], at| View { written: None, ..view(Secret::Usable(stored(by)), &[], at) };
        let brief = Made(2, Validity { from: now(), until: now() + SECOND * 2 });
        for (at, previous) in [(2, Some(vec![ca(1), brief.clone()])), (3, Some(vec![ca(1)]))] {
            let mut memory = Memory::default();
            memory.look(&view(Secret::Usable(stored(&[ca(1), brief.clone()])), &[], SECOND), LIFETIMES);
            let step = memory.look(&replaced(&[ca(3)], SECOND * at), LIFETIMES).step;
            assert_eq!(Some(step), previous.map(|previous| Step::Adopt { previous }), "{at} s");
        }
        let mut memory = Memory::default();
        let many: Vec<Made> = (1..=8).map(ca).collect();
        memory.look(&view(Secret::Usable(stored(&many)), &[], SECOND), LIFETIMES);
        let step = memory.look(&replaced(&[ca(11), ca(12), ca(13)], SECOND), LIFETIMES).step;
        assert_eq!(step, Step::Adopt { previous: [12, 13, 1, 2, 3, 4, 5].map(ca).to_vec() });
    }

    #[test]
    fn a_leaf_that_does_not_fit_or_is_not_valid_is_not_served() {
        let serving = |leaf: Leaf<Made>| {
            let mut memory = Memory::default();
            let secret = Secret::Usable(Outline { leaf: Some(leaf), ..stored(&[ca(1)]) });
            for at in [1, 10] {
                memory.look(&view(secret.clone(), &[ca(1)], SECOND * at), LIFETIMES);
            }
            memory.serving().cloned()
        };
        let leaf = stored(&[ca(1)]).leaf.expect("a leaf");
        assert_eq!(serving(leaf.clone()), Some(ca(1)));
        assert_eq!(serving(Leaf { fits: false, ..leaf.clone() }), None);
        let past = Validity { from: now() - DAY, until: now() };
        assert_eq!(serving(Leaf { validity: past, ..leaf }), None);
    }

    #[test]
    fn a_leaf_is_served_after_seconds_if_there_is_no_other_and_else_after_minutes() {
        let mut memory = Memory::default();
        let mut look = |number, serves_stored, at| {
            let secret = Secret::Usable(stored(&[ca(number), ca(1)]));
            let seen = view(secret, &[ca(1), ca(2)], SECOND * at);
            let plan = memory.look(&View { serves_stored, ..seen }, LIFETIMES);
            (plan.serve, plan.wait)
        };
        assert_eq!(look(1, false, 1), (false, SECOND * 5));
        assert_eq!(look(1, false, 6), (true, LOOK_AT_THE_CLOCK));
        assert_eq!(look(1, true, 7), (false, LOOK_AT_THE_CLOCK));
        // it has been trusted since second 10
        assert!(!look(2, false, 10).0);
        assert!(!look(2, false, 309).0);
        assert!(look(2, false, 310).0);
    }

    #[test]
    fn a_pause_is_measured_by_the_api_server_or_by_what_we_saw() {
        let mut memory = Memory::<Made>::default();
        let mut rested = |written, uptime| {
            let seen = view(Secret::Absent, &[], uptime);
            memory.rested(&View { written, ..seen })
        };
        assert_eq!(rested(Some(now() - DAY), SECOND), DAY + SECOND);
        // recorded by an API server whose clock is a day ahead
        assert_eq!(rested(Some(now() + DAY), SECOND * 10), Duration::ZERO);
        assert_eq!(rested(Some(now() + DAY), SECOND * 70), SECOND * 60);
        assert_eq!(rested(None, SECOND * 71), Duration::MAX);
    }
}
