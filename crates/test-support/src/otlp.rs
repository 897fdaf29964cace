//! A small OTLP collector: `POST /v1/traces` in, spans out, decoded with the protocol's own crate.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

pub struct Receiver {
    pub address: SocketAddr,
    spans: watch::Receiver<Vec<Received>>,
}

/// The relevant parts of a span, in plain types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub name: String,
    pub trace: String,
    pub parent: String,
    pub service: String,
    pub attributes: BTreeMap<String, String>,
}

impl Receiver {
    pub async fn start() -> Self {
        let (sender, spans) = watch::channel(Vec::new());
        let take = async move |headers: HeaderMap, body: Bytes| {
            if headers.get("content-type").is_none_or(|kind| kind != "application/x-protobuf") {
                return StatusCode::UNSUPPORTED_MEDIA_TYPE;
            }
            let Ok(export) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
            sender.send_modify(|spans| spans.extend(received(export)));
            StatusCode::OK
        };
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("an address");
        let router = Router::new().route(
            "/v1/traces",
            post(move |headers, body| {
                let take = take.clone();
                async move { take(headers, body).await }
            }),
        );
        tokio::spawn(async move { axum::serve(socket, router).await });
        Self { address, spans }
    }

    /// Waits for this many spans.
    pub async fn spans(&self, count: usize) -> Vec<Received> {
        let mut spans = self.spans.clone();
        let enough = timeout(Duration::from_secs(30), spans.wait_for(|spans| spans.len() >= count)).await;
        assert!(enough.is_ok(), "expected {count} spans, and got {:#?}", *self.spans.borrow());
        self.spans.borrow().clone()
    }
}

fn received(export: ExportTraceServiceRequest) -> Vec<Received> {
    let mut spans = Vec::new();
    for resource_spans in export.resource_spans {
        let resource = attributes(resource_spans.resource.unwrap_or_default().attributes);
        for span in resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Received {
                name: span.name,
                trace: hexadecimal(&span.trace_id),
                parent: hexadecimal(&span.parent_span_id),
                service: resource.get("service.name").cloned().unwrap_or_default(),
                attributes: attributes(span.attributes),
            });
        }
    }
    spans
}

fn attributes(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(yes)) => yes.to_string(),
        other => format!("{other:?}"),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
