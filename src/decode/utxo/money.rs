//! Satoshi: what an output and a transaction can hold, from integers and from decimal coins.

use crate::{
    decode::{
        Reason, Refusal,
        json::{
            field::{Reader, refuse},
            keys::Field,
        },
        value::decimal::{self, Decimal, NotDecimal, UnitMisfit},
    },
    model::{Chain, Coin, Hiding, OutPoint, Quality, ScriptType, TxIn, TxOut, UtxoTx},
};

use std::collections::BTreeSet;

/// What a double cannot tell apart is at most a value's 2^52nd part: half of that either way.
const DOUBLE_BITS: u32 = 52;
/// Inputs up to which all pairs are compared.
const PAIRS_MAX: usize = 8;

/// Reads an amount that one output can hold.
pub fn satoshi(field: Field<'_>, reader: &mut Reader<'_>) -> Result<Option<u64>, Refusal> {
    let Some(amount) = field.amount(reader)? else { return Ok(None) };
    let max = reader.settings.chain.money_max();
    match u64::try_from(amount.0) {
        Ok(satoshi) if satoshi <= max => Ok(Some(satoshi)),
        _ => Err(field.refuse(Reason::AmountOutOfRange, "more than the chain can hold")),
    }
}

/// Checks the recomputed sums: no output sum above the maximum, no money out of nothing. An output
/// that two inputs spend is spent once: the second is left out, and the transaction flagged.
pub fn check_sums(tx: &mut UtxoTx, reader: &mut Reader<'_>) -> Result<(), Refusal> {
    let out = tx.output_value();
    if out > reader.settings.chain.money_max() {
        let detail = format!("outputs: a sum of {out} is more than the chain can hold");
        return Err(refuse(Reason::AmountOutOfRange, &detail));
    }
    let policy = reader.limits().checks.sums;
    if spends_twice(&tx.inputs) {
        let mut spent = BTreeSet::new();
        tx.inputs.retain(|input| input.outpoint.is_none_or(|outpoint| spent.insert(outpoint)));
        if policy.is_wanted() {
            reader.quality |= Quality::CHECK_FAILED;
        }
    }
    if tx.has_hidden_value {
        reader.quality |= Quality::PARTIAL;
        return Ok(());
    }
    let sum = match tx.input_value() {
        Some(sum) if !tx.is_coinbase && !tx.inputs.is_empty() && sum < out => sum,
        _ => return Ok(()),
    };
    if Coin::of(&reader.settings.chain).is_some_and(|coin| coin.hides == Hiding::Pools) {
        // The rest comes from a pool that the exporter does not know.
        reader.quality |= Quality::PARTIAL;
        return Ok(());
    }
    if out - sum <= rounding(tx) {
        reader.quality |= Quality::AMOUNT_LOSSY;
        return Ok(());
    }
    let detail = format!("inputs: their sum {sum} is less than the outputs' {out}");
    reader.weigh(Err(refuse(Reason::CheckFailed, &detail)), policy).map(|_| ())
}

/// Reads the value of an output, or marks the transaction as partly hidden where the chain, or a
/// sign in the record, says that it is kept from the public.
pub fn value_or_hidden(
    field: Field<'_>,
    value: Option<u64>,
    is_marked: bool,
    reader: &mut Reader<'_>,
) -> Result<Option<u64>, Refusal> {
    let hides = Coin::of(&reader.settings.chain).map_or(Hiding::Nothing, |coin| coin.hides);
    match value {
        None if is_marked || matches!(hides, Hiding::Extension | Hiding::Amounts) => {
            reader.quality |= Quality::PARTIAL;
            Ok(None)
        }
        value => field.need(value).map(Some),
    }
}

/// Returns an output of which nothing but its being there is known.
pub fn hidden_output(index: u32) -> TxOut {
    TxOut {
        index,
        value: 0,
        address: None,
        script_type: ScriptType::Shielded,
        script_digest: 0,
        script_len: 0,
    }
}

/// Returns by how much the sums may be wrong where a node wrote its amounts as doubles: nothing
/// below 45 million coins, so that only chains with more coins than Bitcoin are concerned.
fn rounding(tx: &UtxoTx) -> u64 {
    let inputs = tx.inputs.iter().filter_map(|input| input.value);
    let values = inputs.chain(tx.outputs.iter().map(|output| output.value));
    values.fold(0, |sum, value| sum.saturating_add(value >> DOUBLE_BITS))
}

/// Returns whether two inputs spend the same output.
fn spends_twice(inputs: &[TxIn]) -> bool {
    if inputs.len() <= PAIRS_MAX {
        return inputs.iter().enumerate().any(|(i, input)| {
            input.outpoint.is_some() && inputs[..i].iter().any(|o| o.outpoint == input.outpoint)
        });
    }
    let mut spent: Vec<OutPoint> = inputs.iter().filter_map(|input| input.outpoint).collect();
    spent.sort_unstable();
    spent.windows(2).any(|pair| pair[0] == pair[1])
}

/// Checks what one output of a raw transaction holds.
pub fn check_output(satoshi: u64, chain: &Chain) -> Result<(), Refusal> {
    if satoshi <= chain.money_max() {
        return Ok(());
    }
    let detail = format!("an output of {satoshi} is more than the chain can hold");
    Err(refuse(Reason::AmountOutOfRange, &detail))
}

/// Reads an integer amount that may be negative: its sign and its magnitude.
pub fn signed_satoshi(
    field: Field<'_>,
    reader: &mut Reader<'_>,
) -> Result<Option<(bool, u64)>, Refusal> {
    let Some(wide) = field.signed(reader, Reason::AmountLossy)? else { return Ok(None) };
    let magnitude = wide.unsigned_abs();
    if magnitude > reader.settings.chain.money_max() {
        return Err(field.refuse(Reason::AmountOutOfRange, "more than the chain can hold"));
    }
    Ok(Some((wide < 0, magnitude)))
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
    let max = reader.settings.chain.money_max();
    let decimals = reader.settings.chain.native.decimals;
    let in_range = |number: Decimal| match number.in_units(decimals) {
        Ok(units) => u64::try_from(units).ok().filter(|n| *n <= max).ok_or(UnitMisfit::TooLarge),
        Err(misfit) => Err(misfit),
    };
    match in_range(number) {
        Ok(satoshi) => Ok(Some((number.is_negative, satoshi))),
        Err(UnitMisfit::TooLarge) => {
            Err(field.refuse(Reason::AmountOutOfRange, "more than the chain can hold"))
        }
        Err(UnitMisfit::TooFine(_)) => {
            let detail = format!("more than {decimals} decimal places");
            Err(field.refuse(Reason::AmountLossy, &detail))
        }
    }
}
