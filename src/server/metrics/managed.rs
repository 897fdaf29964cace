//! What managed certificates tell: events, how far the clock is off, and what differs in the webhook
//! configurations.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::certificates::managed::registration::Field;
use crate::certificates::managed::{Event, Kind};

type Labels<const N: usize> = [(&'static str, &'static str); N];

#[derive(Debug)]
pub struct ManagedMetrics {
    served: Counter,
    failures: Counter,
    clock_skew: Gauge,
    differs: Vec<(Kind, Field, Gauge)>,
}

impl ManagedMetrics {
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let events = Family::<Labels<1>, Counter>::default();
        registry.register("managed_certificates", "New certificates served, and failures", events.clone());
        let clock_skew = Gauge::default();
        registry.register_with_unit(
            "clock_skew",
            "How far the clock of this node is ahead of the API server's, with managed certificates",
            Unit::Seconds,
            clock_skew.clone(),
        );
        let differs = Family::<Labels<2>, Gauge>::default();
        registry.register(
            "registration_differs",
            "1 for each field of the webhook configurations that is not what this version is installed with",
            differs.clone(),
        );
        let of = |kind, configuration| {
            Field::ALL.map(|field| {
                let labels = [("configuration", configuration), ("field", field.name())];
                (kind, field, differs.get_or_create_owned(&labels))
            })
        };
        Self {
            served: events.get_or_create_owned(&[("event", "served")]),
            failures: events.get_or_create_owned(&[("event", "failure")]),
            clock_skew,
            differs: [of(Kind::Mutating, "mutating"), of(Kind::Validating, "validating")].concat(),
        }
    }

    pub fn note(&self, event: Event) {
        match event {
            Event::Served => {
                self.served.inc();
            }
            Event::Failed => {
                self.failures.inc();
            }
            Event::Skew(seconds) => {
                self.clock_skew.set(seconds);
            }
            Event::Differs(kind, field, differs) => {
                let gauges = self.differs.iter().filter(|(of, one, _)| (*of, *one) == (kind, field));
                for (_, _, gauge) in gauges {
                    gauge.set(i64::from(differs));
                }
            }
        }
    }
}
