//! Finds the end of an object or a list, 64 bytes at a time.
//!
//! For each block, bit masks show which bytes are quotes, backslashes and brackets, as in simdjson (Langdale and
//! Lemire, "Parsing Gigabytes of JSON per Second", 2019, section 3.1). Brackets outside of strings are counted, and
//! everything else is ignored.

use std::iter::once_with;

use wide::u8x64;

const BLOCK: usize = 64;

/// The length in bytes of the object or list at the start of `json`, including both brackets. `None` if it is cut
/// off.
pub(super) fn length(json: &[u8]) -> Option<usize> {
    let mut strings = Strings::default();
    let mut depth = 1_usize;
    let (blocks, rest) = json.get(1..)?.as_chunks();
    for (number, block) in blocks.iter().copied().chain(once_with(|| padded(rest))).enumerate() {
        let bytes = u8x64::new(block);
        let inside = strings.mask(bytes);
        // `[` and `{` differ in one bit, as do `]` and `}`.
        let folded = bytes | u8x64::splat(0x20);
        let open = equal(folded, b'{') & !inside;
        let close = equal(folded, b'}') & !inside;
        // Most brackets are those of `{}`, which cancel each other out.
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
                // Including the first bracket and this one.
                return Some(1 + number * BLOCK + lowest.trailing_zeros() as usize + 1);
            }
            brackets ^= lowest;
        }
    }
    None
}

/// The last block, filled up with spaces.
#[cold]
fn padded(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// What the blocks so far say about the next one.
#[derive(Default)]
struct Strings {
    /// All ones if the next block begins within a string.
    inside: u64,
    /// 1 if the last byte was a backslash that escapes the next one.
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

    /// The bytes after a backslash that is itself not escaped.
    fn escaped(&mut self, backslashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        let backslashes = backslashes & !self.escaped;
        let behind = backslashes << 1 | self.escaped;
        // A carry runs through each row of backslashes and ends after it. Whether that position is even or odd shows
        // if the byte there is escaped.
        let odd_starts = backslashes & !EVEN & !behind;
        let (carried, overflow) = odd_starts.overflowing_add(backslashes);
        self.escaped = u64::from(overflow);
        (EVEN ^ (carried << 1)) & behind
    }
}

fn equal(block: u8x64, byte: u8) -> u64 {
    block.simd_eq(u8x64::splat(byte)).to_bitmask()
}

/// Sets each bit that has an odd number of ones up to it: from each opening quote to its closing one.
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
