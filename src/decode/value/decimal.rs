//! Decimal numbers exactly as they are written: digits and a scale, never a float.

use crate::decode::{
    Limits,
    json::{Value, text::Text},
};
use ruint::aliases::U256;

/// Exponents are read up to here; whatever is larger is out of every range.
const EXPONENT_MAX: i64 = 9_999;

/// A number: `mantissa` / 10^`scale`. The mantissa does not end in a zero that a scale could hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) struct Decimal {
    pub is_negative: bool,
    pub mantissa: U256,
    /// Negative when zeros follow the mantissa.
    pub scale: i64,
    /// Written with an exponent: some producer printed a float.
    pub has_exponent: bool,
}

/// Why something is no decimal number of at most 256 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum NotDecimal {
    /// Null, absent or an empty text.
    Absent,
    WrongType,
    TooManyDigits,
    /// 2^256 or more, whatever the scale.
    TooLarge,
}

/// What does not fit when a number is counted in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum UnitMisfit {
    /// It has more places than the unit; this is what is left of it without them.
    TooFine(U256),
    TooLarge,
}

/// Reads a number or a text of one.
pub(in crate::decode) fn of(value: Value<'_>, limits: &Limits) -> Result<Decimal, NotDecimal> {
    match value {
        Value::Null => Err(NotDecimal::Absent),
        Value::Whole(n) => Ok(Decimal::new(false, U256::from(n), 0, false)),
        Value::Number(text) => parse(text, limits),
        Value::Text(Text { raw: [], .. }) => Err(NotDecimal::Absent),
        Value::Text(Text { raw, is_escaped: false }) => parse(raw, limits),
        _ => Err(NotDecimal::WrongType),
    }
}

/// Reads `-?digits[.digits][e[+-]digits]`; no digit is lost, however many places there are.
fn parse(text: &[u8], limits: &Limits) -> Result<Decimal, NotDecimal> {
    let (is_negative, rest) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let n_whole = n_digits(rest);
    let (whole, mut rest) = rest.split_at(n_whole);
    let mut fraction: &[u8] = &[];
    if let [b'.', after @ ..] = rest {
        (fraction, rest) = after.split_at(n_digits(after));
    }
    let exponent = match rest {
        [] => None,
        [b'e' | b'E', exponent @ ..] => Some(parse_exponent(exponent)?),
        _ => return Err(NotDecimal::WrongType),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(NotDecimal::WrongType);
    }
    if whole.len() + fraction.len() > limits.digits_max {
        return Err(NotDecimal::TooManyDigits);
    }
    let mut mantissa = U256::ZERO;
    for digit in whole.iter().chain(fraction) {
        mantissa = mantissa
            .checked_mul(U256::from(10))
            .and_then(|scaled| scaled.checked_add(U256::from(digit & 15)))
            .ok_or(NotDecimal::TooLarge)?;
    }
    let scale = fraction.len() as i64 - exponent.unwrap_or(0);
    Ok(Decimal::new(is_negative, mantissa, scale, exponent.is_some()))
}

fn parse_exponent(text: &[u8]) -> Result<i64, NotDecimal> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || n_digits(digits) < digits.len() {
        return Err(NotDecimal::WrongType);
    }
    let exponent =
        digits.iter().fold(0, |n: i64, d| (n * 10 + i64::from(d & 15)).min(EXPONENT_MAX));
    Ok(if is_negative { -exponent } else { exponent })
}

fn n_digits(text: &[u8]) -> usize {
    text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len())
}

impl Decimal {
    /// Makes a number in its shortest form.
    fn new(is_negative: bool, mut mantissa: U256, mut scale: i64, has_exponent: bool) -> Self {
        let ten = U256::from(10);
        if mantissa.is_zero() {
            scale = 0;
        }
        while scale > 0 {
            let (quotient, remainder) = mantissa.div_rem(ten);
            if !remainder.is_zero() {
                break;
            }
            (mantissa, scale) = (quotient, scale - 1);
        }
        Self { is_negative: is_negative && !mantissa.is_zero(), mantissa, scale, has_exponent }
    }

    /// Counts the magnitude in units of 10^-`decimals`.
    pub fn in_units(self, decimals: u8) -> Result<U256, UnitMisfit> {
        let shift = i64::from(decimals) - self.scale;
        // 2^256 has 78 digits: more zeros than that make any number too large, or nothing of it.
        let power = U256::from(10).checked_pow(U256::from(shift.unsigned_abs()));
        match (shift >= 0, power) {
            _ if self.mantissa.is_zero() => Ok(U256::ZERO),
            (true, Some(power)) => self.mantissa.checked_mul(power).ok_or(UnitMisfit::TooLarge),
            (true, None) => Err(UnitMisfit::TooLarge),
            (false, Some(power)) => Err(UnitMisfit::TooFine(self.mantissa / power)),
            (false, None) => Err(UnitMisfit::TooFine(U256::ZERO)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Decimal, NotDecimal> {
        parse(text.as_bytes(), &Limits::default())
    }

    fn satoshi(text: &str) -> Result<u64, UnitMisfit> {
        read(text).unwrap().in_units(8).map(|n| u64::try_from(n).unwrap())
    }

    #[test]
    fn no_digit_is_lost_or_made_up() {
        assert_eq!(satoshi("20999999.9769"), Ok(2_099_999_997_690_000));
        assert_eq!(satoshi("50.00000000"), Ok(5_000_000_000));
        assert_eq!(satoshi("1e-8"), Ok(1));
        assert_eq!(satoshi("1.5E+3"), Ok(150_000_000_000));
        assert_eq!(satoshi("0.100000000000000000000"), Ok(10_000_000));
        let lossy = Err(UnitMisfit::TooFine(U256::from(30_000_000)));
        assert_eq!(satoshi("0.30000000000000004"), lossy);
        assert_eq!(read("1e9999").unwrap().in_units(8), Err(UnitMisfit::TooLarge));
        assert_eq!(read("1e-9999").unwrap().in_units(8), Err(UnitMisfit::TooFine(U256::ZERO)));
        assert_eq!(satoshi("0e99999999999999999999"), Ok(0));
        assert!(read("-1e-08").unwrap().is_negative);
        assert!(!read("-0.0").unwrap().is_negative);
        for bad in ["", "-", ".", "1.2.3", "1e", "1e+", "0x10", "1 ", "NaN", "1e1.5"] {
            assert_eq!(read(bad), Err(NotDecimal::WrongType), "{bad:?}");
        }
        assert_eq!(read(&"1".repeat(79)), Err(NotDecimal::TooManyDigits));
        assert_eq!(read(&"9".repeat(78)), Err(NotDecimal::TooLarge));
    }
}
