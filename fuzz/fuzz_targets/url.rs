//! Any url: it is judged without a panic, and what is suggested instead is admitted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelendpoint_core::endpoint::correction::correct_url;
use modelendpoint_core::endpoint::judge::judge;
use modelendpoint_core::endpoint::rules::{Severity, Subject};
use modelendpoint_core::endpoint::{EndpointUrl, Value};

fn is_admitted(url: &str) -> bool {
    judge(&Subject::new(Value::Text(url), Value::Absent, None))
        .iter()
        .all(|v| v.rule.severity == Severity::Warn)
}

fuzz_target!(|url: &str| {
    assert!(!is_admitted(url) || EndpointUrl::read(url).fault.is_none());
    if let Some(meant) = correct_url(url) {
        assert!(is_admitted(&meant), "{meant}");
    }
});
