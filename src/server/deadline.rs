//! When an answer has to be sent.
//!
//! The API server sends its own deadline with every call (`?timeout=5s`) and discards a later answer, so a request is
//! answered before the deadline or not at all.

use std::time::Duration;

use axum::http::Uri;
use tokio::time::Instant;

use crate::duration;

/// What the API server waits for by default (`timeoutSeconds` of a webhook).
const DEFAULT: Duration = Duration::from_secs(10);
/// The most that `timeoutSeconds` may be.
const LONGEST: Duration = Duration::from_secs(30);

/// When the answer to a call has to be sent.
#[must_use]
pub fn of(uri: &Uri, received: Instant) -> Instant {
    let timeout = asked_for(uri.query().unwrap_or_default()).map_or(DEFAULT, |t| t.min(LONGEST));
    received + timeout.saturating_sub(margin(timeout))
}

/// The time that the request and the answer spend on the network.
fn margin(timeout: Duration) -> Duration {
    (timeout / 10).clamp(Duration::from_millis(10), Duration::from_millis(500))
}

/// `None` if there is no timeout, or one that can't be read or is zero.
fn asked_for(query: &str) -> Option<Duration> {
    let text = query.split('&').find_map(|pair| pair.strip_prefix("timeout="))?;
    duration::parse(text).ok().filter(|timeout| !timeout.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer_within(uri: &'static str) -> Duration {
        let received = Instant::now();
        of(&Uri::from_static(uri), received) - received
    }

    #[test]
    fn an_answer_leaves_before_the_deadline_of_the_api_server() {
        let within = [
            ("/validate?timeout=5s", 4_500),
            ("/validate?timeout=1s", 900),
            ("/validate?timeout=1500ms&x=y", 1_350),
            ("/validate?x=y&timeout=30s", 29_500),
            ("/validate?timeout=1h", 29_500),
            ("/validate?timeout=15ms", 5),
            ("/validate?timeout=10ms", 0),
        ];
        for (uri, milliseconds) in within {
            assert_eq!(answer_within(uri), Duration::from_millis(milliseconds), "{uri}");
        }
    }

    #[test]
    fn without_a_deadline_the_default_of_the_api_server_counts() {
        for uri in ["/validate", "/validate?timeout=", "/validate?timeout=soon", "/validate?timeout=0s"] {
            assert_eq!(answer_within(uri), Duration::from_millis(9_500), "{uri}");
        }
    }
}
