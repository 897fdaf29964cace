//! `/metrics` counts what was sent, and has no label that a client wrote.

use axum::body::Body;
use hyper::Method;
use hyper::header::ACCEPT;
use serde_json::json;

use test_support::client::{FINE, MALFORMED, Reply, create, json_request, plain, request};
use test_support::webhook::{Webhook, eventually};

#[tokio::test]
async fn reviews_are_counted_by_path_operation_and_outcome() {
    let webhook = Webhook::self_signed(&[]).await;
    let mut connection = webhook.client().connect().await;
    connection.post("/validate", &create("u-1", FINE)).await;
    connection.post("/validate", &create("u-2", FINE)).await;
    connection.post("/validate", &create("u-3", MALFORMED)).await;
    connection.post("/validate", &create("u-6", "http://h.example:443/")).await;
    let mut bare = create("u-4", FINE);
    bare["request"]["object"]["spec"] = json!({ "url": FINE });
    connection.post("/mutate", &bare).await;
    let mut odd = create("u-5", FINE);
    odd["request"]["operation"] = json!("evil\"} 1\n");
    connection.post("/validate", &odd).await;
    connection.send(json_request("/validate", "[]")).await.expect("an answer");

    let series = [
        (r#"requests_total{path="/validate",operation="CREATE",outcome="allowed"}"#, 3),
        (r#"requests_total{path="/validate",operation="CREATE",outcome="denied"}"#, 1),
        (r#"requests_total{path="/mutate",operation="CREATE",outcome="patched"}"#, 1),
        (r#"request_duration_seconds_count{path="/mutate"}"#, 1),
        (r#"request_duration_seconds_bucket{path="/validate",le="10"}"#, 5),
        (r#"denials_total{rule="url-syntax"}"#, 1),
        (r#"denials_total{rule="url-http-on-443"}"#, 0),
        (r#"warnings_total{rule="url-http-on-443"}"#, 1),
        (r#"patches_total{mutation="default-rewrite-path"}"#, 1),
        (r#"http_errors_total{code="400"}"#, 1),
        (r#"shed_total{reason="deadline"}"#, 0),
        (r#"connections{listener="https"}"#, 1),
        ("requests_in_flight", 0),
        ("panics_total", 0),
        (r#"build_info{version="0.1.0"}"#, 1),
    ];
    for (name, value) in series {
        let name = format!("modelendpoint_webhook_{name}");
        assert_eq!(webhook.metric(&name).await, value, "{name}");
    }
    let exposition = webhook.ops("/metrics").await.body;
    assert!(!exposition.contains("evil"), "{exposition}");
}

#[tokio::test]
async fn who_asks_for_openmetrics_gets_it_and_everybody_else_the_text_format_of_prometheus() {
    let webhook = Webhook::self_signed(&[]).await;
    let accepting = async |accept: &str| {
        let request = request(Method::GET, "/metrics").header(ACCEPT, accept).body(Body::empty());
        plain(webhook.ops, request.expect("a request")).await
    };
    let typed = |kind: &str, reply: &Reply| Reply::new(200, &[("content-type", kind)], &reply.body);

    let reply = accepting("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5").await;
    assert_eq!(reply, typed("application/openmetrics-text; version=1.0.0; charset=utf-8", &reply));
    assert!(reply.body.contains("# TYPE modelendpoint_webhook_panics counter\n"), "{}", reply.body);
    assert!(reply.body.ends_with("# EOF\n"), "{}", reply.body);
    for accept in ["text/plain;version=0.0.4", "*/*"] {
        let reply = accepting(accept).await;
        assert_eq!(reply, typed("text/plain; version=0.0.4; charset=utf-8", &reply));
        assert!(reply.body.contains("# TYPE modelendpoint_webhook_panics_total counter\n"), "{}", reply.body);
    }
}

/// Most answers take less than 100 µs, and 10 s is the API server's default timeout.
#[tokio::test]
async fn latencies_are_counted_from_100_microseconds_to_10_seconds() {
    let webhook = Webhook::self_signed(&[]).await;
    let exposition = webhook.ops("/metrics").await.body;
    let bucket = "modelendpoint_webhook_request_duration_seconds_bucket{path=\"/validate\",le=\"";
    let bounds: Vec<_> = exposition
        .lines()
        .filter_map(|line| line.strip_prefix(bucket)?.split_once('"'))
        .map(|(bound, _)| bound)
        .collect();
    let expected = [
        "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25",
        "0.5", "1", "2.5", "5", "10", "+Inf",
    ];
    assert_eq!(bounds, expected);
}

#[tokio::test]
async fn the_process_has_its_figures() {
    let webhook = Webhook::self_signed(&[]).await;
    for name in [
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
        "process_anonymous_memory_bytes",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
    ] {
        let value: f64 = webhook.written(name).await.parse().expect("a number");
        assert!(value > 0.0, "{name} {value}");
    }
    // The kernel counts it in hundredths of a second, and a start takes less.
    eventually(true, async || {
        let value: f64 = webhook.written("process_cpu_seconds_total").await.parse().expect("a number");
        value > 0.0
    })
    .await;
}
