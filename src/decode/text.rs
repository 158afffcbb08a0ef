//! JSON texts: where they end, whether their escapes are right, and what they read as.

use std::borrow::Cow;

/// A text between its quotes, as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub raw: &'a [u8],
    /// Whether it contains a backslash.
    pub is_escaped: bool,
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

impl<'a> Text<'a> {
    /// Returns the text as it reads. The scanner has checked UTF-8 and every escape before.
    pub fn unescape(self) -> Cow<'a, str> {
        let raw = std::str::from_utf8(self.raw).unwrap_or_default();
        if !self.is_escaped || !raw.contains('\\') {
            return Cow::Borrowed(raw);
        }
        let mut out = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(at) = rest.find('\\') {
            out.push_str(&rest[..at]);
            let (c, used) = unescape_one(&rest.as_bytes()[at..]);
            out.push(c);
            rest = &rest[at + used..];
        }
        out.push_str(rest);
        Cow::Owned(out)
    }
}

/// Returns where the first quote, backslash or control character from `from` on is, or the length.
///
/// # Source
/// Bit Twiddling Hacks (Anderson), "determine if a word has a byte less than n": the lowest hit of
/// a little-endian word is exact, and only that one is used.
pub(super) fn find_special(bytes: &[u8], from: usize) -> usize {
    let mut rest = bytes.get(from..).unwrap_or_default();
    let len = bytes.len();
    // Most texts are keys and numbers: four words reach their end before blocks pay off.
    for _ in 0..4 {
        let Some((word, after)) = rest.split_first_chunk::<8>() else { break };
        let hits = special_in(u64::from_le_bytes(*word));
        if hits != 0 {
            return len - rest.len() + (hits.trailing_zeros() / 8) as usize;
        }
        rest = after;
    }
    while let Some((block, after)) = rest.split_first_chunk::<64>() {
        // No early exit inside the block, so that the compiler can use vector registers.
        let is_hit =
            block.iter().fold(false, |hit, &b| hit | (b == b'"') | (b == b'\\') | (b < 0x20));
        if is_hit {
            break;
        }
        rest = after;
    }
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        let hits = special_in(u64::from_le_bytes(*word));
        if hits != 0 {
            return len - rest.len() + (hits.trailing_zeros() / 8) as usize;
        }
        rest = after;
    }
    let tail = rest.iter().position(|&b| b == b'"' || b == b'\\' || b < 0x20);
    len - rest.len() + tail.unwrap_or(rest.len())
}

/// Returns a word whose lowest set bit is the high bit of the first special byte.
#[inline]
fn special_in(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let slash = word ^ (ONES * b'\\' as u64);
    (quote.wrapping_sub(ONES) & !quote
        | slash.wrapping_sub(ONES) & !slash
        | word.wrapping_sub(ONES * 0x20) & !word)
        & HIGH
}

/// Checks the escape whose backslash is at `at` and returns the position behind it.
pub(super) fn escape_end(bytes: &[u8], at: usize) -> Result<usize, &'static str> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match code_unit(bytes, at) {
            None => Err("an escape that is no four hex digits"),
            Some(0xd800..=0xdbff) => match code_unit(bytes, at + 6) {
                Some(0xdc00..=0xdfff) => Ok(at + 12),
                _ => Err("a lone surrogate"),
            },
            Some(0xdc00..=0xdfff) => Err("a lone surrogate"),
            Some(_) => Ok(at + 6),
        },
        _ => Err("an unknown escape"),
    }
}

/// Reads `\uXXXX` at `at`.
fn code_unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit, &d| Some(unit << 4 | char::from(d).to_digit(16)?))
}

/// Reads one checked escape: the character, and how many bytes it takes.
fn unescape_one(bytes: &[u8]) -> (char, usize) {
    let simple = |c| (c, 2);
    match bytes.get(1) {
        Some(b'b') => simple('\u{8}'),
        Some(b'f') => simple('\u{c}'),
        Some(b'n') => simple('\n'),
        Some(b'r') => simple('\r'),
        Some(b't') => simple('\t'),
        Some(b'u') => {
            let (high, low) = (code_unit(bytes, 0).unwrap_or(0xfffd), code_unit(bytes, 6));
            match (high, low) {
                (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                    let code = 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
                    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
                }
                _ => (char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
            }
        }
        Some(&other) => simple(char::from(other)),
        None => ('\\', 1),
    }
}

/// Hashes a key by its length and both ends; equal hashes are always followed by a comparison.
#[inline]
pub(super) const fn key_hash(key: &[u8]) -> u64 {
    // Odd and without pattern: the fraction of the golden ratio.
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let ends = match (key.first_chunk::<8>(), key.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(21)
        }
        _ => {
            let (mut word, mut i) = (0u64, 0);
            while i < key.len() {
                word = word << 8 | key[i] as u64;
                i += 1;
            }
            word
        }
    };
    let mixed = (ends ^ ((key.len() as u64) << 57)).wrapping_mul(MIX);
    (mixed ^ (mixed >> 32)).wrapping_mul(MIX)
}
