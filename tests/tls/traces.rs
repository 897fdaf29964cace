//! Spans over OTLP: the server creates them if the standard variables ask for them, as part of the caller's trace.

use std::collections::BTreeMap;
use std::fs;

use axum::body::Body;
use rustix::process::Signal;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use test_support::client::{FINE, MALFORMED, create, json_request};
use test_support::otlp::{Received, Receiver};
use test_support::pairs::Authority;
use test_support::webhook::{Webhook, binary};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

async fn exporting(receiver: &Receiver, more: &[(&str, &str)]) -> Webhook {
    let endpoint = format!("http://{}", receiver.address);
    // Send each batch at once.
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    Webhook::self_signed_with(&[], &[&variables, more].concat()).await
}

fn with_traceparent(request: axum::http::Request<Body>, flags: &str) -> axum::http::Request<Body> {
    let (mut head, body) = request.into_parts();
    let value = format!("00-{TRACE}-{PARENT}-{flags}").parse().expect("a header");
    head.headers.insert("traceparent", value);
    axum::http::Request::from_parts(head, body)
}

fn attributes(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_review_is_a_span_of_the_callers_trace() {
    let receiver = Receiver::start().await;
    let webhook = exporting(&receiver, &[]).await;
    let mut connection = webhook.client().connect().await;
    let review = create("u-1", MALFORMED).to_string();
    connection.send(with_traceparent(json_request("/validate", review), "01")).await.expect("an answer");
    let expected = Received {
        name: "POST /validate".to_owned(),
        trace: TRACE.to_owned(),
        parent: PARENT.to_owned(),
        service: "modelendpoint-webhook".to_owned(),
        attributes: attributes(&[
            ("http.request.method", "POST"),
            ("http.response.status_code", "200"),
            ("http.route", "/validate"),
            ("modelendpoint_webhook.dry_run", "false"),
            ("modelendpoint_webhook.operation", "CREATE"),
            ("modelendpoint_webhook.outcome", "denied"),
            ("modelendpoint_webhook.rules", "url-syntax"),
            ("url.path", "/validate"),
            ("url.scheme", "https"),
        ]),
    };
    assert_eq!(receiver.spans(1).await, [expected]);
}

#[tokio::test]
async fn the_caller_and_the_environment_decide_what_is_sampled() {
    let receiver = Receiver::start().await;
    let webhook = exporting(&receiver, &[("OTEL_SERVICE_NAME", "gatekeeper")]).await;
    let mut connection = webhook.client().connect().await;
    let review = || create("u-1", FINE).to_string();
    connection.send(with_traceparent(json_request("/mutate", review()), "00")).await.expect("an answer");
    connection.send(json_request("/mutate", "[]")).await.expect("an answer");
    let spans = receiver.spans(1).await;
    assert_eq!(spans.len(), 1, "the first was not to be sampled: {spans:#?}");
    assert_eq!((spans[0].parent.as_str(), spans[0].service.as_str()), ("", "gatekeeper"));
    assert_eq!(spans[0].attributes["http.response.status_code"], "400");
}

#[tokio::test]
async fn the_last_spans_are_sent_when_it_stops() {
    let receiver = Receiver::start().await;
    let later = [("OTEL_BSP_SCHEDULE_DELAY", "3600000")];
    let endpoint = format!("http://{}/v1/traces", receiver.address);
    let variables = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", endpoint.as_str()), later[0]];
    let mut webhook = Webhook::self_signed_with(&["--drain", "0s"], &variables).await;
    webhook.client().post("/validate", &create("u-1", FINE)).await;
    webhook.signal(Signal::TERM);
    assert_eq!(webhook.exit().await.code(), Some(0));
    assert_eq!(receiver.spans(1).await.len(), 1);
}

#[tokio::test]
async fn a_collector_that_is_gone_is_one_line_and_no_harm() {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", socket.local_addr().expect("an address"));
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()), ("OTEL_BSP_SCHEDULE_DELAY", "50")];
    let webhook = Webhook::self_signed_with(&[], &variables).await;
    let mut connection = webhook.client().connect().await;
    // The collector closes the connection on each batch, so the next batch arrives after the previous one failed.
    for review in ["u-1", "u-2", "u-3"] {
        assert_eq!(connection.post("/validate", &create(review, FINE)).await.status, 200);
        let (batch, _) = socket.accept().await.expect("a batch of spans");
        drop(batch);
    }
    webhook.logged("traces are not exported").await;
    let lines =
        || webhook.log().iter().filter(|line| line.contains("traces are")).cloned().collect::<Vec<_>>();
    assert_eq!(lines().len(), 2, "that they are, and once that they are not: {:#?}", lines());
}

#[tokio::test]
async fn a_collector_behind_tls_is_checked_by_its_ca_and_gets_the_headers() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let authority = Authority::new();
    let ca = directory.path().join("ca.crt");
    fs::write(&ca, authority.pem()).expect("a file");
    let ca = ca.to_str().expect("UTF-8");
    for (trusted, collector) in [(true, authority.pair()), (false, Authority::new().pair())] {
        let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("https://localhost:{}", socket.local_addr().expect("an address").port());
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", ca),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=models"),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
        ];
        let webhook = Webhook::self_signed_with(&[], &variables).await;
        webhook.client().post("/validate", &create("u-1", FINE)).await;
        let (stream, _) = socket.accept().await.expect("a batch of spans");
        let accepted = collector.acceptor().accept(stream).await;
        assert_eq!(accepted.is_ok(), trusted);
        let Ok(mut stream) = accepted else {
            webhook
                .logged("traces are not exported reason=\"invalid peer certificate: UnknownIssuer\"")
                .await;
            continue;
        };
        let mut head = vec![0; 4096];
        let read = stream.read(&mut head).await.expect("a request");
        let head = String::from_utf8_lossy(&head[..read]).into_owned();
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nx-team: models\r\n"), "{head}");
    }
}

#[tokio::test]
async fn what_can_not_be_used_is_said() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
    let grpc = Webhook::self_signed_with(&[], &[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).await;
    grpc.logged("OTEL_EXPORTER_OTLP_PROTOCOL must be http/protobuf").await;
    let off = Webhook::self_signed_with(&[], &[endpoint, ("OTEL_SDK_DISABLED", "true")]).await;
    assert_eq!(off.log().iter().find(|line| line.contains("traces")), None);
    let output = tokio::process::Command::new(binary())
        .args(["serve", "--self-signed"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example")
        .output()
        .await
        .expect("the binary starts");
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    let expected =
        "error: OTEL_EXPORTER_OTLP_CERTIFICATE is missing: the CA of the https:// collector, in PEM\n";
    assert_eq!((output.status.code(), stderr.as_str()), (Some(2), expected));
}
