//! A thousand changes per second for a minute. A real API server on a small machine can't make that many, so a fake
//! one sends them. docs/audit.md has the figures.
//!
//! `cargo test -p modelendpoint --test audit flood -- --ignored --nocapture`

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures_util::stream;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};

use crate::running::Running;

const ENDPOINTS: usize = 10_000;
const A_SECOND: usize = 1000;
const SECONDS: usize = 60;
/// One of this many changes breaks an endpoint, or repairs it.
const VERDICT: usize = 100;
const LONG: Duration = Duration::from_mins(10);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, of a minute"]
async fn flood() -> Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let server = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async { axum::serve(listener, api_server()).await });
    let directory = tempfile::tempdir()?;
    let kubeconfig = directory.path().join("kubeconfig");
    let access = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{ "name": "c", "cluster": { "server": server } }],
        "users": [{ "name": "c", "user": {} }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "c" } }],
    });
    fs::write(&kubeconfig, access.to_string())?;
    let audit = Running::start(&kubeconfig, &["--every=10h"]).await?;
    let began = Instant::now();
    audit.has_within(&format!("changes_total {}", A_SECOND * SECONDS), LONG).await?;
    println!("{} changes judged after {:.1?}: {}", A_SECOND * SECONDS, began.elapsed(), audit.costs().await?);
    Ok(())
}

fn api_server() -> Router {
    Router::new()
        .route(
            "/apis/openreports.io/v1alpha1",
            get(async || {
                json!({
                    "kind": "APIResourceList", "groupVersion": "openreports.io/v1alpha1",
                    "resources": [{
                        "name": "reports", "singularName": "report", "namespaced": true, "kind": "Report", "verbs": [],
                    }],
                })
                .to_string()
            }),
        )
        .route("/apis/openreports.io/v1alpha1/reports", get(async || empty()))
        .route(
            "/apis/openreports.io/v1alpha1/namespaces/{namespace}/reports/{name}",
            any(async || json!({ "metadata": { "name": "stored" } }).to_string()),
        )
        .route("/apis/modelplane.ai/v1alpha1/modelendpoints", get(endpoints))
}

fn empty() -> String {
    json!({ "metadata": { "resourceVersion": "1" }, "items": [] }).to_string()
}

async fn endpoints(RawQuery(query): RawQuery) -> Response {
    if !query.unwrap_or_default().contains("watch=true") {
        return empty().into_response();
    }
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let events = stream::unfold((0, ticks), |(count, mut ticks)| async move {
        if count == A_SECOND * SECONDS {
            std::future::pending::<()>().await;
        }
        ticks.tick().await;
        let next = count + A_SECOND / 100;
        let lines: String = (count..next).map(event).collect();
        Some((Ok::<_, Infallible>(lines), (next, ticks)))
    });
    Body::from_stream(events).into_response()
}

fn event(count: usize) -> String {
    let number = count % ENDPOINTS;
    let is_broken = number.is_multiple_of(VERDICT) && (count / ENDPOINTS).is_multiple_of(2);
    let port = if is_broken { 0 } else { 8000 + count % 999 };
    let event = json!({
        "type": if count < ENDPOINTS { "ADDED" } else { "MODIFIED" },
        "object": {
            "metadata": {
                "namespace": format!("flood-{:02}", number % 100),
                "name": format!("endpoint-{number:06}"),
                "uid": format!("{number:032}"),
                "resourceVersion": (count + 2).to_string(),
                "annotations": { "padding": "x".repeat(1500) },
            },
            "spec": { "url": format!("http://10.0.1.50:{port}/v1"), "rewritePath": "/" },
        },
    });
    format!("{event}\n")
}
