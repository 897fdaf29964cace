//! The policy and the certificate in use, and the results of reloading them.

use std::time::SystemTime;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::per_value::PerValue;
use crate::certificates::pair::Pair;
use crate::reload::Reload;

#[derive(Debug)]
pub struct Loaded {
    pub certificate_reloads: PerValue<Reload>,
    pub client_ca_reloads: PerValue<Reload>,
    pub policy_reloads: PerValue<Reload>,
    policy_hash: Gauge,
    certificate_expiration: Gauge,
}

impl Loaded {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let policy_hash = Gauge::default();
        registry.register(
            "policy_hash",
            "The first 48 bits of the SHA-256 of the active policy, 0 without one: replicas should agree",
            policy_hash.clone(),
        );
        let certificate_expiration = Gauge::default();
        registry.register_with_unit(
            "certificate_expiration_timestamp",
            "When the served certificate expires, as Unix time",
            Unit::Seconds,
            certificate_expiration.clone(),
        );
        let mut reloads = |name, help| {
            let results = [(Reload::Swapped, "success"), (Reload::Refused, "failure")];
            let results = results.map(|(reload, result)| (reload, [("result", result)]));
            PerValue::register(registry, name, help, results)
        };
        Self {
            certificate_reloads: reloads("certificate_reloads", "Changed certificate files"),
            client_ca_reloads: reloads("client_ca_reloads", "Changed client CA files"),
            policy_reloads: reloads("policy_reloads", "Changed policy files"),
            policy_hash,
            certificate_expiration,
        }
    }

    /// Records that the policy whose file has this SHA-256, in hexadecimal, is now in use.
    pub fn record_policy(&self, hash: &str) {
        // Every reader of a metric keeps this many bits exactly.
        let bits = hash.get(..12).and_then(|digits| i64::from_str_radix(digits, 16).ok());
        self.policy_hash.set(bits.unwrap_or_default());
    }

    /// Records that this certificate is now served.
    pub fn record_certificate(&self, pair: &Pair) {
        let until = pair.validity.until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.certificate_expiration.set(i64::try_from(until.as_secs()).unwrap_or(i64::MAX));
    }
}
