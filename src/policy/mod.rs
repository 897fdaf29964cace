//! A policy file in, the [`Policy`] that rules are held under out, kept at what the file says.
//!
//! [`mod@file`] reads it, with line and column for what is wrong; [`reload`] follows its content while
//! serving; [`Active`] is where every request finds the current one.

pub mod file;
pub mod reload;

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::endpoint::Policy;

/// The policy that holds now.
#[derive(Debug)]
pub struct Active(ArcSwap<Policy>);

impl Active {
    #[must_use]
    pub fn new(policy: Policy) -> Arc<Self> {
        Arc::new(Self(ArcSwap::from_pointee(policy)))
    }

    #[must_use]
    pub fn current(&self) -> Guard<Arc<Policy>> {
        self.0.load()
    }

    pub fn swap(&self, policy: Policy) {
        self.0.store(Arc::new(policy));
    }
}
