//! `POST /mutate` and `POST /validate`: a request in, the answering `AdmissionReview` out, or the
//! refusal where there can be none.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::{Instant, timeout_at};

use super::Judge;
use super::body::{self, Room};
use super::limits::Limits;
use super::metrics::{self, Metrics, Rejection, Shed, path};
use super::refusal::Refusal;
use super::{deadline, log};
use crate::admission::{self, Answer, Hook, NoUid};
use crate::certificates::clients::Stranger;
use crate::policy::Active;
use crate::traces::{Span, Traces};

/// What the person at kubectl reads when judging panicked.
const PANICKED: &str = "the modelendpoint-webhook failed by a defect of its own; nothing is known to \
     be wrong with this ModelEndpoint. The webhook's log has the place under the uid of this request";

/// Both hooks; everything else is a 404 or a 405 in words.
pub fn router(
    judge: Judge,
    policy: Arc<Active>,
    limits: &Limits,
    metrics: &Arc<Metrics>,
    traces: Option<Traces>,
) -> Router {
    let reviews = Arc::new(Reviews {
        judge,
        policy,
        limits: limits.clone(),
        room: Room::of(limits.large_bodies_bytes),
        metrics: Arc::clone(metrics),
        traces,
    });
    Router::new()
        .route(
            "/mutate",
            post(async |State(reviews): State<Arc<Reviews>>, request: Request| {
                reviews.serve(Hook::Mutate, request).await
            }),
        )
        .route(
            "/validate",
            post(async |State(reviews): State<Arc<Reviews>>, request: Request| {
                reviews.serve(Hook::Validate, request).await
            }),
        )
        .fallback(async |State(reviews): State<Arc<Reviews>>, body: Body| {
            reviews.refuse(Refusal::NoSuchPath, body)
        })
        .method_not_allowed_fallback(async |State(reviews): State<Arc<Reviews>>, body: Body| {
            reviews.refuse(Refusal::NotThisMethod("POST"), body)
        })
        .with_state(reviews)
}

struct Reviews {
    judge: Judge,
    policy: Arc<Active>,
    limits: Limits,
    room: Room,
    metrics: Arc<Metrics>,
    traces: Option<Traces>,
}

impl Reviews {
    async fn serve(&self, hook: Hook, request: Request) -> Response {
        let received = Instant::now();
        let _in_flight = InFlight::enter(&self.metrics.in_flight);
        let (head, mut body) = request.into_parts();
        let mut span = self.traces.as_ref().map(|traces| traces.begin(path(hook), &head.headers));
        match self.answer(hook, &head, &mut body, received, span.as_mut()).await {
            Ok(review) => (JSON, review).into_response(),
            Err(refusal) => {
                if let Some(span) = &mut span {
                    span.refused(refusal.status());
                }
                log::refused(hook, &refusal, refusal.status(), received.elapsed());
                self.refuse(refusal, body)
            }
        }
    }

    async fn answer(
        &self,
        hook: Hook,
        head: &Parts,
        body: &mut Body,
        received: Instant,
        span: Option<&mut Span>,
    ) -> Result<Vec<u8>, Refusal> {
        if let Some(stranger) = head.extensions.get::<Stranger>() {
            return Err(Refusal::Stranger(stranger.clone()));
        }
        expect_json(&head.headers)?;
        let deadline = deadline::of(&head.uri, received);
        if deadline <= received {
            return Err(Refusal::Shed(Shed::Deadline));
        }
        let length = body::length(body, &self.limits)?;
        let patience = received + self.limits.body;
        let until = deadline.min(patience);
        let _share = timeout_at(until, self.room.share(length, &self.limits))
            .await
            .unwrap_or(Err(Refusal::Shed(Shed::Memory)))?;
        let body = timeout_at(until, body::read(body, length, &self.limits)).await.unwrap_or_else(|_| {
            Err(if deadline <= patience { Refusal::Shed(Shed::Deadline) } else { Refusal::Slow })
        })?;
        if deadline <= Instant::now() {
            return Err(Refusal::Shed(Shed::Deadline));
        }
        let answer = self.judge(hook, &body)?;
        let latency = received.elapsed();
        self.metrics.answered(hook, &answer, latency);
        log::answered(hook, &answer, latency);
        if let Some(span) = span {
            span.answered(metrics::operation(answer.operation), metrics::outcome(answer.outcome), &answer);
        }
        Ok(answer.review)
    }

    /// A panic ends this request only, and even this one is answered.
    fn judge<'a>(&self, hook: Hook, body: &'a [u8]) -> Result<Answer<'a>, Refusal> {
        let policy = self.policy.current();
        let no_uid = |NoUid(sentence)| Refusal::NoUid(sentence);
        if let Ok(answer) = catch_unwind(AssertUnwindSafe(|| (self.judge)(&policy, hook, body))) {
            return answer.map_err(no_uid);
        }
        self.metrics.panics.inc();
        catch_unwind(|| admission::failure(body, PANICKED)).map_err(|_| Refusal::Broken)?.map_err(no_uid)
    }

    fn refuse(&self, refusal: Refusal, unread: Body) -> Response {
        self.metrics.http_error(refusal.status());
        match refusal {
            Refusal::Shed(reason) => {
                self.metrics.shed(reason).inc();
            }
            Refusal::Stranger(_) => self.metrics.rejected(Rejection::Name),
            _ => {}
        }
        let mut response = refusal.into_response();
        if !unread.is_end_stream() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            tokio::spawn(body::discard(unread, self.limits.clone()));
        }
        response
    }
}

const JSON: [(axum::http::HeaderName, HeaderValue); 1] =
    [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];

fn expect_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/json") {
        return Err(Refusal::NotJson);
    }
    let plain = |encoding: &HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().all(plain) { Ok(()) } else { Err(Refusal::Encoded) }
}

/// Counts a request for as long as it lives, even if the client leaves.
struct InFlight<'a>(&'a Gauge);

impl<'a> InFlight<'a> {
    fn enter(gauge: &'a Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
