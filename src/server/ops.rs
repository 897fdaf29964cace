//! Plain HTTP for probes and scrapes: `GET /livez`, `/readyz` and `/metrics`.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::body::Incoming;
use tower::ServiceExt;

use super::connection::Handler;
use super::metrics::{Format, Metrics};
use super::readiness::Readiness;
use super::refusal::Refusal;

pub fn router(readiness: Arc<Readiness>, metrics: &Arc<Metrics>) -> Router {
    Router::new()
        // It checks nothing, because a restart would not fix anything that it could check.
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz).with_state(readiness))
        .route("/metrics", get(exposition).with_state(Arc::clone(metrics)))
        .fallback(async || Refusal::NoSuchPath)
        .method_not_allowed_fallback(async || Refusal::NotThisMethod("GET, HEAD"))
}

impl Handler for Router {
    type Body = Body;

    async fn handle(&self, request: Request<Incoming>) -> Response {
        self.clone().oneshot(request).await.unwrap_or_else(|never: Infallible| match never {})
    }

    /// A probe opens a connection of its own each time, and a scraper opens another one.
    fn is_useful(_: &Response) -> bool {
        false
    }
}

async fn readyz(State(readiness): State<Arc<Readiness>>) -> Response {
    match readiness.check() {
        Ok(()) => "ok\n".into_response(),
        Err(unready) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {unready}\n")).into_response(),
    }
}

async fn exposition(State(metrics): State<Arc<Metrics>>, headers: HeaderMap) -> Result<Response, StatusCode> {
    let format = Format::wanted(&headers);
    let text = metrics.exposition(format).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(([(CONTENT_TYPE, format.content_type())], text).into_response())
}
