//! What happened, in counters: written by every request without a lock, read by `GET /metrics`.
//!
//! Every label value is one of a fixed set, known when the server starts; none comes from a client.

use std::borrow::Borrow;
use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::latency::Latency;
use super::managed_metrics::ManagedMetrics;
use super::patrol::Limit;
use super::process::Process;
use super::worth::Worth;
use crate::certificates::managed;
use crate::certificates::pair::Pair;
use crate::reload::Reload;
use crate::telemetry::Dropped;
use crate::telemetry::quota::LeftOut;
use modelendpoint_core::admission::{Answer, Hook, Operation, Outcome};
use modelendpoint_core::endpoint::{mutation, rules};

type Labels<const N: usize> = [(&'static str, &'static str); N];

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: [[[Counter; Outcome::ALL.len()]; Operation::ALL.len()]; Hook::ALL.len()],
    latencies: [Latency; Hook::ALL.len()],
    denials: Named,
    patches: Named,
    http_errors: [(StatusCode, Counter); HTTP_ERRORS.len()],
    shed: [Counter; SHED.len()],
    reloads: [Counter; RELOADS.len()],
    policy_reloads: [Counter; RELOADS.len()],
    policy_hash: Gauge,
    managed: ManagedMetrics,
    client_ca_reloads: [Counter; RELOADS.len()],
    rejections: [Counter; REJECTIONS.len()],
    certificate_expiration: Gauge,
    pub in_flight: Gauge,
    pub connections: Gauge,
    pub ops_connections: Gauge,
    pub crowded: LimitHits,
    pub ops_crowded: LimitHits,
    pub panics: Counter,
}

/// Why the server refused work that it could have done with more time or room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// The answer would have come after the API server's deadline.
    Deadline,
    /// No room for another large body.
    Memory,
    /// A large body that came slowly made way for another.
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

/// How often a listener's newcomers ran into a limit.
#[derive(Debug, Clone)]
pub struct LimitHits([Counter; LIMITS.len()]);

/// Why a client may not call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    NoCertificate,
    /// Not of the client CA, or not valid now.
    BadCertificate,
    /// None of the names that may call.
    Name,
}

const HTTP_ERRORS: [(StatusCode, &str); 9] = [
    (StatusCode::BAD_REQUEST, "400"),
    (StatusCode::FORBIDDEN, "403"),
    (StatusCode::NOT_FOUND, "404"),
    (StatusCode::METHOD_NOT_ALLOWED, "405"),
    (StatusCode::REQUEST_TIMEOUT, "408"),
    (StatusCode::PAYLOAD_TOO_LARGE, "413"),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "415"),
    (StatusCode::INTERNAL_SERVER_ERROR, "500"),
    (StatusCode::SERVICE_UNAVAILABLE, "503"),
];
const SHED: [(Shed, &str); 9] = [
    (Shed::Deadline, "deadline"),
    (Shed::Memory, "memory"),
    (Shed::SlowBody, "slow_body"),
    (Shed::SlowClient, "slow_client"),
    (Shed::UselessClient, "useless_client"),
    (Shed::NewClient, "new_client"),
    (Shed::IdleClient, "idle_client"),
    (Shed::BusyClient, "busy_client"),
    (Shed::Refused, "refused"),
];
const LIMITS: [(Limit, &str); 2] = [(Limit::Connections, "connections"), (Limit::Source, "source")];
const REJECTIONS: [(Rejection, &str); 3] = [
    (Rejection::NoCertificate, "no_certificate"),
    (Rejection::BadCertificate, "bad_certificate"),
    (Rejection::Name, "name"),
];
const RELOADS: [(Reload, &str); 2] = [(Reload::Swapped, "success"), (Reload::Refused, "failure")];

