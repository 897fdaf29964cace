//! How far a string goes on without anything special in it, found 16 bytes at a time.

use wide::u8x16;

const BLOCK: usize = 16;

/// How many bytes stand before the first quote, backslash or control character; all, if there is none.
pub fn plain_length(text: &[u8]) -> usize {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (number, block) in blocks.iter().enumerate() {
        let bytes = u8x16::new(*block);
        let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
        let special = control | bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'));
        let special = special.to_bitmask();
        if special != 0 {
            return number * BLOCK + special.trailing_zeros() as usize;
        }
    }
    let is_special = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    blocks.len() * BLOCK + rest.iter().position(is_special).unwrap_or(rest.len())
}
