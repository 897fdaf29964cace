//! How far a string goes on without anything special in it, found 16 bytes at a time.

use wide::u8x16;

const BLOCK: usize = 16;

/// How many bytes stand before the first quote, backslash or control character; all, if there is none.
#[inline]
pub fn plain_length(text: &[u8]) -> usize {
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
