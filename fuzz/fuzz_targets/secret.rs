//! Any content of the Secret: it is read without a panic, what was read is written and read back as the same,
//! and the next step is decided, by which CAs never pile up.
//!
//! The input's first byte says how the rest is spelled: `P`, the values as they are, or `D`, the DER inside
//! of their PEM, which a mutation changes without breaking base64. The values are apart by `|~|`, and
//! certificates of one value by `|+|`.
#![no_main]

use std::time::{Duration, SystemTime};

use k8s_openapi::ByteString;
use libfuzzer_sys::fuzz_target;
use modelendpoint_webhook::certificates::managed::lifetimes::Lifetimes;
use modelendpoint_webhook::certificates::managed::outline::MOST_AUTHORITIES;
use modelendpoint_webhook::certificates::managed::rotation::{Circumstances, Step, next};
use modelendpoint_webhook::certificates::managed::stored::{Data, KEYS, Stored};
use pem::Pem;

const NAME: &str = "modelendpoint-webhook.modelendpoint-webhook.svc";

fuzz_target!(|input: &[u8]| {
    let Some((spelling, values)) = input.split_first() else { return };
    let values = apart(values, b"|~|");
    let data: Data = KEYS
        .iter()
        .zip(&values)
        .map(|(key, value)| {
            let value = if *spelling == b'D' { in_pem(key, value) } else { value.to_vec() };
            ((*key).to_owned(), ByteString(value))
        })
        .collect();
    let Ok(stored) = Stored::read(&data) else { return };

    let written = stored.write();
    let again = Stored::read(&written).expect("what was written can be read");
    assert!(again.authorities().eq(stored.authorities()));
    assert_eq!(again.leaf.is_some(), stored.leaf.is_some());
    assert_eq!(again.write(), written);

    let step = next(&stored.outline(NAME), circumstances());
    if let Step::AddAuthority { previous } | Step::RetireAuthorities { previous } = step {
        assert!(previous.len() < MOST_AUTHORITIES);
    }
});

/// In January 2027, when nothing keeps the next step from being taken.
fn circumstances() -> Circumstances {
    Circumstances {
        now: SystemTime::UNIX_EPOCH + Duration::from_hours(500_000),
        clock_is_off: false,
        trusted_for: Some(Duration::from_hours(1)),
        rested: Duration::from_hours(1),
        lifetimes: Lifetimes { authority: Duration::from_hours(8760), leaf: Duration::from_hours(720) },
    }
}

fn in_pem(key: &str, value: &[u8]) -> Vec<u8> {
    let label = if key.ends_with(".key") { "PRIVATE KEY" } else { "CERTIFICATE" };
    apart(value, b"|+|").into_iter().map(|der| pem::encode(&Pem::new(label, der))).collect::<String>().into()
}

fn apart<'a>(mut bytes: &'a [u8], by: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while let Some(at) = bytes.windows(by.len()).position(|window| window == by) {
        pieces.push(&bytes[..at]);
        bytes = &bytes[at + by.len()..];
    }
    pieces.push(bytes);
    pieces
}
