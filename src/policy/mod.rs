//! The policy by which the server judges.
//!
//! `crates/policy` reads the file and reports every mistake with its line and column. [`reload`] puts a changed file
//! into use. Every request gets the current policy from [`Active`].

pub(crate) mod reload;

use std::fmt::Write;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use aws_lc_rs::digest::{SHA256, digest};

use modelendpoint_core::endpoint::Policy;

/// The policy in use.
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

/// Identifies a policy: the SHA-256 of its file, in hexadecimal.
#[must_use]
pub fn hash(content: &[u8]) -> String {
    let mut hexadecimal = String::with_capacity(64);
    for byte in digest(&SHA256, content).as_ref() {
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    hexadecimal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256() {
        assert_eq!(hash(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
