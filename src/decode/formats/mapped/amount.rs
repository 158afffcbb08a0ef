//! Amounts of a mapped record: exact in the declared radix and unit, or refused.

use super::{
    mapping::{AmountAt, Excess, Radix, SCALE_MAX},
    path::Source,
};
use crate::{
    decode::{
        Reason, Refusal,
        json::{Value, field::Reader, keys::Field},
        value::{
            decimal::{self, Decimal, NotDecimal, UnitMisfit},
            hex,
        },
    },
    model::{Amount, Quality},
};
use ruint::aliases::U256;

/// Hex digits of 256 bits.
const HEX_DIGITS_MAX: usize = 64;

/// Reads an amount; `None` when null or empty.
pub(super) fn read(
    at: &AmountAt,
    source: &Source<'_>,
    reader: &mut Reader<'_>,
) -> Result<Option<Amount>, Refusal> {
    let field = Field { name: "amount", value: source.get(&at.path, reader.limits()) };
    if at.radix == Radix::Hex {
        return hexadecimal(field, reader);
    }
    let Some(number) = number(field, reader)? else { return Ok(None) };
    if at.excess == Excess::Reject {
        check_scale(field, number)?;
    }
    if at.decimals == 0 && number.has_exponent {
        return Err(field.refuse(Reason::AmountLossy, "an exponent in base units"));
    }
    match number.in_units(at.decimals) {
        Ok(units) => Ok(Some(Amount(units))),
        Err(UnitMisfit::TooFine(units)) if at.excess == Excess::Truncate => {
            reader.quality |= Quality::AMOUNT_LOSSY;
            Ok(Some(Amount(units)))
        }
        Err(UnitMisfit::TooFine(_)) => {
            Err(field.refuse(Reason::AmountLossy, "more places than the unit has"))
        }
        Err(UnitMisfit::TooLarge) => Err(field.refuse(Reason::AmountOutOfRange, "2^256 or more")),
    }
}

/// Reads a number that an amount can be: not negative.
pub(super) fn number(field: Field<'_>, reader: &Reader<'_>) -> Result<Option<Decimal>, Refusal> {
    let number = match decimal::of(field.value, reader.limits()) {
        Ok(number) => number,
        Err(NotDecimal::Absent) => return Ok(None),
        Err(NotDecimal::WrongType) => {
            return Err(field.refuse(Reason::BadField, "no decimal number"));
        }
        Err(NotDecimal::TooManyDigits) => {
            return Err(field.refuse(Reason::LimitExceeded, "too many digits"));
        }
        Err(NotDecimal::TooLarge) => {
            return Err(field.refuse(Reason::AmountOutOfRange, "2^256 or more"));
        }
    };
    if number.is_negative {
        return Err(field.refuse(Reason::AmountOutOfRange, "negative"));
    }
    Ok(Some(number))
}

/// Refuses a number with more than [`SCALE_MAX`] places.
pub(super) fn check_scale(field: Field<'_>, number: Decimal) -> Result<(), Refusal> {
    if number.scale <= i64::from(SCALE_MAX) {
        return Ok(());
    }
    Err(field.refuse(Reason::AmountOutOfRange, &format!("more than {SCALE_MAX} places")))
}

fn hexadecimal(field: Field<'_>, reader: &mut Reader<'_>) -> Result<Option<Amount>, Refusal> {
    if let Value::Whole(_) | Value::Number(_) = field.value {
        return Err(field.refuse(Reason::AmbiguousEncoding, "a number where hex is declared"));
    }
    let Some(text) = field.text()? else { return Ok(None) };
    let digits = hex::bare(text);
    if digits.is_empty() {
        reader.quality |= Quality::UNIT_INFERRED;
        return Ok(Some(Amount::ZERO));
    }
    if digits.len() > reader.limits().digits_max {
        return Err(field.refuse(Reason::LimitExceeded, "too many digits"));
    }
    let n_zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    let digits = &digits[n_zeros..];
    if digits.len() > HEX_DIGITS_MAX {
        return Err(field.refuse(Reason::AmountOutOfRange, "2^256 or more"));
    }
    let units = digits.iter().try_fold(U256::ZERO, |n, &digit| {
        Some(n << 4 | U256::from(char::from(digit).to_digit(16)?))
    });
    units.map(|n| Some(Amount(n))).ok_or_else(|| field.refuse(Reason::BadField, "no hex digits"))
}
