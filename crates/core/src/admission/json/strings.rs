//! Finds how many bytes of a string are plain text, 16 bytes at a time.

use wide::u8x16;

const BLOCK: usize = 16;

/// The number of bytes before the first quote, backslash or control character, or of all bytes if there is none.
#[inline]
pub(super) fn plain_length(text: &[u8]) -> usize {
    let mut length = 0;
    while let Some(block) = text[length..].first_chunk() {
        match first_special(block) {
            Some(place) => return length + place,
            None => length += BLOCK,
        }
    }
    let is_special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    let rest = &text[length..];
    length + rest.iter().position(is_special).unwrap_or(rest.len())
}

#[inline]
fn first_special(block: &[u8; BLOCK]) -> Option<usize> {
    let bytes = u8x16::new(*block);
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    let special = control | bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'));
    let special = special.to_bitmask();
    (special != 0).then(|| special.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_ends_at_a_quote_a_backslash_and_every_control_character() {
        for byte in 0..=u8::MAX {
            let is_special = byte < b' ' || byte == b'"' || byte == b'\\';
            for (place, behind) in [(0, 0), (0, 40), (15, 0), (15, 1), (16, 15), (31, 1), (40, 0)] {
                let text = [&vec![b'a'; place][..], &[byte], &vec![b'"'; behind]].concat();
                let length = if is_special { place } else { place + 1 };
                assert_eq!(plain_length(&text), length, "{byte:#x} at {place}, {behind} behind it");
            }
        }
    }
}
