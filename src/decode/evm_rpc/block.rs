//! Blocks with bodies, ids or neither (a new head), and bundles of a block with its receipts.

use super::{
    Around, check,
    item::{Item, Key, Kind},
    receipt, trace, transaction,
};
use crate::{
    decode::{
        Reason, Refusal,
        evm::withdrawal,
        field::{Reader, refuse},
        json::Value,
        time,
    },
    model::{BlockStep, Body, Event, Inclusion, Step, TxId},
};
use std::collections::BTreeMap;

/// Reads a block: its step, its transactions with what `receipts` say of them, its withdrawals,
/// then the logs, and receipts of transactions that the block does not show.
pub(super) fn read(
    item: &Item<'_>,
    receipts: &[u8],
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let [hash, height, parent] = [Key::Hash, Key::Number, Key::ParentHash].map(|key| item.at(key));
    let hash = hash.need(hash.hash()?)?;
    let height = height.need(height.height(reader)?)?;
    let parent = parent.hash()?;
    let quality = reader.quality;
    let step = BlockStep {
        step: Step::Committed,
        height: Some(height),
        hash,
        parent: reader.or_partial(parent),
        n_transactions: match item.at(Key::Transactions).value {
            Value::Null => None,
            _ => Some(item.at(Key::Transactions).n_items(reader.limits())?),
        },
        base_fee_per_gas: item.at(Key::BaseFee).amount(reader)?,
        gas_used: item.at(Key::GasUsed).count(reader)?,
        gas_limit: item.at(Key::GasLimit).count(reader)?,
    };
    let gas_limit = step.gas_limit;
    check::header(item, &hash, reader)?;
    let (time, clock) = time::block_time(item.at(Key::Timestamp), Some(height), reader)?;
    let event = |quality, body| Event { time, clock, quality, body };
    events.push(event(reader.quality, Body::Block(Box::new(step))));
    let inclusion = Inclusion { height, block: Some(hash), index: None };
    let first = events.len();
    each(item, Key::Transactions, reader, |tx, n, reader| {
        // A block may list ids only: they are counted in its step.
        let Ok(tx) = tx else { return Ok(()) };
        reader.quality = quality;
        let place = Inclusion { index: u32::try_from(n).ok(), ..inclusion };
        let body = transaction::read(&tx, Some(place), reader)?;
        events.push(event(reader.quality, body));
        Ok(())
    })?;
    reader.quality = quality;
    withdrawal::each(item.at(Key::Withdrawals), inclusion, reader, |transfer, reader| {
        events.push(event(reader.quality, Body::Transfer(Box::new(transfer))));
    })?;
    // Facts of the receipts are as old as the block that they came with.
    join(receipts, Around { time: Some((time, clock)), gas_limit }, first, reader, events)
}

/// Reads a bundle: a block beside its receipts, or a block that contains them; with traces.
pub(super) fn read_bundle(
    item: &Item<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let n_before = events.len();
    let array = |key: Key| match item.at(key).value {
        Value::Null => Ok(&[][..]),
        Value::Array(raw) => Ok(raw),
        _ => Err(item.refuse(key, "no array")),
    };
    let (receipts, traces) = (array(Key::Receipts)?, array(Key::Traces)?);
    match item.at(Key::Block).value {
        Value::Object(raw) => read(&Item::of(raw, reader)?, receipts, reader, events)?,
        Value::Null if item.kind_of_whole() == Some(Kind::Block) => {
            read(item, receipts, reader, events)?;
        }
        Value::Null => join(receipts, Around::default(), n_before, reader, events)?,
        _ => return Err(item.refuse(Key::Block, "no object")),
    }
    let block = events.get(n_before).filter(|event| matches!(event.body, Body::Block(_)));
    let around = Around { time: block.map(|block| (block.time, block.clock)), gas_limit: None };
    let quality = reader.quality;
    if !traces.is_empty() {
        let mut failed = trace::Failed::default();
        Item::each(traces, reader, |call, reader| {
            reader.quality = quality;
            let call = call.map_err(|_| item.refuse(Key::Traces, "a trace is no object"))?;
            trace::read(&call, around, &mut failed, reader, events)
        })?;
    }
    if events.len() == n_before {
        return Err(refuse(Reason::MissingField, "neither a block nor receipts nor traces"));
    }
    Ok(())
}

/// Joins receipts to the transactions from `first` on; their logs follow.
fn join(
    receipts: &[u8],
    around: Around,
    first: usize,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    if receipts.is_empty() {
        return Ok(());
    }
    let ids = events.iter().enumerate().skip(first);
    let ids = ids.filter_map(|(i, e)| matches!(e.body, Body::Tx(_)).then_some((e.tx_id()?, i)));
    let ids: BTreeMap<TxId, usize> = ids.collect();
    let quality = reader.quality;
    Item::each(receipts, reader, |found, reader| {
        let no_object = || refuse(Reason::BadField, "a receipt is no object");
        let found = found.map_err(|_| no_object())?;
        reader.quality = quality;
        let at = ids.get(&receipt::tx(&found)?).copied();
        let Some(Event { body: Body::Tx(tx), quality: known, .. }) =
            at.and_then(|i| events.get_mut(i))
        else {
            return receipt::read(&found, around, reader, events);
        };
        let outcome = receipt::outcome(&found, around.gas_limit, reader)?;
        *known |= reader.quality;
        tx.outcome = Some(outcome);
        reader.quality = quality;
        receipt::read_logs(&found, around, reader, events)
    })
}

/// Reads the elements of an array of the block with their numbers.
fn each<'a, F>(
    item: &Item<'a>,
    key: Key,
    reader: &mut Reader<'_>,
    mut on_item: F,
) -> Result<(), Refusal>
where
    F: FnMut(Result<Item<'a>, Value<'a>>, usize, &mut Reader<'_>) -> Result<(), Refusal>,
{
    let raw = match item.at(key).value {
        Value::Null => return Ok(()),
        Value::Array(raw) => raw,
        _ => return Err(item.refuse(key, "no array")),
    };
    let mut n = 0;
    Item::each(raw, reader, |found, reader| {
        on_item(found, n, reader)?;
        n += 1;
        Ok(())
    })
}
