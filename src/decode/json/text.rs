//! JSON texts: where they end, whether their escapes are right, and what they read as.

use std::borrow::Cow;

/// A text between its quotes, as it is written.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) struct Text<'a> {
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

/// Returns whether there is neither a backslash nor a control character.
pub(in crate::decode) fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().fold(u8::MAX, |min, &b| min.min(b)) >= 0x20
        && memchr::memchr(b'\\', bytes).is_none()
}

/// Lengths of the texts that are most frequent: hashes and addresses with `0x`, bare hashes.
const HASH_LEN: usize = 66;
const ADDRESS_LEN: usize = 42;
const BARE_HASH_LEN: usize = 64;

/// Returns where the first quote from `from` on is.
#[inline]
pub(in crate::decode) fn find_quote(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    for len in [HASH_LEN, ADDRESS_LEN, BARE_HASH_LEN] {
        if rest.get(len) == Some(&b'"') && !has_quote(&rest[..len]) {
            return Some(from + len);
        }
    }
    let mut after = rest;
    for _ in 0..4 {
        let Some((word, next)) = after.split_first_chunk::<8>() else { break };
        let quote = u64::from_le_bytes(*word) ^ (ONES * b'"' as u64);
        let hits = quote.wrapping_sub(ONES) & !quote & HIGH;
        if hits != 0 {
            return Some(bytes.len() - after.len() + (hits.trailing_zeros() / 8) as usize);
        }
        after = next;
    }
    let at = memchr::memchr(b'"', after)?;
    Some(bytes.len() - after.len() + at)
}

/// Looks through a text of at least 32 bytes, without early exit so that it takes vector registers.
#[inline]
fn has_quote(text: &[u8]) -> bool {
    let hit = |block: &[u8; 32]| block.iter().fold(false, |hit, &b| hit | (b == b'"'));
    let (blocks, _) = text.as_chunks::<32>();
    blocks.iter().any(hit) || text.last_chunk().is_some_and(hit)
}

/// Returns where the first quote, backslash or control character from `from` on is, or the length.
///
/// # Source
/// Bit Twiddling Hacks (Anderson), "determine if a word has a byte less than n": the lowest hit of
/// a little-endian word is exact, and only that one is used.
pub(in crate::decode) fn find_special(bytes: &[u8], from: usize) -> usize {
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

/// Digits of the numbers that [`whole`] reads: they always fit a `u64`.
pub(in crate::decode) const WHOLE_DIGITS_MAX: usize = 19;

/// Reads the number of at most [`WHOLE_DIGITS_MAX`] digits that `bytes` begins with, and how many
/// there are; `None` when it has more, a sign, a fraction or an exponent, or `bytes` ends too soon.
#[inline]
pub(in crate::decode) fn whole(bytes: &[u8]) -> Option<(u64, usize)> {
    const SCALES: [u64; 8] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let (mut n, mut n_digits) = (0u64, 0);
    loop {
        let word = u64::from_le_bytes(*bytes.get(n_digits..)?.first_chunk()?);
        let others = no_digits_in(word);
        let n_more = (others.trailing_zeros() / 8) as usize;
        if n_digits + n_more > WHOLE_DIGITS_MAX {
            return None;
        }
        if others == 0 {
            n = n * 100_000_000 + eight_digits(word);
            n_digits += 8;
            continue;
        }
        // Zeros in front leave the value as it is; shifting twice allows for no digit at all.
        n = n * SCALES[n_more % 8] + eight_digits(word << 8 << (8 * (7 - n_more % 8)));
        n_digits += n_more;
        let is_end = !matches!((word >> (8 * (n_more % 8))) as u8, b'.' | b'e' | b'E');
        return (is_end && n_digits > 0).then_some((n, n_digits));
    }
}

/// Returns a word whose lowest set bit is in the first byte that is no digit.
#[inline]
fn no_digits_in(word: u64) -> u64 {
    // The high half of a digit is 3; adding 6 to a low half above 9 carries out of it.
    (word ^ (ONES * 0x30)) & (ONES * 0xf0) | ((word & (ONES * 0x0f)) + ONES * 6) & (ONES * 0x10)
}

/// Reads eight digits side by side: neighbours are joined to two, four and eight digits.
#[inline]
pub(in crate::decode) fn eight_digits(word: u64) -> u64 {
    let ones = word & (ONES * 0x0f);
    let twos = (ones.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// Checks the escape whose backslash is at `at` and returns the position behind it.
pub(in crate::decode) fn escape_end(bytes: &[u8], at: usize) -> Result<usize, &'static str> {
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
pub(in crate::decode) const fn key_hash(key: &[u8]) -> u64 {
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
