//! A failed request in; the reason for people, and the wait before the next request, out.

use std::error::Error;
use std::slice;
use std::time::Duration;

use tokio::time::timeout;

/// Why a request failed, for people: the API server's message, or why it could not be reached.
pub(crate) fn why(error: &kube::Error) -> String {
    let first: &dyn Error = match error {
        kube::Error::Api(status) => return status.message.clone(),
        // These say only that there is a cause.
        kube::Error::Service(cause) => &**cause,
        kube::Error::HyperError(cause) => cause,
        error => error,
    };
    let mut why = first.to_string();
    let mut cause = first.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some errors repeat their cause.
        if !why.ends_with(&text) {
            why = format!("{why}: {text}");
        }
        cause = error.source();
    }
    why
}

/// The longest wait for an answer. The API server itself gives up after a minute.
const PATIENCE: Duration = Duration::from_secs(70);

/// The result of a request, or an error if there is no answer in time.
pub(crate) async fn in_time<T>(request: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    timeout(PATIENCE, request).await.unwrap_or_else(|late| Err(kube::Error::Service(late.into())))
}

/// How long to wait before a failed request is repeated, as long as that can help.
pub(crate) struct Waits(slice::Iter<'static, Duration>);

const WAITS: [Duration; 6] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// The API server usually asks for one second.
const LONGEST: Duration = Duration::from_secs(30);

impl Waits {
    pub(crate) fn new() -> Self {
        Waits(WAITS.iter())
    }

    /// The next wait, at least as long as the API server asks for. `None` if waiting can't help, or has not helped.
    pub(crate) fn after(&mut self, error: &kube::Error) -> Option<Duration> {
        let asked = match error {
            kube::Error::Api(status) if matches!(status.code, 408 | 429 | 500..) => {
                let details = status.details.as_ref();
                Duration::from_secs(details.map_or(0, |details| u64::from(details.retry_after_seconds)))
            }
            kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => {
                Duration::ZERO
            }
            _ => return None,
        };
        Some((*self.0.next()?).max(asked.min(LONGEST)))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::RETRY_AFTER;

    use super::*;
    use crate::cluster::ask::refusal;

    #[test]
    fn a_refusal_for_now_is_waited_for_as_long_as_asked_within_bounds() {
        let waits = |code: u16, asked: Option<&'static str>, body: &[u8]| {
            let headers = asked.map(|asked| (RETRY_AFTER, http::HeaderValue::from_static(asked)));
            let error = refusal(code, &headers.into_iter().collect::<HeaderMap>(), body);
            let mut waits = Waits::new();
            std::iter::from_fn(|| waits.after(&error)).map(|wait| wait.as_millis()).collect::<Vec<_>>()
        };
        let busy = br#"{"kind": "Status", "code": 429, "details": {"retryAfterSeconds": 3}}"#;
        assert_eq!(waits(429, None, b"busy"), [250, 500, 1000, 2000, 4000, 8000]);
        assert_eq!(waits(429, Some("1"), b"busy"), [1000, 1000, 1000, 2000, 4000, 8000]);
        assert_eq!(waits(503, Some("3600"), b""), [30_000; 6]);
        assert_eq!(waits(429, None, busy), [3000, 3000, 3000, 3000, 4000, 8000]);
        assert_eq!(waits(429, Some("soon"), busy), [3000, 3000, 3000, 3000, 4000, 8000]);
        assert_eq!(waits(403, Some("1"), b"no"), []);
    }
}
