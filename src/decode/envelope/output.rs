//! JSON as the binary envelopes are rewritten in, bounded while it grows.

use crate::decode::{Limits, Reason, Refusal, json::field::refuse};
use ruint::aliases::U256;
use std::fmt::Write;

/// What any record may become, in bytes: names that a schema gives cost its bytes nothing.
const GROWTH_BASE: usize = 1 << 20;
/// And for each byte of it: a record of one-byte fields with names of 60.
const GROWTH_RATIO: usize = 64;
/// Bytes of a decimal: 256 bits and a sign.
const DECIMAL_BYTES_MAX: usize = 33;

/// JSON text with a bound on its length.
pub(super) struct JsonText {
    out: String,
    bytes_max: usize,
}

impl JsonText {
    /// Makes an empty text for the content of `n_bytes` bytes of input.
    pub fn new(n_bytes: usize, limits: &Limits) -> Self {
        let grown = GROWTH_BASE.saturating_add(n_bytes.saturating_mul(GROWTH_RATIO));
        Self { out: String::new(), bytes_max: grown.min(limits.value_bytes_max) }
    }

    /// Returns the text.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    /// Adds JSON.
    pub fn raw(&mut self, json: &str) -> Result<(), Refusal> {
        if self.out.len() + json.len() > self.bytes_max {
            return Err(refuse(Reason::LimitExceeded, "an envelope holds too much"));
        }
        self.out.push_str(json);
        Ok(())
    }

    /// Adds a comma, except in front of the first.
    pub fn comma(&mut self, is_first: &mut bool) -> Result<(), Refusal> {
        if std::mem::replace(is_first, false) { Ok(()) } else { self.raw(",") }
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) -> Result<(), Refusal> {
        self.raw("\"")?;
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c == '"' || c == '\\' || c < ' ') {
            self.raw(&rest[..at])?;
            let escaped = rest.as_bytes()[at];
            let mut code = String::new();
            let _ = write!(code, "\\u{escaped:04x}");
            self.raw(&code)?;
            rest = &rest[at + 1..];
        }
        self.raw(rest)?;
        self.raw("\"")
    }

    /// Adds a name and a colon.
    pub fn name(&mut self, name: &str) -> Result<(), Refusal> {
        self.text(name)?;
        self.raw(":")
    }

    /// Adds an integer.
    pub fn integer(&mut self, n: impl Into<i128>) -> Result<(), Refusal> {
        self.raw(&n.into().to_string())
    }

    /// Adds a number that was a float from the start.
    pub fn float(&mut self, n: f64) -> Result<(), Refusal> {
        if !n.is_finite() {
            return Err(refuse(Reason::BadField, "a float that is no number"));
        }
        // With an exponent where that is shorter.
        self.raw(&format!("{n:?}"))
    }

    /// Adds bytes as a text of hex digits with `0x`.
    pub fn hex(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        if self.out.len() + 2 * bytes.len() + 4 > self.bytes_max {
            return Err(refuse(Reason::LimitExceeded, "an envelope holds too much"));
        }
        self.out.push_str("\"0x");
        for byte in bytes {
            self.out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            self.out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
        self.out.push('"');
        Ok(())
    }

    /// Adds a decimal as a text of digits, from the big-endian two's complement of its units.
    pub fn decimal(&mut self, units: &[u8], scale: u32) -> Result<(), Refusal> {
        let Some(text) = decimal(units, scale) else {
            return Err(refuse(Reason::AmountOutOfRange, "a decimal of more than 256 bits"));
        };
        self.text(&text)
    }
}

/// Writes a decimal without an exponent; `None` when it has more than 256 bits.
pub(super) fn decimal(units: &[u8], scale: u32) -> Option<String> {
    let is_negative = units.first().is_some_and(|first| first & 0x80 != 0);
    let filler = if is_negative { 0xff } else { 0 };
    let n_filler = units.iter().take_while(|&&byte| byte == filler).count();
    let kept = &units[n_filler..];
    if kept.len() >= DECIMAL_BYTES_MAX || scale > 1_000 {
        return None;
    }
    let mut bytes = [filler; 32];
    bytes[32 - kept.len()..].copy_from_slice(kept);
    let word = U256::from_be_bytes(bytes);
    // -2^256 has the bits of zero.
    let is_whole = is_negative && word.is_zero();
    let magnitude = if is_negative { word.wrapping_neg() } else { word };
    if is_whole {
        return None;
    }
    let digits = magnitude.to_string();
    let scale = usize::try_from(scale).ok()?;
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, places) = padded.split_at(padded.len() - scale);
    let places = places.trim_end_matches('0');
    let sign = if is_negative { "-" } else { "" };
    let point = if places.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{places}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        let one = |units: &[u8], scale| decimal(units, scale);
        assert_eq!(one(&[0x0a], 0).unwrap(), "10");
        assert_eq!(one(&[0x0a], 3).unwrap(), "0.01");
        assert_eq!(one(&[0, 0x0d, 0xe0, 0xb6, 0xb3, 0xa7, 0x64, 0, 0], 18).unwrap(), "1");
        assert_eq!(one(&[0xff], 1).unwrap(), "-0.1");
        assert_eq!(one(&[], 2).unwrap(), "0");
        assert_eq!(one(&[0xff; 32], 0).unwrap(), "-1");
        let largest = [&[0][..], &[0xff; 32]].concat();
        assert_eq!(one(&largest, 0).unwrap(), U256::MAX.to_string());
        assert_eq!(one(&[&[1][..], &[0; 32]].concat(), 0), None);
        assert_eq!(one(&[&[0xff][..], &[0; 32]].concat(), 0), None);
        let small = [&[0xff][..], &[0; 31], &[1]].concat();
        assert_eq!(one(&small, 0).unwrap(), format!("-{}", U256::MAX));
    }

    #[test]
    fn texts_are_escaped_and_lengths_bounded() {
        let mut json = JsonText::new(0, &Limits::default());
        json.text("a\"\\\n\u{1f}é").unwrap();
        let bytes = json.into_bytes();
        assert_eq!(serde_json::from_slice::<String>(&bytes).unwrap(), "a\"\\\n\u{1f}é");
        let limits = Limits { value_bytes_max: 8, ..Limits::default() };
        let mut json = JsonText::new(0, &limits);
        assert!(json.hex(&[1, 2, 3]).is_err());
        assert!(json.hex(&[1, 2]).is_ok());
        assert!(json.raw("x").is_err());
    }
}
