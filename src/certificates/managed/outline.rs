//! The part of certificates that decisions depend on: who signed what, and when it is valid.
//!
//! The decisions ([`rotation`](super::rotation), [`ca_bundle`](super::ca_bundle), [`trust`](super::trust),
//! [`look`](super::look)) use outlines instead of certificates, so that the model in `tests/managed_model` can check the
//! same code in millions of states.

use std::fmt::Debug;
use std::time::SystemTime;

use super::lifetimes::{Lifetimes, overdue};
use crate::certificates::pair::Validity;

/// The most CAs that are kept at a time, including the signing one. A rotation needs two.
pub const MOST_AUTHORITIES: usize = 8;

/// A CA. It is identified by its whole certificate, and not by its name, which any other certificate can have.
pub trait Ca: Clone + Eq + Debug {
    fn validity(&self) -> Validity;

    /// Whether a webhook with these lifetimes could have issued it. This is a guess, not a proof.
    fn looks_like_ours(&self, lifetimes: Lifetimes) -> bool;
}

/// The certificates of the Secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Outline<C> {
    /// Signs new leaves.
    pub signer: C,
    /// The previous signers, newest first.
    pub previous: Vec<C>,
    /// `None` if it can't be read, or if none of these CAs signed it.
    pub leaf: Option<Leaf<C>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Leaf<C> {
    /// Who signed it.
    pub authority: C,
    pub validity: Validity,
    /// Whether it is for the name that the API server asks for.
    pub fits: bool,
}

impl<C: Ca> Outline<C> {
    /// Every CA to trust, the signing one first.
    pub fn authorities(&self) -> impl Iterator<Item = &C> {
        [&self.signer].into_iter().chain(&self.previous)
    }

    /// Whether the signer and the leaf are valid now.
    #[must_use]
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.signer.validity().at(now).is_ok()
            && self.leaf.as_ref().is_some_and(|leaf| leaf.validity.at(now).is_ok())
    }

    /// Whether there is no leaf that can be served for a while.
    #[must_use]
    pub fn is_urgent(&self, now: SystemTime) -> bool {
        !self.leaf.as_ref().is_some_and(|leaf| leaf.fits && serves_for_a_while(leaf.validity, now))
    }
}

/// The most recent of these CAs, so that there is room for a new signer. The one that signed the leaf always stays.
#[must_use]
pub fn most_recent<C: Ca>(mut previous: Vec<C>, leaf: Option<&Leaf<C>>) -> Vec<C> {
    let needed = leaf.map(|leaf| &leaf.authority);
    while previous.len() >= MOST_AUTHORITIES {
        let oldest = previous.iter().rposition(|authority| Some(authority) != needed);
        previous.remove(oldest.unwrap_or_default());
    }
    previous
}

/// Whether a leaf is valid now and will be for some time.
#[must_use]
pub fn serves_for_a_while(leaf: Validity, now: SystemTime) -> bool {
    leaf.at(now).is_ok() && now < overdue(leaf)
}
