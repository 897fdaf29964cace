//! The API server's clock, by which the certificates are checked. A replica whose own clock is wrong would otherwise
//! treat valid certificates as expired, and issue others that are not valid yet.
//!
//! In: the `Date` of each response of the API server. Out: its time now, and how far the local clock is from it. Until the
//! first response, the local clock is used.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::http::HeaderMap;
use axum::http::header::{AGE, DATE};

/// A larger difference is reported. API servers may differ from each other by seconds.
const TOLERATED: i64 = 5 * 60;
/// The time in a response that took longer is too inexact.
const PROMPT: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub struct Clock {
    /// The time in the latest response, and when that arrived. The local clock is not used, because somebody may set
    /// it in the meantime.
    latest: Mutex<Option<(SystemTime, Instant)>>,
}

impl Clock {
    /// Notes the date of a response, which arrived at `came` and whose request was sent at `sent`.
    pub fn hear(&self, headers: &HeaderMap, sent: Instant, came: Instant) {
        // A cache repeats an old date.
        if headers.contains_key(AGE) || came - sent > PROMPT {
            return;
        }
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(date) = date.and_then(|date| httpdate::parse_http_date(date).ok()) {
            // A date has whole seconds: with half a second added, it is wrong by half a second at most.
            let latest = (date + Duration::from_millis(500), came);
            *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(latest);
        }
    }

    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.told().unwrap_or_else(SystemTime::now)
    }

    /// How many seconds the local clock is ahead of the API server's; negative if it is behind.
    #[must_use]
    pub fn skew(&self) -> i64 {
        let own = SystemTime::now();
        let told = self.told().unwrap_or(own);
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        match own.duration_since(told) {
            Ok(ahead) => seconds(ahead),
            Err(behind) => -seconds(behind.duration()),
        }
    }

    /// Whether the two clocks differ by too much. Either may be wrong.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.skew().abs() > TOLERATED
    }

    fn told(&self) -> Option<SystemTime> {
        let latest = *self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.map(|(time, at)| time + at.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(date: SystemTime) -> HeaderMap {
        HeaderMap::from_iter([(DATE, httpdate::fmt_http_date(date).try_into().unwrap())])
    }

    /// How many seconds the API server's clock is ahead of the local one.
    fn told(clock: &Clock) -> i64 {
        -clock.skew()
    }

    #[test]
    fn the_time_is_what_the_latest_response_says_and_goes_on_from_there() {
        const YEAR: Duration = Duration::from_hours(8760);
        let clock = Clock::default();
        assert_eq!((told(&clock), clock.is_off()), (0, false));
        for (date, off) in [
            (SystemTime::now() + YEAR, true),
            (SystemTime::now() - YEAR, true),
            (SystemTime::now() + Duration::from_mins(4), false),
        ] {
            // ten minutes ago
            let came = Instant::now().checked_sub(Duration::from_mins(10)).unwrap();
            clock.hear(&headers(date - Duration::from_mins(10)), came, came);
            let now = clock.now();
            let error = now.duration_since(date).unwrap_or_else(|early| early.duration());
            assert!(error <= Duration::from_secs(2), "{error:?}");
            assert_eq!(clock.is_off(), off);
        }
    }

    #[test]
    fn what_is_late_cached_or_no_date_says_nothing() {
        let clock = Clock::default();
        let sent = Instant::now();
        let old = headers(SystemTime::now() - Duration::from_hours(9));
        let mut cached = old.clone();
        cached.insert(AGE, 1.into());
        let garbage = HeaderMap::from_iter([(DATE, "yesterday".parse().unwrap())]);
        for said_nothing in [cached, garbage, HeaderMap::new()] {
            clock.hear(&said_nothing, sent, sent);
        }
        clock.hear(&old, sent, sent + PROMPT * 2);
        assert_eq!(told(&clock), 0);
        clock.hear(&old, sent, sent + PROMPT);
        assert!(told(&clock) < -3600 * 8);
    }
}
