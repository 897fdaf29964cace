//! Any url: it is judged without a panic, and what is suggested instead is admitted.
#![no_main]

use libfuzzer_sys::fuzz_target;
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
    let violations = judge(&Subject::new(Value::Text(url), Value::Absent, None));
    for meant in violations.into_iter().filter_map(|violation| violation.suggestion) {
        assert!(is_admitted(&meant.value), "{}", meant.value);
    }
});
