//! Any query of a call: the answer is due between now and the longest timeout that the API server knows, and
//! a duration that is read is the one that exact arithmetic comes to.
#![no_main]

use std::time::Duration;

use axum::http::Uri;
use libfuzzer_sys::fuzz_target;
use modelendpoint_webhook::duration;
use modelendpoint_webhook::server::deadline;
use tokio::time::Instant;

fuzz_target!(|text: &str| {
    let received = Instant::now();
    for query in [text.to_owned(), format!("timeout={text}")] {
        if let Ok(uri) = Uri::try_from(format!("/validate?{query}")) {
            assert!((received..received + Duration::from_secs(30)).contains(&deadline::of(&uri, received)));
        }
    }
    match duration::parse(text) {
        Ok(read) => assert_eq!(Some(read), exactly(text), "{text:?}"),
        Err(why) => assert!(!why.is_empty()),
    }
});

/// The same by whole numbers only: every term is digits over a power of ten, and is cut to nanoseconds.
fn exactly(text: &str) -> Option<Duration> {
    let mut total = 0_u128;
    let mut rest = text;
    while !rest.is_empty() && text != "0" {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, behind) = rest.split_at(end);
        let (unit, behind) = [("ns", 1), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ms", 1_000_000)]
            .into_iter()
            .chain([("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)])
            .find_map(|(name, unit)| Some((unit, behind.strip_prefix(name)?)))?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        total += format!("0{whole}").parse::<u128>().ok()? * unit + share(fraction, unit);
        rest = behind;
    }
    let nanoseconds = |left: u128| u32::try_from(left).expect("less than a second");
    let seconds = u64::try_from(total / 1_000_000_000).ok()?;
    Some(Duration::new(seconds, nanoseconds(total % 1_000_000_000)))
}

/// `0.<digits>` of a unit, cut to nanoseconds, by the first 20 digits.
fn share(digits: &str, unit: u128) -> u128 {
    let digits = &digits[..digits.len().min(20)];
    let over = 10_u128.pow(u32::try_from(digits.len()).expect("20 at most"));
    format!("0{digits}").parse::<u128>().expect("digits") * unit / over
}
