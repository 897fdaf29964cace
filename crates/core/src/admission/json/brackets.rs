//! Where an object or a list ends, found 64 bytes at a time.
//!
//! Of each block, bit masks say which bytes are quotes, backslashes and brackets (the way of simdjson:
//! Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019, section 3.1). Brackets outside of
//! strings are counted; nothing else is looked at.

use std::iter::once_with;

use wide::u8x64;

const BLOCK: usize = 64;

/// How many bytes the object or list at the start of `json` has, both brackets included; `None` if it is
/// cut off.
pub(super) fn length(json: &[u8]) -> Option<usize> {
    let mut strings = Strings::default();
    let mut depth = 1_usize;
    let (blocks, rest) = json.get(1..)?.as_chunks();
    for (number, block) in blocks.iter().copied().chain(once_with(|| padded(rest))).enumerate() {
        let bytes = u8x64::new(block);
        let inside = strings.mask(bytes);
        // `[` and `{`, `]` and `}` differ in one bit
        let folded = bytes | u8x64::splat(0x20);
        let open = equal(folded, b'{') & !inside;
        let close = equal(folded, b'}') & !inside;
        // most brackets are those of `{}`, which come to nothing
        let empty = close & open << 1;
        let open = open ^ empty >> 1;
        let mut brackets = open | (close ^ empty);
        while brackets != 0 {
            let lowest = brackets & brackets.wrapping_neg();
            if open & lowest != 0 {
                depth += 1;
            } else {
                depth -= 1;
            }
            if depth == 0 {
                // with the first bracket, and with this one
                return Some(1 + number * BLOCK + lowest.trailing_zeros() as usize + 1);
            }
            brackets ^= lowest;
        }
    }
    None
}

/// The last block, which the text does not fill.
#[cold]
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// What the blocks so far say about the next one.
#[derive(Default)]
struct Strings {
    /// All ones within a string.
    inside: u64,
    /// 1 behind a backslash that escapes.
    escaped: u64,
}

impl Strings {
    /// The bytes within strings, with their opening quotes.
    fn mask(&mut self, block: u8x64) -> u64 {
        let quotes = equal(block, b'"') & !self.escaped(equal(block, b'\\'));
        let inside = ones_between(quotes) ^ self.inside;
        self.inside = (inside >> (BLOCK - 1)).wrapping_neg();
        inside
    }

    /// The bytes that a backslash stands before which is itself not escaped.
    fn escaped(&mut self, backslashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        let backslashes = backslashes & !self.escaped;
        let behind = backslashes << 1 | self.escaped;
        // a carry runs through each row of backslashes and ends up behind it: there, even or odd tells
        let odd_starts = backslashes & !EVEN & !behind;
        let (carried, overflow) = odd_starts.overflowing_add(backslashes);
        self.escaped = u64::from(overflow);
        (EVEN ^ (carried << 1)) & behind
    }
}

fn equal(block: u8x64, byte: u8) -> u64 {
    block.simd_eq(u8x64::splat(byte)).to_bitmask()
}

/// From each odd bit to the even one behind it: one for each bit with an odd number of ones up to it.
fn ones_between(mut bits: u64) -> u64 {
    for distance in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << distance;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_are_counted_whatever_stands_between_them() {
        for json in [r#"[{"a":1}{"b":[2]}]"#, "[{}{}[]{}]", "{]", "[[]}"] {
            assert_eq!(length(json.as_bytes()), Some(json.len()), "{json}");
            assert_eq!(length(&json.as_bytes()[..json.len() - 1]), None, "{json}");
        }
    }
}
