//! Connections: how many are open, and which ones were refused.

use std::borrow::Borrow;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::per_value::{Labels, PerValue};
use crate::server::patrol::Limit;
use crate::server::worth::Worth;

/// The metrics of one listener.
#[derive(Debug, Clone)]
pub struct ListenerMetrics {
    /// Open connections.
    pub open: Gauge,
    /// How often a new connection ran into a limit.
    pub limit_hits: PerValue<Limit>,
}

impl ListenerMetrics {
    /// One for the HTTPS listener, and one for the operators' listener.
    pub(super) fn register(registry: &mut Registry) -> [Self; 2] {
        let open = Family::<Labels<1>, Gauge>::default();
        registry.register("connections", "Open connections", open.clone());
        let hits = Family::default();
        let help = "New connections that arrived when the limit, or the share of their source, was reached";
        registry.register("connection_limit_hits", help, hits.clone());
        ["https", "ops"].map(|listener| Self {
            open: open.get_or_create_owned(&[("listener", listener)]),
            limit_hits: PerValue::of(
                &hits,
                [(Limit::Connections, "connections"), (Limit::Source, "source")]
                    .map(|(limit, name)| (limit, [("listener", listener), ("limit", name)])),
            ),
        })
    }
}

/// Why the server refused work that it could have done with more time or room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// The answer would have come after the API server's deadline.
    Deadline,
    /// No room for another large body.
    Memory,
    /// A large body that arrived slowly was ended to make room for another one.
    SlowBody,
    /// All connections were taken, and this client kept the server waiting.
    SlowClient,
    /// … and this one had sent nothing that the listener is for.
    UselessClient,
    /// … and this one had not sent a request yet.
    NewClient,
    /// … and this one was between two reviews.
    IdleClient,
    /// … and this one was delivering a review, and was asked to close after its answer.
    BusyClient,
    /// … and this new one found no place in time.
    Refused,
}

impl Shed {
    pub(super) fn register(registry: &mut Registry) -> PerValue<Self> {
        let reasons = [
            (Self::Deadline, "deadline"),
            (Self::Memory, "memory"),
            (Self::SlowBody, "slow_body"),
            (Self::SlowClient, "slow_client"),
            (Self::UselessClient, "useless_client"),
            (Self::NewClient, "new_client"),
            (Self::IdleClient, "idle_client"),
            (Self::BusyClient, "busy_client"),
            (Self::Refused, "refused"),
        ];
        let help = "Requests and connections refused for lack of time or room";
        PerValue::register(registry, "shed", help, reasons.map(|(shed, reason)| (shed, [("reason", reason)])))
    }
}

/// The reason to report for a connection that was ended to make room for another one.
impl From<Worth> for Shed {
    fn from(gave_way: Worth) -> Self {
        match gave_way {
            Worth::Slow => Self::SlowClient,
            Worth::Useless => Self::UselessClient,
            Worth::Silent | Worth::New | Worth::Young => Self::NewClient,
            Worth::Useful => Self::IdleClient,
            Worth::Busy => Self::BusyClient,
        }
    }
}

/// Why a client may not call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    NoCertificate,
    /// The client CA did not sign it, or it is not valid now.
    BadCertificate,
    /// Its certificate has none of the names that may call.
    Name,
}

impl Rejection {
    pub(super) fn register(registry: &mut Registry) -> PerValue<Self> {
        let reasons = [
            (Self::NoCertificate, "no_certificate"),
            (Self::BadCertificate, "bad_certificate"),
            (Self::Name, "name"),
        ];
        let help = "Clients that may not call";
        PerValue::register(
            registry,
            "client_rejections",
            help,
            reasons.map(|(why, reason)| (why, [("reason", reason)])),
        )
    }
}

/// Counts one more for as long as it lives, even if a client leaves.
#[derive(Debug)]
pub struct Counted<G: Borrow<Gauge>>(G);

impl<G: Borrow<Gauge>> Counted<G> {
    pub fn in_gauge(gauge: G) -> Self {
        gauge.borrow().inc();
        Self(gauge)
    }
}

impl<G: Borrow<Gauge>> Drop for Counted<G> {
    fn drop(&mut self) {
        self.0.borrow().dec();
    }
}
