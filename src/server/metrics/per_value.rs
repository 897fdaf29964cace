//! Metrics with labels, found without a lock.
//!
//! prometheus-client's `Family` takes a lock to find the metric of a label set. Here all label sets are known when
//! the server starts, and each metric is looked up then.

use prometheus_client::encoding::EncodeMetric;
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Names and values.
pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];

/// One metric for each value of a fixed set.
#[derive(Debug, Clone)]
pub struct PerValue<T, M = Counter>(Vec<(T, M)>);

impl<T, M> PerValue<T, M>
where
    T: PartialEq,
    M: EncodeMetric + TypedMetric + Clone + Default + std::fmt::Debug + Send + Sync + 'static,
{
    /// Registers a family without a unit, with a metric for each of the values.
    pub(super) fn register<const N: usize>(
        registry: &mut Registry,
        name: &'static str,
        help: &'static str,
        values: impl IntoIterator<Item = (T, Labels<N>)>,
    ) -> Self {
        let family = Family::<Labels<N>, M>::default();
        registry.register(name, help, family.clone());
        Self::of(&family, values)
    }

    /// Gets the metrics for these values from a registered family.
    pub(super) fn of<const N: usize>(
        family: &Family<Labels<N>, M>,
        values: impl IntoIterator<Item = (T, Labels<N>)>,
    ) -> Self {
        let found = values.into_iter().map(|(value, labels)| (value, family.get_or_create_owned(&labels)));
        Self(found.collect())
    }

    #[must_use]
    pub(super) fn get(&self, value: &T) -> Option<&M> {
        self.0.iter().find_map(|(known, metric)| (known == value).then_some(metric))
    }
}

impl<T: Copy + PartialEq> PerValue<T> {
    /// Counts one more. A value outside the set is not counted.
    pub fn inc(&self, value: T) {
        if let Some(counter) = self.get(&value) {
            counter.inc();
        }
    }
}
