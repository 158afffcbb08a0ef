//! The status of a receipt, which old ones do not have, and gas that can be believed.

use crate::{
    decode::{
        Reason, Refusal,
        json::{Value, field::Reader, keys::Field},
    },
    model::{Address, OutcomeStatus, Quality},
};

/// Gas from here on is no gas: the largest block limit known is 2^50 (Arbitrum). Exporters have
/// written statuses and -1 into these fields.
const GAS_PLAUSIBLE_MAX: u64 = 1 << 52;

/// Reads a status of 0 or 1, a boolean (web3.js) or its name (viem); `None` when there is none.
pub(in crate::decode) fn status(
    field: Field<'_>,
    reader: &mut Reader<'_>,
) -> Result<Option<OutcomeStatus>, Refusal> {
    let field = field.or_null();
    let is_word = |text: &[u8]| text.first().is_some_and(u8::is_ascii_alphabetic);
    let count = match field.value {
        Value::Text(text) if text.raw.eq_ignore_ascii_case(b"success") => Some(1),
        Value::Text(text) if text.raw.eq_ignore_ascii_case(b"reverted") => Some(0),
        Value::Text(text) if is_word(text.raw) => field.flag()?.map(u64::from),
        Value::Bool(is) => Some(u64::from(is)),
        _ => field.count::<u64>(reader)?,
    };
    match count {
        Some(1) => Ok(Some(OutcomeStatus::Ok)),
        Some(0) => Ok(Some(OutcomeStatus::Failed)),
        Some(_) => Err(field.refuse(Reason::BadField, "neither 0 nor 1")),
        None => Ok(None),
    }
}

/// Reads the contract that was created: some chains name the zero address where there is none.
pub(in crate::decode) fn created(field: Field<'_>) -> Result<Option<Address>, Refusal> {
    Ok(field.address()?.filter(|address| *address != Address::EVM_ZERO))
}

/// Reads gas used; more than the block's limit, or than any block's, is dropped.
pub(in crate::decode) fn gas_used(
    field: Field<'_>,
    limit: Option<u64>,
    reader: &mut Reader<'_>,
) -> Result<Option<u64>, Refusal> {
    let gas = field.count(reader)?;
    let believed = gas.filter(|&gas| gas <= limit.unwrap_or(GAS_PLAUSIBLE_MAX));
    if gas != believed {
        reader.quality |= Quality::PARTIAL;
    }
    Ok(believed)
}
