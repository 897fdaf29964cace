//! `/metrics` in the format that the scraper reads: `OpenMetrics` in, and the same or the text format of
//! Prometheus out.
//!
//! `OpenMetrics` goes to those that ask for it, as Prometheus does; everybody reads the other one, people
//! with curl and `promtool check metrics` included.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue};

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
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        })
    }

    /// Writes what is in `OpenMetrics` in this format.
    #[must_use]
    pub fn of(self, open_metrics: String) -> String {
        match self {
            Self::OpenMetrics => open_metrics,
            Self::Prometheus => prometheus(&open_metrics),
        }
    }
}

/// The samples are the same. A family has the name of its samples, and there is neither a type for infos,
/// nor a unit, nor an end.
fn prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = "";
    for line in open_metrics.lines() {
        if let Some(of_family) = line.strip_prefix("# HELP ") {
            help = of_family.split_once(' ').map_or("", |(_, help)| help);
        } else if let Some((family, kind)) =
            line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                kind => ("", kind),
            };
            let lines = ["# HELP ", family, suffix, " ", help, "\n# TYPE ", family, suffix, " ", kind, "\n"];
            text.extend(lines);
        } else if !line.starts_with('#') {
            text += line;
            text.push('\n');
        }
    }
    text
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

    #[test]
    fn the_text_format_of_prometheus_names_families_as_their_samples() {
        let open_metrics = "\
# HELP calls Calls made.
# TYPE calls counter
calls_total{path=\"/a\"} 1
# HELP memory_bytes Memory
# TYPE memory_bytes gauge
# UNIT memory_bytes bytes
memory_bytes 2
# HELP build What was built.
# TYPE build info
build_info{version=\"1\"} 1
# EOF
";
        let prometheus = "\
# HELP calls_total Calls made.
# TYPE calls_total counter
calls_total{path=\"/a\"} 1
# HELP memory_bytes Memory
# TYPE memory_bytes gauge
memory_bytes 2
# HELP build_info What was built.
# TYPE build_info gauge
build_info{version=\"1\"} 1
";
        assert_eq!(Format::Prometheus.of(open_metrics.to_owned()), prometheus);
        assert_eq!(Format::OpenMetrics.of(open_metrics.to_owned()), open_metrics);
    }
}
