//! The server survives a judge that panics.

use modelendpoint_core::admission::{self, Answer, Hook, NoUid};
use modelendpoint_core::endpoint::Policy;
use modelendpoint_webhook::server::limits::Limits;
use modelendpoint_webhook::traces::Traces;
use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{IdGenerator, SdkTracerProvider, Span, SpanData, SpanProcessor};
use serde_json::json;

use crate::in_process::{serve, serve_traced};
use test_support::client::{FINE, Reply, allowed, create, json_request};

/// Panics at `/validate` and judges at `/mutate`.
fn panic_at_validate<'a>(policy: &Policy, hook: Hook, body: &'a [u8]) -> Result<Answer<'a>, NoUid> {
    assert!(hook == Hook::Mutate, "a defect");
    admission::answer(policy, hook, body)
}

#[tokio::test]
async fn a_panic_is_answered_as_a_failure_and_counted_and_the_server_goes_on() {
    let server = serve(panic_at_validate, Limits::new(10));
    let mut connection = server.client.connect().await;
    let failure = connection.post("/validate", &create("u-1", FINE)).await.review();
    let response = &failure["response"];
    assert_eq!((&response["uid"], &response["allowed"]), (&json!("u-1"), &json!(false)), "{failure:#}");
    let fine = connection.post("/mutate", &create("u-2", FINE)).await.review();
    assert_eq!(fine, allowed("u-2"));
    for line in [
        "modelendpoint_webhook_panics_total 1",
        r#"modelendpoint_webhook_requests_total{path="/validate",operation="unknown",outcome="failed"} 1"#,
    ] {
        assert!(server.counts(line).await, "no {line}");
    }
}

#[tokio::test]
async fn a_panic_without_a_uid_is_a_400_in_words() {
    let server = serve(panic_at_validate, Limits::new(10));
    let reply = server.client.connect().await.send(json_request("/validate", "{}")).await.expect("an answer");
    let sentence = "an AdmissionReview with a request.uid is expected here: the modelendpoint-webhook could not check this ModelEndpoint because of a bug; the ModelEndpoint \
                    may be fine. The webhook's log has the details under the uid of this request";
    assert_eq!(reply, Reply::text(400, sentence));
}

/// Panics where a span begins.
#[derive(Debug)]
struct NoIds;

impl IdGenerator for NoIds {
    fn new_trace_id(&self) -> TraceId {
        panic!("no randomness")
    }

    fn new_span_id(&self) -> SpanId {
        panic!("no randomness")
    }
}

/// Panics where a span ends.
#[derive(Debug)]
struct NoEnd;

impl SpanProcessor for NoEnd {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, _: SpanData) {
        panic!("no room")
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: std::time::Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[tokio::test]
async fn a_panic_in_tracing_takes_no_answer_back() {
    let beginning = SdkTracerProvider::builder().with_id_generator(NoIds).build();
    let ending = SdkTracerProvider::builder().with_span_processor(NoEnd).build();
    for provider in [beginning, ending] {
        let server = serve_traced(admission::answer, Limits::new(10), Some(Traces::of(provider)));
        let mut connection = server.client.connect().await;
        assert_eq!(connection.post("/validate", &create("u-1", FINE)).await.review(), allowed("u-1"));
        assert_eq!(connection.post("/mutate", &create("u-2", FINE)).await.review(), allowed("u-2"));
        let refused = connection.send(json_request("/validate", "[]")).await.expect("an answer");
        assert_eq!(refused.status, 400);
        assert!(server.counts("modelendpoint_webhook_panics_total 3").await);
    }
}
