//! Counts in, metrics in the Prometheus text format out.
//!
//! The values of every label are limited: rules are fixed, and beyond a number of namespaces the others are summed
//! up.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::reports::Format;
use modelendpoint_lint::finding::Level;

/// The namespace label of the sum. No namespace can have this name.
const OTHERS: &str = "(others)";

/// The rules that an endpoint breaks, each with its level.
pub(super) type Broken = Box<[(&'static str, Level)]>;

/// Shared by the audit, which counts, and by `GET /metrics`.
pub(super) struct Figures(Mutex<State>);

pub(super) struct State {
    pub(super) counts: Counts,
    pub(super) format: Option<Format>,
    pub(super) reports: usize,
    pub(super) applied: u64,
    pub(super) deleted: u64,
    pub(super) failed_writes: u64,
    pub(super) changes: u64,
    pub(super) passes: u64,
    pub(super) failed_passes: u64,
    /// When the last full pass ended, and how long it took.
    pub(super) last_pass: Option<(Instant, Duration)>,
    pub(super) is_policy_refused: bool,
    started: Instant,
}

/// How many endpoints there are, and how many break which rule.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) endpoints: u64,
    pub(super) refused: u64,
    pub(super) warned: u64,
    /// Broken endpoints without a report, because there are too many.
    pub(super) unreported: u64,
    /// The most namespaces with series of their own.
    most: usize,
    rows: BTreeMap<String, Row>,
    others: Row,
}

type Row = BTreeMap<(&'static str, &'static str), u64>;

impl Figures {
    pub(super) fn new(namespaces: usize) -> Self {
        Figures(Mutex::new(State {
            counts: Counts::of(namespaces),
            format: None,
            reports: 0,
            applied: 0,
            deleted: 0,
            failed_writes: 0,
            changes: 0,
            passes: 0,
            failed_passes: 0,
            last_pass: None,
            is_policy_refused: false,
            started: Instant::now(),
        }))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a full pass has ended.
    pub(super) fn is_ready(&self) -> bool {
        self.lock().last_pass.is_some()
    }

    /// The text for a scrape.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = encode(&mut text, &self.lock().registry());
        text
    }
}

impl Counts {
    pub(super) fn of(namespaces: usize) -> Self {
        Counts { most: namespaces, ..Counts::default() }
    }

    pub(super) fn add(&mut self, namespace: &str, broken: &Broken) {
        match worst(broken) {
            Some("deny") => self.refused += 1,
            Some(_) => self.warned += 1,
            None => return,
        }
        if self.rows.len() < self.most && !self.rows.contains_key(namespace) {
            self.rows.insert(namespace.to_owned(), Row::new());
        }
        let row = self.rows.get_mut(namespace).unwrap_or(&mut self.others);
        for (rule, level) in broken {
            *row.entry((*rule, word(*level))).or_default() += 1;
        }
    }

    pub(super) fn take_away(&mut self, namespace: &str, broken: &Broken) {
        match worst(broken) {
            Some("deny") => self.refused = self.refused.saturating_sub(1),
            Some(_) => self.warned = self.warned.saturating_sub(1),
            None => return,
        }
        let row = self.rows.get_mut(namespace).unwrap_or(&mut self.others);
        for (rule, level) in broken {
            let count = row.entry((*rule, word(*level))).or_default();
            *count = count.saturating_sub(1);
        }
    }

    fn fine(&self) -> u64 {
        self.endpoints.saturating_sub(self.refused + self.warned)
    }
}

/// For a stored endpoint, a change that the webhook would make without a warning counts as a warning.
fn word(level: Level) -> &'static str {
    match level {
        Level::Deny => "deny",
        Level::Warn | Level::Change => "warn",
    }
}

fn worst(broken: &Broken) -> Option<&'static str> {
    broken.iter().map(|(_, level)| *level).max().map(word)
}

impl State {
    fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("modelendpoint_audit");
        self.register_findings(&mut registry);
        self.register_passes(&mut registry);
        let writes = Family::<[(&'static str, &'static str); 1], Counter>::default();
        for (outcome, count) in
            [("applied", self.applied), ("deleted", self.deleted), ("failed", self.failed_writes)]
        {
            writes.get_or_create(&[("outcome", outcome)]).inc_by(count);
        }
        registry.register("report_writes", "Writes of reports to the API server", writes);
        registry.register("reports", "Reports that are kept up to date", gauge(self.reports as u64));
        let api = self.format.map_or("none", Format::api_version);
        registry.register("report_api", "The API that reports are written to", Info::new([("api", api)]));
        registry.register("build", "What was built", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry
    }

