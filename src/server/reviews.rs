//! `POST /mutate` and `POST /validate`: a request in, the `AdmissionReview` that answers it out, or a refusal if
//! there can be none.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Bytes, HttpBody};
use axum::http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use futures_util::FutureExt;
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::Judge;
use super::body;
use super::buffers::Buffers;
use super::connection::Handler;
use super::limits::Limits;
use super::metrics::{Counted, Metrics, Rejection, Shed};
use super::refusal::Refusal;
use super::room::Room;
use super::{deadline, log};
use crate::certificates::clients::Stranger;
use crate::policy::Active;
use crate::traces::{Span, Traces};
use modelendpoint_core::admission::{self, Answer, Hook, NoUid};

/// What a person reads in kubectl when judging panicked.
const PANICKED: &str = "the modelendpoint-webhook could not check this ModelEndpoint because of a bug; \
     the ModelEndpoint may be fine. The webhook's log has the details under the uid of this request";

/// Both hooks. Any other request gets a 404 or a 405 with a sentence. This is not an axum router, because a router's
/// boxes and clones take as long as reading the review.
#[derive(Clone)]
pub struct Reviews(Arc<Inner>);

struct Inner {
    judge: Judge,
    policy: Arc<Active>,
    limits: Limits,
    room: Room,
    buffers: Buffers,
    metrics: Arc<Metrics>,
    traces: Option<Traces>,
}

impl Reviews {
    pub fn new(
        judge: Judge,
        policy: Arc<Active>,
        limits: &Limits,
        metrics: &Arc<Metrics>,
        traces: Option<Traces>,
    ) -> Self {
        Self(Arc::new(Inner {
            judge,
            policy,
            limits: limits.clone(),
            room: Room::new(limits),
            buffers: Buffers::default(),
            metrics: Arc::clone(metrics),
            traces,
        }))
    }
}

impl Handler for Reviews {
    type Body = Full<Bytes>;

    /// A panic anywhere below ends this request only, and even this one gets an answer.
    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let answering = AssertUnwindSafe(self.0.route(request)).catch_unwind();
        answering.await.unwrap_or_else(|_| {
            self.0.metrics.panics.inc();
            self.0.metrics.requests.record_http_error(Refusal::Broken.status());
            Refusal::Broken.response()
        })
    }

    fn is_useful(answer: &Response<Full<Bytes>>) -> bool {
        answer.status() == StatusCode::OK
    }
}

impl Inner {
    async fn route(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let Some(hook) = Hook::at(request.uri().path()) else {
            return self.refuse(&Refusal::NoSuchPath, request.into_body());
        };
        if request.method() != Method::POST {
            return self.refuse(&Refusal::NotThisMethod("POST"), request.into_body());
        }
        self.answer_review(hook, request).await
    }

    async fn answer_review(&self, hook: Hook, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let received = Instant::now();
        let _in_flight = Counted::in_gauge(&self.metrics.requests.in_flight);
        let (head, mut body) = request.into_parts();
        let mut span = self.traces.as_ref().and_then(|traces| {
            // A review is answered even if its span can't begin.
            self.unless_it_panics(|| traces.begin(hook.path(), &head.headers))
        });
        let answered = match self.read_body(&head, &mut body, received).await {
            Ok(bytes) => self.judge(hook, &bytes).map(|answer| {
                self.record_answer(hook, &answer, received.elapsed(), span.as_mut());
                answer.review
            }),
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = &answered {
            self.unless_it_panics(|| {
                if let Some(span) = &mut span {
                    span.record_refusal(refusal.status());
                }
                log::record_refusal(hook, refusal, refusal.status(), received.elapsed());
            });
        }
        if span.is_some() {
            self.unless_it_panics(|| drop(span));
        }
        match answered {
            Ok(review) => {
                let mut response = Response::new(Full::from(review));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            Err(refusal) => self.refuse(&refusal, body),
        }
    }

    /// The whole body, if the client may call and there is time and room for it.
    async fn read_body<'a>(
        &'a self,
        head: &Parts,
        body: &mut Incoming,
        received: Instant,
    ) -> Result<body::Whole<'a>, Refusal> {
        if let Some(stranger) = head.extensions.get::<Stranger>() {
            return Err(Refusal::Stranger(stranger.clone()));
        }
        expect_json(&head.headers)?;
        let deadline = deadline::of(&head.uri, received);
        if deadline <= received {
            return Err(Refusal::Shed(Shed::Deadline));
        }
        let Self { limits, room, buffers, .. } = self;
        let body = body::Reading { limits, room, buffers, received, deadline }.read(body).await?;
        if deadline <= Instant::now() { Err(Refusal::Shed(Shed::Deadline)) } else { Ok(body) }
    }

    fn judge<'a>(&self, hook: Hook, body: &'a [u8]) -> Result<Answer<'a>, Refusal> {
        let policy = self.policy.current();
        let judged = self
            .unless_it_panics(|| (self.judge)(&policy, hook, body))
            .or_else(|| self.unless_it_panics(|| admission::failure(body, PANICKED)));
        judged.ok_or(Refusal::Broken)?.map_err(|NoUid(sentence)| Refusal::NoUid(sentence))
    }

    /// A panic in here does not take back the answer.
    fn record_answer(&self, hook: Hook, answer: &Answer<'_>, latency: Duration, span: Option<&mut Span>) {
        self.unless_it_panics(|| {
            self.metrics.requests.record_answer(hook, answer, latency);
            log::record_answer(hook, answer, latency);
            if let Some(span) = span {
                let (operation, outcome) = (answer.operation.name(), answer.outcome.name());
                span.record_answer(operation, outcome, answer);
            }
        });
    }

    /// A panic is counted here, and logged by the hook of [`crate::telemetry`].
    fn unless_it_panics<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        let worked = catch_unwind(AssertUnwindSafe(work)).ok();
        if worked.is_none() {
            self.metrics.panics.inc();
        }
        worked
    }

    fn refuse(&self, refusal: &Refusal, unread: Incoming) -> Response<Full<Bytes>> {
        self.metrics.requests.record_http_error(refusal.status());
        match refusal {
            Refusal::Shed(reason) => {
                self.metrics.shed.inc(*reason);
            }
            Refusal::Stranger(_) => self.metrics.rejections.inc(Rejection::Name),
            _ => {}
        }
        let mut response = refusal.response();
        if !unread.is_end_stream() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            tokio::spawn(body::discard(unread, self.limits.clone()));
        }
        response
    }
}

fn expect_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case("application/json") {
        return Err(Refusal::NotJson);
    }
    let plain = |encoding: &HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().all(plain) { Ok(()) } else { Err(Refusal::Encoded) }
}
