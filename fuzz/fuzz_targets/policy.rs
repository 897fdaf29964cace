//! A url in the first line, and any policy file behind it: what is wrong with the file is said with a place
//! in it, and a policy that was read judges the url, by no rule that it switches off.
#![no_main]

use libfuzzer_sys::fuzz_target;
use modelendpoint_core::endpoint::judge::judge;
use modelendpoint_core::endpoint::rules::{Severity, Subject};
use modelendpoint_core::endpoint::{Spec, Value};
use modelendpoint_policy::{Mistake, parse};

fuzz_target!(|input: &str| {
    let (url, file) = input.split_once('\n').unwrap_or(("http://api.example.com/v1", input));
    match parse(file) {
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for mistake in mistakes {
                assert_is_in(file, &mistake);
            }
        }
        Ok(policy) => {
            let spec = Spec::of_url(Value::Text(url), Value::Absent);
            let here = policy.here("ml-team");
            for violation in judge(&Subject::of(spec, None, &here)) {
                let rule = violation.rule;
                assert_eq!(here.severity(rule.id, rule.severity), Some(violation.severity));
                assert!(matches!(violation.severity, Severity::Deny | Severity::Warn));
            }
        }
    }
});

/// The place may be behind the last character, and nowhere else outside of the text.
fn assert_is_in(text: &str, mistake: &Mistake) {
    let line = text.split('\n').nth(mistake.line.checked_sub(1).expect("lines are counted from 1"));
    let columns = line.map_or(0, |line| line.chars().count()) + 1;
    assert!((1..=columns).contains(&mistake.column), "{mistake:?}");
    assert!(!mistake.why.is_empty());
}
