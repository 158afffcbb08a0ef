//! Hex digits to bytes, without regard to case, and the digest of long byte strings.

use crate::model::Calldata;
use siphasher::sip::SipHasher13;
use std::{borrow::Cow, hash::Hasher};

/// Not a hex digit; the high nibble of every real one is 0.
const BAD: u8 = 0xff;

/// The value of each byte as a hex digit.
static NIBBLES: [u8; 256] = {
    let mut table = [BAD; 256];
    let mut i = 0;
    while i < 16 {
        table[b"0123456789abcdef"[i] as usize] = i as u8;
        table[b"0123456789ABCDEF"[i] as usize] = i as u8;
        i += 1;
    }
    table
};

/// Bytes decoded at a time: long texts never need a buffer of their own size.
const BLOCK: usize = 256;

/// Strips `0x` or `0X`.
pub(in crate::decode) fn strip_prefix(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X"))
}

/// Strips `0x` where it is there: what is known to be hex may be written without.
pub(in crate::decode) fn bare(text: &[u8]) -> &[u8] {
    strip_prefix(text).unwrap_or(text)
}

/// Set in none of eight nibbles, if all were hex digits.
const HIGH_HALVES: u64 = 0xf0f0_f0f0_f0f0_f0f0;
/// Digits that are decoded side by side in vector registers.
const LANES: usize = 32;

/// Decodes digits into `out`, which must be half as long; false when one is no hex digit.
#[inline]
pub(in crate::decode) fn decode(digits: &[u8], out: &mut [u8]) -> bool {
    if digits.len() != out.len() * 2 {
        return false;
    }
    let mut all = 0;
    let (blocks, _) = digits.as_chunks::<LANES>();
    let (halves, tail) = out.as_chunks_mut::<{ LANES / 2 }>();
    for (block, half) in blocks.iter().zip(halves) {
        all |= decode_block(block, half);
    }
    let n_tail = tail.len();
    if let (Some(block), Some(half)) = (digits.last_chunk(), out.last_chunk_mut()) {
        // The last block overlaps the one before: cheaper than digit by digit.
        if n_tail > 0 {
            all |= decode_block(block, half);
        }
    } else {
        for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = (NIBBLES[usize::from(pair[0])], NIBBLES[usize::from(pair[1])]);
            all |= u64::from(high | low);
            *byte = high << 4 | low;
        }
    }
    all & HIGH_HALVES == 0
}

/// Decodes one block; a bit of [`HIGH_HALVES`] in the result says that one was no hex digit.
#[inline]
fn decode_block(digits: &[u8; LANES], out: &mut [u8; LANES / 2]) -> u64 {
    let mut nibbles = [0u8; LANES];
    for (nibble, &digit) in nibbles.iter_mut().zip(digits) {
        let decimal = digit.wrapping_sub(b'0');
        let letter = (digit | 0x20).wrapping_sub(b'a');
        let above = if letter < 6 { letter + 10 } else { BAD };
        *nibble = if decimal < 10 { decimal } else { above };
    }
    for (byte, pair) in out.iter_mut().zip(nibbles.as_chunks::<2>().0) {
        *byte = pair[0] << 4 | pair[1];
    }
    nibbles.as_chunks().0.iter().fold(0, |all, &word| all | u64::from_le_bytes(word))
}

/// Decodes exactly `N` bytes.
pub(in crate::decode) fn array<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    decode(digits, &mut out).then_some(out)
}

/// Digests the bytes that `digits` stand for: length, first four bytes, and SipHash-1-3 of all
/// under a zero key. `None` when the digits are odd in number or one is no hex digit.
///
/// # Cost
/// Linear and without allocation; `benches/decode.rs` measures it as `calldata_128k`.
pub(in crate::decode) fn digest(digits: &[u8]) -> Option<Calldata> {
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let n_bytes = u32::try_from(digits.len() / 2).ok()?;
    if n_bytes == 0 {
        return Some(Calldata::default());
    }
    let selector = match digits.get(..8) {
        Some(first) => Some(array(first)?),
        None => None,
    };
    let mut hasher = SipHasher13::new();
    let mut buffer = [0; BLOCK];
    for block in digits.chunks(BLOCK * 2) {
        let bytes = &mut buffer[..block.len() / 2];
        if !decode(block, bytes) {
            return None;
        }
        hasher.write(bytes);
    }
    Some(Calldata { n_bytes, selector, digest: hasher.finish() })
}

/// Digests bytes as they are, like [`digest`] does what their digits stand for.
pub(in crate::decode) fn digest_bytes(bytes: &[u8]) -> Calldata {
    if bytes.is_empty() {
        return Calldata::default();
    }
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    let n_bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    Calldata { n_bytes, selector: bytes.first_chunk().copied(), digest: hasher.finish() }
}

/// Digits at the front by which a text is known: so many bytes are no digits by accident.
const TEXT_DIGITS_MIN: usize = 16;

/// Returns the bytes that a value of a binary format stands for: those of its hex digits, with `0x`
/// in front or without, if it is a text; else the value itself. `None` for a text that is no hex.
///
/// A text stays one with something else behind it: its first letter would pass for bytes.
pub(in crate::decode) fn unpack(value: &[u8]) -> Option<Cow<'_, [u8]>> {
    let is_printable = || value.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace());
    let is_hex = |text: &[u8]| text.iter().all(u8::is_ascii_hexdigit);
    let is_text = |digits: &[u8]| digits.get(..TEXT_DIGITS_MIN).is_some_and(is_hex);
    let front = value.trim_ascii_start();
    if !is_text(bare(front)) && !is_printable() {
        return Some(Cow::Borrowed(value));
    }
    let text = value.trim_ascii();
    bytes(bare(text)).map(Cow::Owned)
}

/// Decodes a text of any even length; `None` when it is odd or one is no hex digit.
pub(in crate::decode) fn bytes(digits: &[u8]) -> Option<Vec<u8>> {
    let mut out = vec![0; digits.len() / 2];
    decode(digits, &mut out).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_do_not_depend_on_case_and_refuse_what_is_no_hex() {
        let lower = "deadbeef00".repeat(300);
        let digested = digest(lower.as_bytes()).unwrap();
        assert_eq!(Some(digested), digest(lower.to_uppercase().as_bytes()));
        assert_eq!((digested.n_bytes, digested.selector), (1500, Some([0xde, 0xad, 0xbe, 0xef])));
        assert_ne!(
            digested.digest,
            digest(lower.replace("beef", "beee").as_bytes()).unwrap().digest
        );
        assert_eq!(digest(b"abc"), None);
        assert_eq!(digest(b"0g"), None);
        assert_eq!(digest(b"").unwrap(), Calldata::default());
        let mut bytes = SipHasher13::new();
        bytes.write(&[0xde, 0xad, 0xbe, 0xef, 0].repeat(300));
        assert_eq!(digested.digest, bytes.finish());
        assert_eq!(digested, digest_bytes(&[0xde, 0xad, 0xbe, 0xef, 0].repeat(300)));
    }
}
