//! Plain HTTP for probes and scrapes: `GET /livez`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::metrics::Metrics;
use super::readiness::Readiness;
use super::refusal::Refusal;

pub fn router(readiness: Arc<Readiness>, metrics: &Arc<Metrics>) -> Router {
    Router::new()
        // Alive is whoever answers: it depends on nothing, since a restart would cure nothing.
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz).with_state(readiness))
        .route("/metrics", get(exposition).with_state(Arc::clone(metrics)))
        .fallback(async || Refusal::NoSuchPath)
        .method_not_allowed_fallback(async || Refusal::NotThisMethod("GET"))
}

async fn readyz(State(readiness): State<Arc<Readiness>>) -> Response {
    match readiness.check() {
        Ok(()) => "ok\n".into_response(),
        Err(unready) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {unready}\n")).into_response(),
    }
}

async fn exposition(State(metrics): State<Arc<Metrics>>) -> Result<Response, StatusCode> {
    const OPEN_METRICS: (HeaderName, &str) =
        (CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = metrics.exposition().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([OPEN_METRICS], text).into_response())
}
