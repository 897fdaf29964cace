//! Connections of probes and of Prometheus in, health and metrics out.
//!
//! It serves a few connections at a time, each for one request and a few seconds. So nobody can block the port for
//! long, or take much memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::figures::Figures;

const CONNECTIONS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(5);
const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn serve(listener: TcpListener, figures: Arc<Figures>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((connection, _)) => {
                let figures = Arc::clone(&figures);
                tokio::spawn(async move {
                    let _ = timeout(PATIENCE, answer(connection, &figures)).await;
                    drop(place);
                });
            }
            // out of file descriptors, for example
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn answer(connection: TcpStream, figures: &Figures) -> hyper::Result<()> {
    let service =
        service_fn(async |request: Request<Incoming>| Ok::<_, Infallible>(respond(&request, figures)));
    http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(connection), service)
        .await
}

fn respond(request: &Request<Incoming>, figures: &Figures) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, METRICS, figures.render()),
        (&Method::GET, "/livez") => (StatusCode::OK, TEXT, "ok\n".to_owned()),
        (&Method::GET, "/readyz") if figures.is_ready() => (StatusCode::OK, TEXT, "ok\n".to_owned()),
        (&Method::GET, "/readyz") => {
            (StatusCode::SERVICE_UNAVAILABLE, TEXT, "the first full pass has not ended\n".to_owned())
        }
        _ => (StatusCode::NOT_FOUND, TEXT, "this port serves /metrics, /livez and /readyz\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}
