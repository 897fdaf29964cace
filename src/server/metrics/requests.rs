//! Reviews, by their outcome.

use std::time::Duration;

use axum::http::StatusCode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::latency::Latency;
use super::per_value::{Labels, PerValue};
use modelendpoint_core::admission::{Answer, Hook, Operation, Outcome};
use modelendpoint_core::endpoint::{mutation, rules};

#[derive(Debug)]
pub struct Requests {
    answers: PerValue<(Hook, Operation, Outcome)>,
    latencies: PerValue<Hook, Latency>,
    denials: PerValue<&'static str>,
    unenforced: PerValue<&'static str>,
    warnings: PerValue<&'static str>,
    patches: PerValue<&'static str>,
    http_errors: PerValue<StatusCode>,
    /// Reviews being read or answered.
    pub in_flight: Gauge,
}

/// Every status that a refusal can have.
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

impl Requests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let in_flight = Gauge::default();
        registry.register("requests_in_flight", "Reviews being read or answered", in_flight.clone());
        Self {
            answers: register_answers(registry),
            latencies: register_latencies(registry),
            denials: register_rules(registry, "denials", "Violations of a rule that denied a request"),
            unenforced: register_rules(
                registry,
                "unenforced_denials",
                "Violations of a rule that would deny, and is not enforced",
            ),
            warnings: register_rules(registry, "warnings", "Violations of a rule that only warned"),
            patches: PerValue::register(
                registry,
                "patches",
                "Patches by the mutation that made them",
                mutation::ALL.iter().map(|mutation| (mutation.id, [("mutation", mutation.id)])),
            ),
            http_errors: PerValue::register(
                registry,
                "http_errors",
                "Requests that were answered with an HTTP error in place of an AdmissionReview",
                HTTP_ERRORS.map(|(status, code)| (status, [("code", code)])),
            ),
            in_flight,
        }
    }

    pub fn record_answer(&self, hook: Hook, answer: &Answer<'_>, latency: Duration) {
        self.answers.inc((hook, answer.operation, answer.outcome));
        if let Some(latencies) = self.latencies.get(&hook) {
            latencies.observe(latency);
        }
        let denials = if answer.outcome == Outcome::Denied { &self.denials } else { &self.unenforced };
        for rule in &answer.rules {
            denials.inc(rule);
        }
        for rule in &answer.warned {
            self.warnings.inc(rule);
        }
        if let Some(mutation) = answer.mutation {
            self.patches.inc(mutation);
        }
    }

    pub fn record_http_error(&self, status: StatusCode) {
        self.http_errors.inc(status);
    }
}

fn register_answers(registry: &mut Registry) -> PerValue<(Hook, Operation, Outcome)> {
    let outcomes = Hook::ALL.into_iter().flat_map(|hook| {
        Operation::ALL.into_iter().flat_map(move |operation| {
            Outcome::ALL.into_iter().map(move |outcome| {
                let labels =
                    [("path", hook.path()), ("operation", operation.name()), ("outcome", outcome.name())];
                ((hook, operation, outcome), labels)
            })
        })
    });
    PerValue::register(registry, "requests", "Answered reviews", outcomes)
}

fn register_rules(registry: &mut Registry, name: &'static str, help: &'static str) -> PerValue<&'static str> {
    let rules = rules::ALL.iter().map(|rule| (rule.id, [("rule", rule.id)]));
    PerValue::register(registry, name, help, rules)
}

fn register_latencies(registry: &mut Registry) -> PerValue<Hook, Latency> {
    let latencies = Family::<Labels<1>, Latency>::default();
    let help = "Time from a request's head to its answer";
    registry.register_with_unit("request_duration", help, Unit::Seconds, latencies.clone());
    PerValue::of(&latencies, Hook::ALL.map(|hook| (hook, [("path", hook.path())])))
}
