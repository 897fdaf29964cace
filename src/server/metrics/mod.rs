//! What happened, in counters: every request writes them without a lock, and `GET /metrics` reads them.
//!
//! Every label value is one of a fixed set that is known when the server starts. None comes from a client.

mod connections;
mod exposition;
mod latency;
mod loaded;
mod managed;
mod per_value;
mod process;
mod requests;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::telemetry::Dropped;
use crate::telemetry::quota::LeftOut;
pub use connections::{Counted, ListenerMetrics, Rejection, Shed};
pub use exposition::Format;
use loaded::Loaded;
use managed::Managed;
use per_value::PerValue;
use process::Process;
use requests::Requests;

/// All metrics, with the registry that writes them out.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub requests: Requests,
    pub loaded: Loaded,
    pub managed: Managed,
    pub https: ListenerMetrics,
    pub ops: ListenerMetrics,
    /// Requests and connections that were refused for lack of time or room.
    pub shed: PerValue<Shed>,
    /// Clients that may not call.
    pub rejections: PerValue<Rejection>,
    pub panics: Counter,
}

impl Metrics {
    #[must_use]
    pub fn new(dropped: Dropped) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process::start()));
        let ours = registry.sub_registry_with_prefix("modelendpoint_webhook");
        let requests = Requests::register(ours);
        let shed = Shed::register(ours);
        let loaded = Loaded::register(ours);
        let managed = Managed::register(ours);
        let rejections = Rejection::register(ours);
        let [https, ops] = ListenerMetrics::register(ours);
        let panics = Counter::default();
        ours.register("panics", "Panics while answering; each request still got an answer", panics.clone());
        ours.register_collector(Box::new(dropped));
        ours.register_collector(Box::new(LeftOut));
        ours.register("build", "What was built", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        Self { registry, requests, loaded, managed, https, ops, shed, rejections, panics }
    }

    /// # Errors
    /// When a collector fails.
    pub fn exposition(&self, format: Format) -> Result<String, fmt::Error> {
        format.encode(&self.registry)
    }
}

impl Collector for Dropped {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let lines = ConstCounter::new(self.lines());
        let help = "Log lines that stderr did not accept in time";
        lines.encode(encoder.encode_descriptor("log_lines_dropped", help, None, lines.metric_type())?)
    }
}