    fn register_findings(&self, registry: &mut Registry) {
        let counts = &self.counts;
        let endpoints = Family::<[(&'static str, &'static str); 1], Gauge>::default();
        for (verdict, count) in
            [("fine", counts.fine()), ("warned", counts.warned), ("refused", counts.refused)]
        {
            endpoints.get_or_create(&[("verdict", verdict)]).set(signed(count));
        }
        registry.register(
            "endpoints",
            "Stored ModelEndpoints by what the webhook would answer today",
            endpoints,
        );
        let findings = Family::<[(&'static str, String); 3], Gauge>::default();
        let others = (!counts.others.is_empty()).then_some((OTHERS, &counts.others));
        let rows = counts.rows.iter().map(|(namespace, row)| (namespace.as_str(), row)).chain(others);
        for (namespace, row) in rows {
            for ((rule, severity), count) in row {
                let labels = [
                    ("rule", (*rule).to_owned()),
                    ("severity", (*severity).to_owned()),
                    ("namespace", namespace.to_owned()),
                ];
                findings.get_or_create(&labels).set(signed(*count));
            }
        }
        registry.register("findings", "Stored ModelEndpoints that break a rule", findings);
        let help = "Broken ModelEndpoints without a report, because there are more than --max-reports";
        registry.register("unreported_endpoints", help, gauge(counts.unreported));
    }

    fn register_passes(&self, registry: &mut Registry) {
        let passes = Family::<[(&'static str, &'static str); 1], Counter>::default();
        for (result, count) in [("success", self.passes), ("failure", self.failed_passes)] {
            passes.get_or_create(&[("result", result)]).inc_by(count);
        }
        registry.register("passes", "Full passes over all stored ModelEndpoints", passes);
        let (ended, took) = self.last_pass.unwrap_or((self.started, Duration::ZERO));
        let age = ConstGauge::new(ended.elapsed().as_secs_f64());
        let help = "Time since the last full pass ended, or since the start";
        registry.register_with_unit("last_full_pass_age", help, Unit::Seconds, age);
        let took = ConstGauge::new(took.as_secs_f64());
        registry.register_with_unit("last_full_pass_duration", "How long it took", Unit::Seconds, took);
        let help = "Changes of ModelEndpoints that were checked as they arrived";
        registry.register("changes", help, ConstCounter::new(self.changes));
        let help = "Whether the policy file can't be used, so that the policy from before is in use";
        registry.register("policy_refused", help, gauge(u64::from(self.is_policy_refused)));
    }
}

fn gauge(count: u64) -> ConstGauge<i64> {
    ConstGauge::new(signed(count))
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn broken(rules: &[(&'static str, Level)]) -> Broken {
        rules.into()
    }

    fn findings(counts: Counts) -> Vec<String> {
        let figures = Figures::new(0);
        figures.lock().counts = counts;
        let text = figures.render();
        let lines = text.lines().filter(|line| line.starts_with("modelendpoint_audit_findings{"));
        let mut lines: Vec<_> =
            lines.map(|line| line.trim_start_matches("modelendpoint_audit_findings").to_owned()).collect();
        lines.sort();
        lines
    }

    #[test]
    fn beyond_a_number_of_namespaces_the_rest_is_summed() {
        let mut counts = Counts::of(1);
        let port = broken(&[("url-port", Level::Deny)]);
        for namespace in ["a", "b", "c", "a"] {
            counts.add(namespace, &port);
        }
        let line = |namespace: &str, count: u64| {
            format!("{{rule=\"url-port\",severity=\"deny\",namespace=\"{namespace}\"}} {count}")
        };
        assert_eq!(findings(counts.clone()), [line("(others)", 2), line("a", 2)]);
        counts.take_away("c", &port);
        counts.take_away("a", &port);
        assert_eq!(findings(counts.clone()), [line("(others)", 1), line("a", 1)]);
        assert_eq!((counts.refused, counts.warned), (2, 0));
    }

    #[test]
    fn an_endpoint_counts_once_by_what_is_worst() {
        let mut counts = Counts::of(9);
        counts.endpoints = 4;
        counts.add("a", &broken(&[("url-version", Level::Warn), ("url-port", Level::Deny)]));
        counts.add("a", &broken(&[("url-version", Level::Warn)]));
        counts.add("a", &broken(&[("default-rewrite-path", Level::Change)]));
        counts.add("a", &broken(&[]));
        assert_eq!((counts.refused, counts.warned, counts.fine()), (1, 2, 1));
    }

    #[test]
    fn alerts_and_dashboard_ask_for_figures_that_exist() {
        const ASK: [&str; 2] = [
            include_str!("../../../../deploy/components/monitoring/prometheus-rule.yaml"),
            include_str!("../../../../deploy/components/monitoring/modelendpoint-webhook.json"),
        ];
        let figures = Figures::new(1);
        figures.lock().counts = Counts::of(1);
        figures.lock().counts.add("a", &broken(&[("url-port", Level::Deny)]));
        let text = figures.render();
        let exposed: BTreeSet<_> = text.lines().filter_map(|line| line.split(['{', ' ']).next()).collect();
        let words = |text: &'static str| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let asked: BTreeSet<_> =
            ASK.into_iter().flat_map(words).filter(|word| word.starts_with("modelendpoint_audit_")).collect();
        assert_eq!(asked.len(), 3, "{asked:?}");
        assert_eq!(asked.difference(&exposed).collect::<Vec<_>>(), Vec::<&&str>::new());
    }
}
