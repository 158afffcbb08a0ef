//! Satoshi: what an output and a transaction can hold, from integers and from decimal coins.

use crate::{
    decode::{
        Reason, Refusal,
        decimal::{self, Decimal, Misfit, NotDecimal},
        field::{Reader, refuse},
        keys::Field,
    },
    model::{Chain, UtxoTx},
};

/// Satoshi in a coin.
const COIN: u64 = 100_000_000;
/// Places of a coin.
const DECIMALS: u8 = 8;

/// Returns the most satoshi that an output, or the outputs of one transaction, can hold.
///
/// # Source
/// `MAX_MONEY` of the reference nodes. Dogecoin has no cap on its supply; its node refuses values
/// above ten billion coins, and that bound stands for every chain that is not listed.
pub fn money_max(chain: &Chain) -> u64 {
    match &*chain.native.symbol {
        "BTC" | "ZEC" => 21_000_000 * COIN,
        "LTC" => 84_000_000 * COIN,
        _ => 10_000_000_000 * COIN,
    }
}

/// Reads an amount that one output can hold.
pub fn satoshi(field: Field<'_>, reader: &mut Reader<'_>) -> Result<Option<u64>, Refusal> {
    let Some(amount) = field.amount(reader)? else { return Ok(None) };
    let max = money_max(&reader.settings.chain);
    match u64::try_from(amount.0) {
        Ok(satoshi) if satoshi <= max => Ok(Some(satoshi)),
        _ => Err(field.refuse(Reason::AmountOutOfRange, "more than the chain can hold")),
    }
}

/// Checks the recomputed sums: no output sum above the maximum, no money out of nothing.
pub fn check_sums(tx: &UtxoTx, reader: &mut Reader<'_>) -> Result<(), Refusal> {
    let out = tx.output_value();
    if out > money_max(&reader.settings.chain) {
        let detail = format!("outputs: a sum of {out} is more than the chain can hold");
        return Err(refuse(Reason::AmountOutOfRange, &detail));
    }
    match tx.input_value() {
        Some(sum) if !tx.is_coinbase && !tx.inputs.is_empty() && sum < out => {
            let detail = format!("inputs: their sum {sum} is less than the outputs' {out}");
            let checked = Err(refuse(Reason::CheckFailed, &detail));
            reader.weigh(checked, reader.limits().checks.sums).map(|_| ())
        }
        _ => Ok(()),
    }
}

/// Checks what one output of a raw transaction holds.
pub fn check_output(satoshi: u64, chain: &Chain) -> Result<(), Refusal> {
    if satoshi <= money_max(chain) {
        return Ok(());
    }
    let detail = format!("an output of {satoshi} is more than the chain can hold");
    Err(refuse(Reason::AmountOutOfRange, &detail))
}

/// Reads an amount in decimal coins, exactly.
pub fn coins(field: Field<'_>, reader: &Reader<'_>) -> Result<Option<u64>, Refusal> {
    match signed_coins(field, reader)? {
        Some((true, _)) => Err(field.refuse(Reason::AmountOutOfRange, "negative")),
        Some((false, satoshi)) => Ok(Some(satoshi)),
        None => Ok(None),
    }
}

/// Reads an amount in decimal coins that may be negative: its sign and its magnitude in satoshi.
pub fn signed_coins(field: Field<'_>, reader: &Reader<'_>) -> Result<Option<(bool, u64)>, Refusal> {
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
    let max = money_max(&reader.settings.chain);
    let in_range = |number: Decimal| match number.in_units(DECIMALS) {
        Ok(units) => u64::try_from(units).ok().filter(|n| *n <= max).ok_or(Misfit::TooLarge),
        Err(misfit) => Err(misfit),
    };
    match in_range(number) {
        Ok(satoshi) => Ok(Some((number.is_negative, satoshi))),
        Err(Misfit::TooLarge) => {
            Err(field.refuse(Reason::AmountOutOfRange, "more than the chain can hold"))
        }
        Err(Misfit::TooFine(_)) => {
            Err(field.refuse(Reason::AmountLossy, "more than eight decimal places"))
        }
    }
}
