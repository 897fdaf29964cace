//! The format of `/metrics`, by the `Accept` header of whoever reads it: `OpenMetrics` for those that ask for it, as
//! Prometheus does, and the text format of Prometheus for everybody else, such as people with curl and
//! `promtool check metrics`.

use std::fmt;

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue};
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    OpenMetrics,
    Prometheus,
}

impl Format {
    /// By the `Accept` header.
    #[must_use]
    pub fn wanted(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let open_metrics = |range: &str| {
            range.split(';').next().is_some_and(|kind| kind.trim() == "application/openmetrics-text")
        };
        if accepted.flat_map(|value| value.split(',')).any(open_metrics) {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    #[must_use]
    pub fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
        })
    }

    pub(super) fn encode(self, registry: &Registry) -> Result<String, fmt::Error> {
        let mut text = String::new();
        match self {
            Self::OpenMetrics => text::encode(&mut text, registry)?,
            Self::Prometheus => prometheus_text::encode(&mut text, registry)?,
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_asks_for_openmetrics_gets_it() {
        let wanted = |values: &[&'static str]| {
            let accept = |value: &&'static str| (ACCEPT, HeaderValue::from_static(value));
            Format::wanted(&values.iter().map(accept).collect())
        };
        // of Prometheus 2.42
        let scraper = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                       text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(wanted(&[scraper]), Format::OpenMetrics);
        assert_eq!(wanted(&["text/plain", "text/html, application/openmetrics-text"]), Format::OpenMetrics);
        for other in [&[][..], &["*/*"], &["text/plain;version=0.0.4"], &["application/openmetrics-texts"]] {
            assert_eq!(wanted(other), Format::Prometheus, "{other:?}");
        }
    }
}