impl Metrics {
    #[must_use]
    pub fn new(dropped: Dropped) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process::start()));
        let ours = registry.sub_registry_with_prefix("modelendpoint_webhook");

        let requests = Family::<Labels<3>, Counter>::default();
        ours.register("requests", "Answered reviews", requests.clone());
        let requests = Hook::ALL.map(|hook| {
            Operation::ALL.map(|operation| {
                Outcome::ALL.map(|outcome| {
                    let labels =
                        [("path", hook.path()), ("operation", operation.name()), ("outcome", outcome.name())];
                    requests.get_or_create_owned(&labels)
                })
            })
        });

        let latencies = Family::<Labels<1>, Latency>::default();
        ours.register_with_unit(
            "request_duration",
            "Time from a request's head to its answer",
            Unit::Seconds,
            latencies.clone(),
        );
        let latencies = Hook::ALL.map(|hook| latencies.get_or_create_owned(&[("path", hook.path())]));

        let http_errors = Family::<Labels<1>, Counter>::default();
        ours.register("http_errors", "Requests that no AdmissionReview could answer", http_errors.clone());
        let http_errors =
            HTTP_ERRORS.map(|(status, code)| (status, http_errors.get_or_create_owned(&[("code", code)])));

        let shed = Family::<Labels<1>, Counter>::default();
        ours.register("shed", "Requests and connections refused for lack of time or room", shed.clone());
        let shed = SHED.map(|(_, reason)| shed.get_or_create_owned(&[("reason", reason)]));

        let reloads = Family::<Labels<1>, Counter>::default();
        ours.register("certificate_reloads", "Changed certificate files", reloads.clone());
        let reloads = RELOADS.map(|(_, result)| reloads.get_or_create_owned(&[("result", result)]));

        let policy_reloads = Family::<Labels<1>, Counter>::default();
        ours.register("policy_reloads", "Changed policy files", policy_reloads.clone());
        let policy_reloads =
            RELOADS.map(|(_, result)| policy_reloads.get_or_create_owned(&[("result", result)]));
        let policy_hash = Gauge::default();
        ours.register(
            "policy_hash",
            "The first 48 bits of the SHA-256 of the policy that holds, 0 without one: replicas should agree",
            policy_hash.clone(),
        );
        let managed = ManagedMetrics::register(ours);
        let client_ca_reloads = Family::<Labels<1>, Counter>::default();
        ours.register("client_ca_reloads", "Changed client CA files", client_ca_reloads.clone());
        let client_ca_reloads =
            RELOADS.map(|(_, result)| client_ca_reloads.get_or_create_owned(&[("result", result)]));

        let rejections = Family::<Labels<1>, Counter>::default();
        ours.register("client_rejections", "Clients that may not call", rejections.clone());
        let rejections = REJECTIONS.map(|(_, reason)| rejections.get_or_create_owned(&[("reason", reason)]));

        let connections = Family::<Labels<1>, Gauge>::default();
        ours.register("connections", "Open connections", connections.clone());
        let [crowded, ops_crowded] = LimitHits::register(ours);

        let denials = Named::register(
            ours,
            ("denials", "Violations of a rule that denied a request", "rule"),
            rules::ALL.iter().map(|rule| rule.id),
        );
        let patches = Named::register(
            ours,
            ("patches", "Patches by the mutation that made them", "mutation"),
            mutation::ALL.iter().map(|mutation| mutation.id),
        );

        let in_flight = Gauge::default();
        ours.register("requests_in_flight", "Reviews being read or answered", in_flight.clone());
        ours.register_collector(Box::new(dropped));
        ours.register_collector(Box::new(LeftOut));
        let panics = Counter::default();
        ours.register("panics", "Panics; each one was answered", panics.clone());
        let certificate_expiration = Gauge::default();
        ours.register_with_unit(
            "certificate_expiration_timestamp",
            "When the served certificate expires, as Unix time",
            Unit::Seconds,
            certificate_expiration.clone(),
        );
        ours.register("build", "What was built", Info::new([("version", env!("CARGO_PKG_VERSION"))]));

        Self {
            registry,
            requests,
            latencies,
            denials,
            patches,
            http_errors,
            shed,
            reloads,
            policy_reloads,
            policy_hash,
            managed,
            client_ca_reloads,
            rejections,
            certificate_expiration,
            in_flight,
            connections: connections.get_or_create_owned(&[("listener", "https")]),
            ops_connections: connections.get_or_create_owned(&[("listener", "ops")]),
            crowded,
            ops_crowded,
            panics,
        }
    }

    pub fn answered(&self, hook: Hook, answer: &Answer<'_>, latency: Duration) {
        let hook = index(Hook::ALL, hook);
        let operation = index(Operation::ALL, answer.operation);
        let outcome = index(Outcome::ALL, answer.outcome);
        self.requests[hook][operation][outcome].inc();
        self.latencies[hook].observe(latency);
        for rule in &answer.rules {
            self.denials.inc(rule);
        }
        if let Some(mutation) = answer.mutation {
            self.patches.inc(mutation);
        }
    }

    pub fn http_error(&self, status: StatusCode) {
        if let Some((_, counter)) = self.http_errors.iter().find(|(known, _)| *known == status) {
            counter.inc();
        }
    }

    #[must_use]
    pub fn shed(&self, reason: Shed) -> &Counter {
        &self.shed[index(SHED.map(|(one, _)| one), reason)]
    }

    pub fn reloaded(&self, reload: Reload) {
        self.reloads[index(RELOADS.map(|(one, _)| one), reload)].inc();
    }

    pub fn policy_reloaded(&self, reload: Reload) {
        self.policy_reloads[index(RELOADS.map(|(one, _)| one), reload)].inc();
    }

    /// The policy whose file has this SHA-256, in hexadecimal, holds from now on.
    pub fn holds(&self, hash: &str) {
        // as many bits as every reader of a metric keeps exactly
        let bits = hash.get(..12).and_then(|digits| i64::from_str_radix(digits, 16).ok());
        self.policy_hash.set(bits.unwrap_or_default());
    }

    pub fn managed(&self, event: managed::Event) {
        self.managed.note(event);
    }

    pub fn client_ca_reloaded(&self, reload: Reload) {
        self.client_ca_reloads[index(RELOADS.map(|(one, _)| one), reload)].inc();
    }

    pub fn rejected(&self, rejection: Rejection) {
        self.rejections[index(REJECTIONS.map(|(one, _)| one), rejection)].inc();
    }

    pub fn serves(&self, pair: &Pair) {
        let until = pair.validity.until.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.certificate_expiration.set(i64::try_from(until.as_secs()).unwrap_or(i64::MAX));
    }

    /// In the `OpenMetrics` text format.
    ///
    /// # Errors
    /// When a collector fails.
    pub fn exposition(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl LimitHits {
    /// Those of the HTTPS listener, and of the operators' one.
    fn register(registry: &mut Registry) -> [Self; 2] {
        let hits = Family::<Labels<2>, Counter>::default();
        let help = "New connections that found all places taken, or the share of their source";
        registry.register("connection_limit_hits", help, hits.clone());
        ["https", "ops"].map(|listener| {
            let of = |limit| hits.get_or_create_owned(&[("listener", listener), ("limit", limit)]);
            Self(LIMITS.map(|(_, limit)| of(limit)))
        })
    }

    pub fn count(&self, limit: Limit) {
        self.0[index(LIMITS.map(|(one, _)| one), limit)].inc();
    }
}

/// Why a connection had to go when it made room for another one.
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

/// Where `wanted` is in a list of all values of its type.
fn index<T: Copy + PartialEq>(all: impl IntoIterator<Item = T>, wanted: T) -> usize {
    all.into_iter().position(|one| one == wanted).unwrap_or_default()
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

impl Collector for Dropped {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let lines = ConstCounter::new(self.lines());
        let help = "Log lines that stderr did not take in time";
        lines.encode(encoder.encode_descriptor("log_lines_dropped", help, None, lines.metric_type())?)
    }
}

/// Counters by an id, resolved when the server starts.
#[derive(Debug)]
struct Named(Vec<(&'static str, Counter)>);

impl Named {
    fn register(
        registry: &mut Registry,
        (name, help, label): (&str, &str, &'static str),
        ids: impl IntoIterator<Item = &'static str>,
    ) -> Self {
        let family = Family::<Labels<1>, Counter>::default();
        registry.register(name, help, family.clone());
        let resolved = ids.into_iter().map(|id| (id, family.get_or_create_owned(&[(label, id)])));
        Self(resolved.collect())
    }

    fn inc(&self, id: &str) {
        if let Some((_, counter)) = self.0.iter().find(|(known, _)| *known == id) {
            counter.inc();
        }
    }
}
