//! Exact integers from JSON numbers, texts and ethers `BigNumber`s, never through floats.

use super::{JsonScanner, Value, text::eight_digits};
use crate::decode::{Limits, value::hex};
use ruint::aliases::U256;

/// An integer as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) struct Integer {
    pub is_negative: bool,
    pub magnitude: U256,
    /// Written as `0x` without digits: zero by inference.
    pub is_bare_prefix: bool,
    /// Written with a fraction of zeros, as decimal columns and floats are.
    pub has_fraction: bool,
}

impl Integer {
    fn of(is_negative: bool, magnitude: U256) -> Self {
        Self { is_negative, magnitude, is_bare_prefix: false, has_fraction: false }
    }
}

/// Why something is no integer of at most 256 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum NotInteger {
    /// Null, absent or an empty text.
    Absent,
    /// With a fraction other than zero, or an exponent: it went through a float.
    Float,
    /// 2^256 or more.
    TooLarge,
    TooManyDigits,
    WrongType,
}

/// Digits that always fit a `u64`.
const CHUNK: usize = 19;
/// Ten to the power of [`CHUNK`].
const CHUNK_SCALE: u64 = 10_000_000_000_000_000_000;

/// Reads an integer in any of the accepted spellings.
pub(in crate::decode) fn integer(value: Value<'_>, limits: &Limits) -> Result<Integer, NotInteger> {
    match value {
        Value::Null => Err(NotInteger::Absent),
        Value::Whole(n) => Ok(Integer::of(false, U256::from(n))),
        Value::Number(text) => decimal(text, limits),
        Value::Text(text) if text.is_escaped => from_text(text.unescape().as_bytes(), limits),
        Value::Text(text) => from_text(text.raw, limits),
        Value::Object(raw) => big_number(raw, limits),
        Value::Bool(_) | Value::Array(_) => Err(NotInteger::WrongType),
    }
}

fn from_text(text: &[u8], limits: &Limits) -> Result<Integer, NotInteger> {
    if text.is_empty() {
        return Err(NotInteger::Absent);
    }
    let (is_negative, unsigned) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    match hex::strip_prefix(unsigned) {
        Some(digits) => hexadecimal(digits, is_negative, limits),
        None => decimal(text, limits),
    }
}

fn hexadecimal(digits: &[u8], is_negative: bool, limits: &Limits) -> Result<Integer, NotInteger> {
    if digits.len() > limits.digits_max {
        return Err(NotInteger::TooManyDigits);
    }
    let mut magnitude = U256::ZERO;
    for &digit in digits {
        let nibble = char::from(digit).to_digit(16).ok_or(NotInteger::WrongType)?;
        if magnitude.leading_zeros() < 4 {
            return Err(NotInteger::TooLarge);
        }
        magnitude = magnitude << 4 | U256::from(nibble);
    }
    Ok(Integer { is_bare_prefix: digits.is_empty(), ..Integer::of(is_negative, magnitude) })
}

fn decimal(text: &[u8], limits: &Limits) -> Result<Integer, NotInteger> {
    let (is_negative, digits) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if let Some(at) = digits.iter().position(|b| !b.is_ascii_digit()) {
        if at > 0 && is_zero_fraction(&digits[at..]) && digits.len() - at <= limits.digits_max {
            let whole = &text[..text.len() - (digits.len() - at)];
            return Ok(Integer { has_fraction: true, ..decimal(whole, limits)? });
        }
        let is_float = at > 0
            && matches!(digits[at], b'.' | b'e' | b'E')
            && digits.iter().all(|b| b.is_ascii_digit() || b".eE+-".contains(b));
        return Err(if is_float { NotInteger::Float } else { NotInteger::WrongType });
    }
    if digits.is_empty() {
        return Err(NotInteger::WrongType);
    }
    if digits.len() > limits.digits_max {
        return Err(NotInteger::TooManyDigits);
    }
    let (head, tail) = digits.split_at(digits.len() % CHUNK);
    let mut magnitude = U256::from(small(head));
    for chunk in tail.chunks_exact(CHUNK) {
        magnitude = magnitude
            .checked_mul(U256::from(CHUNK_SCALE))
            .and_then(|scaled| scaled.checked_add(U256::from(small(chunk))))
            .ok_or(NotInteger::TooLarge)?;
    }
    Ok(Integer::of(is_negative, magnitude))
}

/// Returns whether what follows the whole digits says that there is nothing more.
#[cold]
fn is_zero_fraction(rest: &[u8]) -> bool {
    matches!(rest, [b'.', zeros @ ..] if !zeros.is_empty() && zeros.iter().all(|&b| b == b'0'))
}

/// Reads at most [`CHUNK`] digits.
fn small(digits: &[u8]) -> u64 {
    let (words, tail) = digits.as_chunks::<8>();
    let head =
        words.iter().fold(0, |n, word| n * 100_000_000 + eight_digits(u64::from_le_bytes(*word)));
    tail.iter().fold(head, |n, d| n * 10 + u64::from(d & 15))
}

/// Reads `{"type":"BigNumber","hex":"0x…"}` or `{"_hex":"0x…"}`.
fn big_number(raw: &[u8], limits: &Limits) -> Result<Integer, NotInteger> {
    let (mut digits, mut is_typed, mut is_bare) = (Value::Null, false, false);
    let mut keys = Vec::new();
    let scanned = JsonScanner::new(raw, limits, &mut keys).object(0, |_, key, value| match key {
        b"type" => is_typed = matches!(value, Value::Text(t) if t.raw == b"BigNumber"),
        b"hex" => digits = value,
        b"_hex" => (digits, is_bare) = (value, true),
        _ => {}
    });
    match digits {
        Value::Text(text) if scanned.is_ok() && (is_typed || is_bare) => {
            from_text(text.raw, limits)
        }
        _ => Err(NotInteger::WrongType),
    }
}
