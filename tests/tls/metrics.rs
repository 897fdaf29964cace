//! `/metrics`: what was sent is what is counted, and nothing that a client wrote is a label.

use serde_json::json;

use crate::client::{FINE, MALFORMED, create, json_request};
use crate::webhook::Webhook;

#[tokio::test]
async fn reviews_are_counted_by_path_operation_and_outcome() {
    let webhook = Webhook::self_signed(&[]).await;
    let mut connection = webhook.client().connect().await;
    connection.post("/validate", &create("u-1", FINE)).await;
    connection.post("/validate", &create("u-2", FINE)).await;
    connection.post("/validate", &create("u-3", MALFORMED)).await;
    let mut bare = create("u-4", FINE);
    bare["request"]["object"]["spec"] = json!({ "url": FINE });
    connection.post("/mutate", &bare).await;
    let mut odd = create("u-5", FINE);
    odd["request"]["operation"] = json!("evil\"} 1\n");
    connection.post("/validate", &odd).await;
    connection.send(json_request("/validate", "[]")).await.expect("an answer");

    let series = [
        (r#"requests_total{path="/validate",operation="CREATE",outcome="allowed"}"#, 2),
        (r#"requests_total{path="/validate",operation="CREATE",outcome="denied"}"#, 1),
        (r#"requests_total{path="/mutate",operation="CREATE",outcome="patched"}"#, 1),
        (r#"request_duration_seconds_count{path="/mutate"}"#, 1),
        (r#"request_duration_seconds_bucket{le="10.0",path="/validate"}"#, 4),
        (r#"denials_total{rule="url-syntax"}"#, 1),
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
    assert!(exposition.ends_with("# EOF\n"), "{exposition}");
}

#[tokio::test]
async fn the_process_has_its_figures() {
    let webhook = Webhook::self_signed(&[]).await;
    for name in [
        "process_start_time_seconds",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_max_fds",
    ] {
        let value: f64 = webhook.written(name).await.parse().expect("a number");
        assert!(value > 0.0, "{name} {value}");
    }
}
