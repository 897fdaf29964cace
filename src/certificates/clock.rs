//! The time of whoever checks our certificate. A replica whose own clock is off would otherwise take good
//! certificates for expired, and issue others that are not valid yet.
//!
//! In: the `Date` of each response of the API server. Out: its time now, and how far our own clock is from
//! it. Until there was a response, our own clock has to do.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::http::HeaderMap;
use axum::http::header::{AGE, DATE};

/// A clock that is further off is reported. Several API servers may differ by seconds from each other.
const TOLERATED: i64 = 5 * 60;
/// A response that took longer says too little about the time.
const PROMPT: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub struct Clock {
    /// The time by the latest response, and when that was. Our own clock may be set meanwhile, and is not
    /// asked.
    latest: Mutex<Option<(SystemTime, Instant)>>,
}

impl Clock {
    /// Takes note of a response, and of when the request was sent and the response came.
    pub fn hear(&self, headers: &HeaderMap, sent: Instant, came: Instant) {
        // Something that answers from a cache repeats an old date.
        if headers.contains_key(AGE) || came - sent > PROMPT {
            return;
        }
        let date = headers.get(DATE).and_then(|date| date.to_str().ok());
        if let Some(date) = date.and_then(|date| httpdate::parse_http_date(date).ok()) {
            // A date is in whole seconds: half a second more is off by half a second at most.
            let latest = (date + Duration::from_millis(500), came);
            *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(latest);
        }
    }

    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.told().unwrap_or_else(SystemTime::now)
    }

    /// By how many seconds our own clock is ahead, or behind if negative.
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

    /// Whether our own clock is wrong, or the one of the API server.
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

    /// The time that is told, in seconds from our own.
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
