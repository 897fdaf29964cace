//! Any rewritePath: what is stored is in normal form, and normalizing it again changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelendpoint_core::endpoint::judge::judge;
use modelendpoint_core::endpoint::rewrite_path::ends_in_one_slash;
use modelendpoint_core::endpoint::rules::Subject;
use modelendpoint_core::endpoint::{RewritePath, Value};

fuzz_target!(|path: &str| {
    let violations = judge(&Subject::new(Value::Text("https://h.example"), Value::Text(path), None));
    let meant = violations.into_iter().find_map(|violation| violation.suggestion).map(|meant| meant.value);
    for text in [Some(path), meant.as_deref()].into_iter().flatten() {
        if let Ok(stored) = RewritePath::parse(text) {
            assert!(stored.as_str().starts_with('/') && ends_in_one_slash(stored.as_str()));
            assert_eq!(RewritePath::parse(stored.as_str()).as_ref(), Ok(&stored));
        }
    }
    assert!(meant.is_none_or(|meant| RewritePath::parse(&meant).is_ok()));
});
