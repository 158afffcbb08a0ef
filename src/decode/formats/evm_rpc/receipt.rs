//! Receipts: the outcome of a transaction, and the logs that it left.

use super::{
    Around, check,
    item::{RpcItem, RpcKey},
    log, push,
};
use crate::{
    decode::{
        Refusal,
        evm::receipt::{created, gas_used, status},
        json::{Value, field::Reader},
    },
    model::{Body, Event, Outcome, OutcomeStatus, Quality, TxId, TxOutcome},
};

/// Reads a receipt: its outcome, then its logs.
pub(super) fn read(
    item: &RpcItem<'_>,
    around: Around,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let quality = reader.quality;
    check::place(item, around.place, reader)?;
    let receipt = TxOutcome {
        tx: tx(item)?,
        from: item.at(RpcKey::From).address()?,
        to: item.at(RpcKey::To).address()?,
        outcome: outcome(item, around.gas_limit, reader)?,
        inclusion: item.inclusion(reader)?,
    };
    let around = Around { place: around.place.or(receipt.inclusion), ..around };
    push(item, Body::Outcome(Box::new(receipt)), around, reader, events)?;
    reader.quality = quality;
    read_logs(item, around, reader, events)
}

/// Reads which transaction a receipt is for.
pub(super) fn tx(item: &RpcItem<'_>) -> Result<TxId, Refusal> {
    let tx = item.at(RpcKey::TransactionHash);
    tx.need(tx.hash()?)
}

/// Reads what a receipt says of its transaction.
pub(super) fn outcome(
    item: &RpcItem<'_>,
    gas_limit: Option<u64>,
    reader: &mut Reader<'_>,
) -> Result<Outcome, Refusal> {
    let status = status(item.at(RpcKey::Status), reader)?;
    Ok(Outcome {
        // Before Byzantium a receipt carried the state root instead of a status.
        status: status.unwrap_or(OutcomeStatus::Unknown),
        gas_used: gas_used(item.at(RpcKey::GasUsed), gas_limit, reader)?,
        effective_gas_price: item.at(RpcKey::EffectivePrice).amount(reader)?,
        created: created(item.at(RpcKey::Created))?,
        l1_fee: item.at(RpcKey::L1Fee).amount(reader)?,
    })
}

/// Reads the logs in a receipt, which are of its transaction and of its block.
pub(super) fn read_logs(
    item: &RpcItem<'_>,
    around: Around,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let raw = match item.at(RpcKey::Logs).value {
        Value::Null => return Ok(()),
        Value::Array(raw) => raw,
        _ => return Err(item.refuse(RpcKey::Logs, "no array")),
    };
    let quality = reader.quality;
    let own = item.at(RpcKey::TransactionHash).hash()?;
    let mut n = 0;
    RpcItem::each(raw, reader, |log_item, reader| {
        reader.quality = quality;
        reader.alone(("logs", n), events, |reader, events| {
            let log_item = log_item.map_err(|_| item.refuse(RpcKey::Logs, "a log is no object"))?;
            check::place(&log_item, around.place, reader)?;
            if own.is_some() && log_item.at(RpcKey::TransactionHash).hash()? != own {
                let policy = reader.limits().checks.linkage;
                reader.judge(false, Quality::empty(), policy, "a log of another transaction")?;
            }
            let body = log::read(&log_item, around.place.is_some(), reader)?;
            push(&log_item, body, around, reader, events)
        });
        n += 1;
        Ok(())
    })
}
