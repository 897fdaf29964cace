//! Spans over OTLP, if the standard `OTEL_*` variables ask for them. Otherwise there are no spans.
//!
//! Each review is one span, which continues the trace that the API server sends in the request's head (W3C Trace Context).
//! The SDK reads from the environment what to sample and how to batch, and [`export`] sends the batches.

mod export;

use std::env;

use anyhow::Context as _;
use aws_lc_rs::rand;
use axum::http::{HeaderMap, StatusCode};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Span as _, SpanId, SpanKind, Status, TraceId, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{IdGenerator, SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{info, warn};

use modelendpoint_core::admission::{Answer, Outcome};

const NAME: &str = "modelendpoint-webhook";

/// Makes spans, and sends them until it is shut down.
#[derive(Debug, Clone)]
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    propagator: TraceContextPropagator,
}

impl Traces {
    /// Nothing, unless `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set.
    ///
    /// # Errors
    /// Which variable to change.
    pub fn from_environment(runtime: Handle) -> anyhow::Result<Option<Self>> {
        let Some(endpoint) = variable("ENDPOINT") else { return Ok(None) };
        let is = |name: &str, value: &str| env::var(name).is_ok_and(|set| set.eq_ignore_ascii_case(value));
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let protocol = variable("PROTOCOL").unwrap_or_else(|| "http/protobuf".to_owned());
        if protocol != "http/protobuf" {
            // A variable that is injected into all pods must not keep this pod from serving.
            warn!(protocol, "traces are off: OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf");
            return Ok(None);
        }
        let client = export::Client::from_environment(runtime, &endpoint)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(client)
            .build()
            .context("the OTEL_EXPORTER_OTLP_* variables can't be used")?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_id_generator(Ids)
            .with_batch_exporter(exporter)
            .build();
        info!("traces are exported over OTLP");
        Ok(Some(Self::of(provider)))
    }

    /// Makes spans with this provider.
    #[must_use]
    pub fn of(provider: SdkTracerProvider) -> Self {
        let tracer = provider.tracer(NAME);
        Self { provider, tracer, propagator: TraceContextPropagator::new() }
    }

    /// Begins the span of a review, as a part of the caller's trace if it sent one.
    #[must_use]
    pub fn begin(&self, path: &'static str, headers: &HeaderMap) -> Span {
        let caller = self.propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let span = self
            .tracer
            .span_builder(format!("POST {path}"))
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("http.request.method", "POST"),
                KeyValue::new("http.route", path),
                KeyValue::new("url.path", path),
                KeyValue::new("url.scheme", "https"),
            ])
            .start_with_context(&self.tracer, &caller);
        Span(span)
    }

    /// Sends the spans that wait, for 5 s at most. It blocks, and the runtime must run meanwhile.
    pub fn shut_down(&self) {
        if let Err(error) = self.provider.shutdown() {
            warn!(%error, "the last traces were not exported");
        }
    }
}

/// Ids from the random generator that TLS uses. In a static program, the SDK's own one is seeded from `/dev/urandom` and
/// panics if there is no such file.
#[derive(Debug)]
struct Ids;

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from_bytes(random())
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from_bytes(random())
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // If it fails, the id is zero and invalid, and the span is not exported.
    let _ = rand::fill(&mut bytes);
    bytes
}

/// One review. It ends when this is dropped.
#[derive(Debug)]
pub struct Span(opentelemetry_sdk::trace::Span);

impl Span {
    /// Adds the outcome: ids of rules and mutations, and nothing from the object.
    pub fn record_answer(&mut self, operation: &'static str, outcome: &'static str, answer: &Answer<'_>) {
        if !self.0.is_recording() {
            return;
        }
        self.0.set_attributes([
            KeyValue::new("http.response.status_code", 200),
            KeyValue::new("modelendpoint_webhook.operation", operation),
            KeyValue::new("modelendpoint_webhook.outcome", outcome),
            KeyValue::new("modelendpoint_webhook.dry_run", answer.request.dry_run),
        ]);
        if !answer.warned.is_empty() {
            self.0.set_attribute(KeyValue::new("modelendpoint_webhook.warned", answer.warned.join(",")));
        }
        if !answer.rules.is_empty() {
            self.0.set_attribute(KeyValue::new("modelendpoint_webhook.rules", answer.rules.join(",")));
        }
        if let Some(mutation) = answer.mutation {
            self.0.set_attribute(KeyValue::new("modelendpoint_webhook.mutation", mutation));
        }
        if answer.outcome == Outcome::Failed {
            self.0.set_status(Status::error("the review failed"));
        }
    }

    /// Adds the status of a call that was refused.
    pub fn record_refusal(&mut self, status: StatusCode) {
        self.0.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if status.is_server_error() {
            self.0.set_status(Status::error("refused"));
        }
    }
}

/// `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` take precedence.
fn resource() -> Resource {
    let named = env::var("OTEL_SERVICE_NAME").is_ok_and(|name| !name.is_empty())
        || env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|attributes| attributes.contains("service.name="));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let builder = Resource::builder().with_attribute(version);
    if named { builder } else { builder.with_service_name(NAME) }.build()
}

/// `OTEL_EXPORTER_OTLP_TRACES_<name>`, or else `OTEL_EXPORTER_OTLP_<name>`. An empty one counts as unset.
fn variable(name: &str) -> Option<String> {
    ["OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"]
        .into_iter()
        .find_map(|prefix| env::var(format!("{prefix}{name}")).ok().filter(|value| !value.is_empty()))
}
