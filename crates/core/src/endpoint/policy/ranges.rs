//! Ranges of addresses or ports flow in; whether one of them contains a value flows out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use super::BadPattern;

/// Any number of ranges. Overlapping ranges are merged, so that a value is found by binary search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges<T>(Vec<(T, T)>);

impl<T: Ord + Copy> Ranges<T> {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first and the last value of each range, sorted.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(T, T)> {
        self.0.iter()
    }

    #[must_use]
    pub fn contains(&self, value: T) -> bool {
        let begun = self.0.partition_point(|(first, _)| *first <= value);
        begun.checked_sub(1).is_some_and(|at| value <= self.0[at].1)
    }
}

impl<T> Default for Ranges<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord + Copy> FromIterator<RangeInclusive<T>> for Ranges<T> {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<T>>>(ranges: I) -> Self {
        let mut all: Vec<_> = ranges.into_iter().map(RangeInclusive::into_inner).collect();
        all.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(all.len());
        for (first, last) in all {
            match merged.last_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }
}

/// Reads `10.0.0.0/8`, or a single address. Every IPv4 address is less than every IPv6 address, so a
/// range never has both.
///
/// # Errors
/// If it is not a range, or has bits after its prefix.
pub fn parse_addresses(text: &str) -> Result<RangeInclusive<IpAddr>, BadPattern> {
    let bad = || {
        BadPattern(format!("`{text}` is not an address range; write it as `10.0.0.0/8` or `2001:db8::/32`"))
    };
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| bad())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix: u32 = match prefix {
        None => longest,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|prefix| *prefix <= longest).ok_or_else(bad)?
        }
        Some(_) => return Err(bad()),
    };
    let (first, last) = edges(address, prefix);
    if first != address {
        return Err(BadPattern(format!("`{text}` has bits after its prefix; write `{first}/{prefix}`")));
    }
    Ok(first..=last)
}

/// The first and the last address that has the first `prefix` bits of this one.
pub(super) fn edges(address: IpAddr, prefix: u32) -> (IpAddr, IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let (bits, rest) = (address.to_bits(), u32::MAX.checked_shr(prefix).unwrap_or(0));
            (Ipv4Addr::from_bits(bits & !rest).into(), Ipv4Addr::from_bits(bits | rest).into())
        }
        IpAddr::V6(address) => {
            let (bits, rest) = (address.to_bits(), u128::MAX.checked_shr(prefix).unwrap_or(0));
            (Ipv6Addr::from_bits(bits & !rest).into(), Ipv6Addr::from_bits(bits | rest).into())
        }
    }
}

/// Reads `443` or `8000-8999`.
///
/// # Errors
/// If it is not a port from 1 to 65535, or a range of them.
pub fn parse_ports(text: &str) -> Result<RangeInclusive<u16>, BadPattern> {
    let bad =
        || BadPattern(format!("`{text}` is not a port or a range of ports; write `443` or `8000-8999`"));
    let port = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|port| plain && *port > 0).ok_or_else(bad)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let ports = port(first)?..=port(last)?;
    if ports.is_empty() { Err(bad()) } else { Ok(ports) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overlaps_is_one_range_and_edges_belong_to_it() {
        let ranges: Ranges<u16> = [5..=9, 1..=2, 8..=12, 6..=7, 20..=20].into_iter().collect();
        assert_eq!(ranges, Ranges(vec![(1, 2), (5, 12), (20, 20)]));
        let held: Vec<_> = (0..=21).filter(|value| ranges.contains(*value)).collect();
        assert_eq!(held, [1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 20]);
        assert!(!Ranges::default().contains(1));
    }

    #[test]
    fn a_range_of_addresses_has_its_edges_and_one_family() {
        let range = |text: &str| {
            let range = parse_addresses(text).unwrap_or_else(|BadPattern(why)| panic!("{why}"));
            format!("{}-{}", range.start(), range.end())
        };
        for (text, edges) in [
            ("10.0.0.0/8", "10.0.0.0-10.255.255.255"),
            ("10.1.2.3", "10.1.2.3-10.1.2.3"),
            ("10.1.2.3/32", "10.1.2.3-10.1.2.3"),
            ("0.0.0.0/0", "0.0.0.0-255.255.255.255"),
            ("2001:db8::/32", "2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("::1", "::1-::1"),
            ("::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            assert_eq!(range(text), edges);
        }
        let all: Ranges<IpAddr> = parse_addresses("0.0.0.0/0").into_iter().collect();
        let held = ["0.0.0.0", "255.255.255.255", "::", "::ffff:10.0.0.1"]
            .map(|address| all.contains(address.parse().expect("an address")));
        assert_eq!(held, [true, true, false, false]);
    }

    #[test]
    fn what_is_no_range_is_refused_in_words() {
        for text in
            ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0/8", "h.example/8", "fe80::1%1"]
        {
            assert_eq!(
                parse_addresses(text),
                Err(BadPattern(format!(
                    "`{text}` is not an address range; write it as `10.0.0.0/8` or `2001:db8::/32`"
                )))
            );
        }
        for (text, meant) in [("10.1.2.3/8", "10.0.0.0/8"), ("2001:db8::1/64", "2001:db8::/64")] {
            assert_eq!(
                parse_addresses(text),
                Err(BadPattern(format!("`{text}` has bits after its prefix; write `{meant}`")))
            );
        }
        for text in ["", "0", "65536", "9-8", "0-1", "1-", "-1", "+1", "1-2-3", "http"] {
            let why = format!("`{text}` is not a port or a range of ports; write `443` or `8000-8999`");
            assert_eq!(parse_ports(text), Err(BadPattern(why)));
        }
        assert_eq!((parse_ports("1-65535"), parse_ports("443")), (Ok(1..=65535), Ok(443..=443)));
    }
}
