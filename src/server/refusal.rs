//! Why a request is not answered with an `AdmissionReview`, and the sentence that says so.

use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;

use super::metrics::Shed;
use crate::certificates::clients::Stranger;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NoSuchPath,
    /// The client's certificate has none of the names that may call.
    Stranger(Stranger),
    /// Only this method is allowed.
    NotThisMethod(&'static str),
    NotJson,
    Encoded,
    /// More bytes than this.
    TooLarge(usize),
    Slow,
    /// The client stopped in the middle of the body.
    Cut,
    /// The body has no UID, so no `AdmissionReview` can answer it.
    NoUid(String),
    Shed(Shed),
    /// Judging panicked, and so did answering with a failed review.
    Broken,
}

impl Refusal {
    #[must_use]
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::Stranger(_) => StatusCode::FORBIDDEN,
            Self::NotThisMethod(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotJson | Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Cut | Self::NoUid(_) => StatusCode::BAD_REQUEST,
            Self::Shed(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// For the person who called, or who reads the API server's log.
    #[must_use]
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::NoSuchPath => "There is nothing at this path.".to_owned(),
            Self::Stranger(stranger) => format!(
                "Your client certificate {stranger}, and none of its names may call this webhook \
                 (--client-name)."
            ),
            Self::NotThisMethod(method) => format!("This path is only for {method}."),
            Self::NotJson => "Send an AdmissionReview as Content-Type: application/json.".to_owned(),
            Self::Encoded => "Send the AdmissionReview as it is, without a Content-Encoding.".to_owned(),
            Self::TooLarge(limit) => format!(
                "The body is larger than {} MiB, which is more than an AdmissionReview can need: the API \
                 server's limit for an object is 3 MiB.",
                limit / (1024 * 1024)
            ),
            Self::Slow => "The body took too long to arrive.".to_owned(),
            Self::Cut => "The body ended before it was complete.".to_owned(),
            Self::NoUid(sentence) => sentence.clone(),
            Self::Shed(Shed::Memory) => {
                "Too many large requests are under way: try again in a second.".to_owned()
            }
            Self::Shed(Shed::SlowBody) => "The body arrived too slowly while others waited for its room in \
                                           memory: try again in a second."
                .to_owned(),
            Self::Shed(_) => "There was not enough time left to answer: try again in a second.".to_owned(),
            Self::Broken => "The webhook failed because of a bug in it.".to_owned(),
        }
    }

    /// The sentence as a response, with the headers that tell the client what to do.
    #[must_use]
    pub(super) fn response<Body: From<String>>(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.sentence() + "\n"));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        match self {
            Self::NotThisMethod(allowed) => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            Self::Shed(_) => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> axum::response::Response {
        self.response()
    }
}
