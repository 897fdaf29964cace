//! A request in; the bytes of its answer, or the reason for a refusal, out.

use http::header::RETRY_AFTER;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Bytes;
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use kube::core::response::StatusDetails;

use super::failure::in_time;

/// The largest answer, in bytes. In a page, each of Modelplane's endpoints takes 3 KiB, but a single endpoint can
/// have 3 MiB.
const BYTES: usize = 8 << 20;

/// The answer to a request. `None` if it is too large.
///
/// # Errors
/// If there is no answer in time, or the API server refuses. If the API server says how long to wait, in the status
/// or in a header, the status contains it.
pub(crate) async fn ask(client: &Client, request: Request<Vec<u8>>) -> kube::Result<Option<Bytes>> {
    let answer = async {
        let (head, body) = client.send(request.map(Body::from)).await?.into_parts();
        let body = match Limited::new(body, BYTES).collect().await {
            Ok(body) => Some(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => None,
            Err(error) => return Err(kube::Error::Service(error)),
        };
        if head.status.is_success() {
            Ok(body)
        } else {
            Err(refusal(head.status.as_u16(), &head.headers, &body.unwrap_or_default()))
        }
    };
    in_time(answer).await
}

/// The error in an answer of the API server. It is not a Status if the API server does not know the path, or is too
/// busy.
pub(super) fn refusal(code: u16, headers: &HeaderMap, body: &[u8]) -> kube::Error {
    let mut status = serde_json::from_slice(body).unwrap_or_else(|_| {
        let message = String::from_utf8_lossy(body).trim().chars().take(200).collect();
        Status { code, message, ..Status::default() }
    });
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(seconds) = asked {
        let details = status.details.get_or_insert_with(|| StatusDetails {
            name: String::new(),
            group: String::new(),
            kind: String::new(),
            uid: String::new(),
            causes: Vec::new(),
            retry_after_seconds: 0,
        });
        details.retry_after_seconds = details.retry_after_seconds.max(seconds);
    }
    kube::Error::Api(status.boxed())
}
