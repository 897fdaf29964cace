//! Durations as Go writes them: `10s`, `1m30s`, `1.5h`, `250ms`.
//!
//! Kubernetes uses this syntax everywhere, and the API server sends a duration in `?timeout=`. This is our own
//! reader because the one in kube overflows on large numbers, and `?timeout=` comes from the network.

use std::time::Duration;

/// Reads a duration in the syntax of Go's `time.ParseDuration`, without a sign.
///
/// # Errors
/// A sentence for the person who wrote it.
pub fn parse(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.is_empty() {
        return Err("a duration is missing: write it like 10s or 1m30s".to_owned());
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (term, after) = leading_term(rest)
            .ok_or_else(|| format!("{text:?} is not a duration: write it like 10s or 1m30s"))?;
        total = total.checked_add(term).ok_or_else(|| format!("{text:?} is too long"))?;
        rest = after;
    }
    Ok(total)
}

/// One number with its unit, such as `1.5h`, and what follows it.
fn leading_term(text: &str) -> Option<(Duration, &str)> {
    let (whole, rest) = leading_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => leading_digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (unit, rest) = leading_unit(rest)?;
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let whole = whole.checked_mul(unit)?;
    let nanoseconds = whole.checked_add(fraction_of(unit, fraction))?;
    Some((Duration::from_nanos(nanoseconds), rest))
}

fn leading_digits(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Nanoseconds per unit. `ms` comes before `m`, which is its prefix.
fn leading_unit(text: &str) -> Option<(u64, &str)> {
    const UNITS: [(&str, u64); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("\u{b5}s", 1_000),
        ("\u{3bc}s", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    UNITS.iter().find_map(|(name, nanoseconds)| Some((*nanoseconds, text.strip_prefix(name)?)))
}

/// `0.<digits>` of a unit, cut to whole nanoseconds. Digits after the 20th are ignored: they are worth far less than a
/// nanosecond of any unit, and would overflow.
fn fraction_of(unit: u64, digits: &str) -> u64 {
    const DIGITS: usize = 20;
    let (mut numerator, mut denominator) = (0_u128, 1_u128);
    for digit in digits.bytes().take(DIGITS) {
        numerator = numerator * 10 + u128::from(digit - b'0');
        denominator *= 10;
    }
    u64::try_from(u128::from(unit) * numerator / denominator).unwrap_or(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_writes() {
        let read = [
            ("0", Duration::ZERO),
            ("10s", Duration::from_secs(10)),
            ("1m30s", Duration::from_secs(90)),
            ("1.5h", Duration::from_mins(90)),
            (".5s", Duration::from_millis(500)),
            ("2.s", Duration::from_secs(2)),
            ("250ms", Duration::from_millis(250)),
            ("5us", Duration::from_micros(5)),
            ("5\u{b5}s", Duration::from_micros(5)),
            ("7ns", Duration::from_nanos(7)),
            ("1h2m3.004s", Duration::from_millis(3_723_004)),
            ("0.9999999999999h", Duration::from_nanos(3_599_999_999_999)),
            ("1.999999999999999999999h", Duration::from_nanos(7_199_999_999_999)),
        ];
        for (text, duration) in read {
            assert_eq!(parse(text), Ok(duration), "{text}");
        }
    }

    #[test]
    fn says_what_to_write_instead() {
        for text in ["10", "s", ".s", "-1s", "1 s", "1d", "1s-", "ten"] {
            assert_eq!(parse(text), Err(format!("{text:?} is not a duration: write it like 10s or 1m30s")),);
        }
        assert_eq!(parse(""), Err("a duration is missing: write it like 10s or 1m30s".to_owned()));
    }

    #[test]
    fn an_endless_number_is_an_error_and_no_panic() {
        for text in ["99999999999999999999s", "18446744073709551615h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
