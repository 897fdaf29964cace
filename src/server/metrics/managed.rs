//! The metrics of managed certificates: events, the difference of the clocks, and the fields that differ in the
//! webhook configurations.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::per_value::{Labels, PerValue};
use crate::certificates::managed::registration::Field;
use crate::certificates::managed::{ConfigurationKind, Event};

#[derive(Debug)]
pub struct Managed {
    served: Counter,
    failures: Counter,
    clock_skew: Gauge,
    differs: PerValue<(ConfigurationKind, Field), Gauge>,
}

impl Managed {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let events = Family::<Labels<1>, Counter>::default();
        registry.register("managed_certificates", "New certificates served, and failures", events.clone());
        let clock_skew = Gauge::default();
        registry.register_with_unit(
            "clock_skew",
            "How far the clock of this node is ahead of the API server's, with managed certificates",
            Unit::Seconds,
            clock_skew.clone(),
        );
        let help =
            "1 for each field of the webhook configurations that is not what this version is installed with";
        let fields =
            [(ConfigurationKind::Mutating, "mutating"), (ConfigurationKind::Validating, "validating")];
        let fields = fields.into_iter().flat_map(|(kind, configuration)| {
            Field::ALL
                .map(|field| ((kind, field), [("configuration", configuration), ("field", field.name())]))
        });
        Self {
            served: events.get_or_create_owned(&[("event", "served")]),
            failures: events.get_or_create_owned(&[("event", "failure")]),
            clock_skew,
            differs: PerValue::register(registry, "registration_differs", help, fields),
        }
    }

    pub fn record(&self, event: Event) {
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
                if let Some(gauge) = self.differs.get(&(kind, field)) {
                    gauge.set(i64::from(differs));
                }
            }
        }
    }
}
