//! Blocks with bodies, ids or neither (a new head), and bundles of a block with its receipts.

use super::{
    Around, check, encode,
    item::{RpcItem, RpcKey, RpcKind},
    receipt, trace, transaction,
};
use crate::{
    decode::{
        Reason, Refusal, SkipReason,
        evm::{note_contents, trie::Committed, withdrawal},
        json::{
            Value,
            field::{Reader, refuse},
            keys::Field,
        },
        value::time,
    },
    model::{
        BlockStep, Body, Clock, Event, Hash32, Inclusion, Observation, Phase, Quality, Step, TxId,
    },
};
use std::collections::BTreeMap;

/// Reads a block: its step, its transactions with what `receipts` say of them, its withdrawals,
/// then the logs, and receipts of transactions that the block does not show.
///
/// What is wrong inside of it is refused alone: the rest of the block stands, and its lists are
/// then not checkable.
pub(super) fn read(
    item: &RpcItem<'_>,
    receipts: &[u8],
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    if is_pending(item)? {
        return read_pending(item, reader, events);
    }
    let quality = reader.quality;
    let step = step(item, reader)?;
    let inclusion =
        Inclusion { height: step.height.unwrap_or(0), block: Some(step.hash), index: None };
    let gas_limit = step.gas_limit;
    let (time, clock) = time::block_time(item.at(RpcKey::Timestamp), step.height, reader)?;
    let event = |quality, body| Event { time, clock, quality, body };
    let n_before = events.len();
    let found = reader.quality;
    events.push(event(found, Body::Block(Box::new(step))));
    reader.quality = quality;
    let (mut shown, txs) = transactions(item, inclusion, &event, reader, events)?;
    let withdrawals = item.at(RpcKey::Withdrawals);
    let n_before_withdrawals = events.len();
    let is_whole = withdrawal::each(withdrawals, inclusion, reader, events, |transfer, quality| {
        event(quality, Body::Transfer(Box::new(transfer)))
    });
    // Of a list with a refused element the root cannot be told.
    let withdrawals = match is_whole {
        true => encode::withdrawals(item, reader.limits()),
        false => Some(Committed::of(1)),
    };
    shown.is_list = item.has(RpcKey::Transactions);
    // Facts of the receipts are as old as the block that they came with.
    let around = Around { time: Some((time, clock)), gas_limit, place: Some(inclusion) };
    let n_before_receipts = events.len();
    let receipts = join(receipts, around, &shown, reader, events)?;
    let txs = Some(txs).filter(|_| shown.is_list);
    let contents = check::Contents { txs, receipts, withdrawals };
    reader.quality = quality | found & Quality::UNVERIFIED;
    let refuted = check::contents(item, &contents, inclusion.height, reader)?;
    if refuted.receipts {
        events.truncate(n_before_receipts);
        events[n_before..].iter_mut().for_each(forget_outcome);
    }
    if refuted.withdrawals {
        events.drain(n_before_withdrawals..n_before_receipts);
    }
    note_contents(reader.quality, &mut events[n_before..]);
    Ok(())
}

/// Reads what a block shows of its transactions; returns which those are, and the list that it
/// commits to.
fn transactions(
    item: &RpcItem<'_>,
    inclusion: Inclusion,
    event: &impl Fn(Quality, Body) -> Event,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(ShownTxs, Committed), Refusal> {
    let quality = reader.quality;
    let mut shown = ShownTxs::default();
    let mut txs = Committed::default();
    each(item, RpcKey::Transactions, reader, |tx, n, reader| {
        reader.quality = quality;
        // A block may list ids only: they are counted in its step.
        let tx = match tx {
            Ok(tx) => tx,
            Err(id) => {
                let id = Field { name: "id", value: id };
                let id = reader.alone(("transactions", n), events, |_, _| id.need(id.hash()?));
                txs.push(None);
                shown.note(id, n, None);
                return Ok(());
            }
        };
        let place = Inclusion { index: u32::try_from(n).ok(), ..inclusion };
        let read = reader.alone(("transactions", n), events, |reader, events| {
            let place = transaction::RpcTxPlace::Block(place);
            let transaction::ReadTx { body, encoded } = transaction::read(&tx, place, reader)?;
            let event = event(reader.quality, body);
            shown.note(event.tx_id(), n, Some(events.len()));
            events.push(event);
            Ok(encoded)
        });
        if read.is_none() {
            shown.note(None, n, None);
        }
        txs.push(read.flatten());
        Ok(())
    })?;
    Ok((shown, txs))
}

/// Returns whether this is a block that is still to be: without a hash or a height, or with a hash
/// of zeros.
fn is_pending(item: &RpcItem<'_>) -> Result<bool, Refusal> {
    let is_nameless = [RpcKey::Number, RpcKey::Hash].iter().any(|&key| item.at(key).is_nothing());
    Ok(is_nameless || item.at(RpcKey::Hash).hash()? == Some(Hash32::default()))
}

/// Reads what a node would put into its next block: transactions, or their ids, that are pending,
/// whatever block they say they are in. There is no such block yet.
fn read_pending(
    item: &RpcItem<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let (time, quality, n_before) = (time::kafka_time(reader), reader.quality, events.len());
    each(item, RpcKey::Transactions, reader, |tx, n, reader| {
        reader.quality = quality;
        reader.alone(("transactions", n), events, |reader, events| {
            let body = match tx {
                Ok(tx) => transaction::read(&tx, transaction::RpcTxPlace::Pending, reader)?.body,
                Err(value) => {
                    let id = Field { name: "id", value };
                    let id = id.need(id.hash()?)?;
                    Body::Observation(Box::new(Observation::of(id, Phase::Announced)))
                }
            };
            events.push(Event { time, clock: Clock::Kafka, quality: reader.quality, body });
            Ok(())
        });
        Ok(())
    })?;
    if events.len() == n_before && reader.refused.is_empty() {
        return Err(Refusal::Skip(SkipReason::NullResult));
    }
    Ok(())
}

/// Reads what a block says of itself, and checks that it hashes to its id.
fn step(item: &RpcItem<'_>, reader: &mut Reader<'_>) -> Result<BlockStep, Refusal> {
    let [hash, height, parent] =
        [RpcKey::Hash, RpcKey::Number, RpcKey::ParentHash].map(|key| item.at(key));
    let hash = hash.need(hash.hash()?)?;
    let height = height.need(height.height(reader)?)?;
    let parent = parent.hash()?;
    let step = BlockStep {
        step: Step::Committed,
        height: Some(height),
        hash,
        parent: reader.or_partial(parent),
        n_transactions: match item.at(RpcKey::Transactions).value {
            Value::Null => None,
            Value::Array(_) => Some(item.at(RpcKey::Transactions).n_items(reader.limits())?),
            _ => return Err(item.refuse(RpcKey::Transactions, "no array")),
        },
        base_fee_per_gas: item.at(RpcKey::BaseFee).amount(reader)?,
        gas_used: item.at(RpcKey::GasUsed).count(reader)?,
        gas_limit: item.at(RpcKey::GasLimit).count(reader)?,
    };
    check::header(item, &hash, height, reader)?;
    Ok(step)
}

/// Reads a bundle: a block beside its receipts, or a block that contains them; with traces.
pub(super) fn read_bundle(
    item: &RpcItem<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let n_before = events.len();
    let receipts = list(item, RpcKey::Receipts, reader);
    let traces = list(item, RpcKey::Traces, reader);
    match answer(item, RpcKey::Block, reader)?.value {
        Value::Object(raw) => read(&RpcItem::of(raw, reader)?, receipts, reader, events)?,
        Value::Null if item.kind_of_whole() == Some(RpcKind::Block) => {
            read(item, receipts, reader, events)?;
        }
        Value::Null => {
            join(receipts, Around::default(), &ShownTxs::default(), reader, events)?;
        }
        _ => return Err(item.refuse(RpcKey::Block, "no object")),
    }
    let block = events.get(n_before).filter(|event| matches!(event.body, Body::Block(_)));
    let time = block.map(|block| (block.time, block.clock));
    let place = block.and_then(Event::inclusion);
    let around = Around { time, gas_limit: None, place };
    let quality = reader.quality;
    if !traces.is_empty() {
        let mut failed = trace::Failed::default();
        let mut n = 0;
        RpcItem::each(traces, reader, |call, reader| {
            reader.quality = quality;
            reader.alone(("traces", n), events, |reader, events| {
                let call = call.map_err(|_| item.refuse(RpcKey::Traces, "a trace is no object"))?;
                check::place(&call, place, reader)?;
                trace::read(&call, around, &mut failed, reader, events)
            });
            n += 1;
            Ok(())
        })?;
    }
    if events.len() == n_before && reader.refused.is_empty() {
        return Err(refuse(Reason::MissingField, "neither a block nor receipts nor traces"));
    }
    Ok(())
}

/// Returns a part of a bundle, without the message that a node has sent it in.
fn answer<'a>(
    item: &RpcItem<'a>,
    key: RpcKey,
    reader: &mut Reader<'_>,
) -> Result<Field<'a>, Refusal> {
    let field = item.at(key);
    let Value::Object(raw) = field.value else { return Ok(field) };
    let inner = RpcItem::of(raw, reader)?;
    if inner.is_failed(reader.limits())? {
        return Err(Refusal::Skip(SkipReason::NodeError));
    }
    match inner.is_message() {
        true => Ok(inner.result(reader.limits())?.unwrap_or(Field { value: Value::Null, ..field })),
        false => Ok(field),
    }
}

/// Returns the elements of a bundle's list; none, and the list is refused alone, where it is none.
fn list<'a>(item: &RpcItem<'a>, key: RpcKey, reader: &mut Reader<'_>) -> &'a [u8] {
    let raw = answer(item, key, reader).and_then(|field| match field.value {
        Value::Null => Ok(&[][..]),
        Value::Array(raw) => Ok(raw),
        _ => Err(item.refuse(key, "no array")),
    });
    raw.unwrap_or_else(|refusal| {
        reader.refused.push(refusal);
        &[]
    })
}

/// The transactions that a block shows, by id.
#[derive(Default)]
struct ShownTxs {
    /// Whether it shows a list at all.
    is_list: bool,
    /// Whether one of them has no id that could be read.
    has_gap: bool,
    n: usize,
    /// Each with its position, and where its event is if it was shown whole.
    by_id: BTreeMap<TxId, (usize, Option<usize>)>,
}

impl ShownTxs {
    fn note(&mut self, id: Option<TxId>, position: usize, event: Option<usize>) {
        self.n = position + 1;
        self.has_gap |= id.is_none();
        if let Some(id) = id {
            self.by_id.insert(id, (position, event));
        }
    }
}

/// Joins receipts to the transactions of their block; their logs follow. Returns the list that the
/// block commits to, where it shows which transactions it has, and there are receipts.
fn join(
    receipts: &[u8],
    around: Around,
    shown: &ShownTxs,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<Option<Committed>, Refusal> {
    if receipts.is_empty() {
        return Ok(None);
    }
    let mut list = Committed::of(shown.n);
    let (quality, n_refused) = (reader.quality, reader.refused.len());
    let mut n_receipts = 0;
    RpcItem::each(receipts, reader, |found, reader| {
        reader.quality = quality;
        n_receipts += 1;
        reader.alone(("receipts", n_receipts - 1), events, |reader, events| {
            let no_object = || refuse(Reason::BadField, "a receipt is no object");
            let found = found.map_err(|_| no_object())?;
            let known = shown.by_id.get(&receipt::tx(&found)?).copied();
            join_one(&found, around, (shown, known), &mut list, reader, events)
        });
        Ok(())
    })?;
    // A log that was refused is part of what its receipt hashes to.
    if reader.refused.len() > n_refused {
        list = Committed::of(shown.n.max(1));
    }
    Ok(Some(list).filter(|_| shown.is_list && n_receipts > 0))
}

/// Joins one receipt to the transaction that `known` is the place of; its logs follow.
fn join_one(
    found: &RpcItem<'_>,
    around: Around,
    (shown, known): (&ShownTxs, Option<(usize, Option<usize>)>),
    list: &mut Committed,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let quality = reader.quality;
    let at = known.and_then(|(_, event)| event);
    let tx_type = at.and_then(|at| events.get(at)).and_then(tx_type);
    let height = around.place.map(|place| place.height);
    let encoded = check::receipt(found, tx_type, height, reader);
    let is_its = known.is_some_and(|(position, _)| list.put(position, encoded));
    if shown.is_list && !is_its && !shown.has_gap {
        let policy = reader.limits().checks.linkage;
        reader.judge(false, Quality::empty(), policy, "a receipt too many")?;
    }
    let Some(at) = at else { return receipt::read(found, around, reader, events) };
    check::place(found, around.place, reader)?;
    let outcome = receipt::outcome(found, around.gas_limit, reader)?;
    if let Some(Event { body: Body::Tx(tx), quality: known, .. }) = events.get_mut(at) {
        *known |= reader.quality;
        tx.outcome = Some(outcome);
    }
    reader.quality = quality;
    receipt::read_logs(found, around, reader, events)
}

/// Takes back what a receipt has said of a transaction.
fn forget_outcome(event: &mut Event) {
    if let Body::Tx(tx) = &mut event.body {
        tx.outcome = None;
    }
}

/// Returns the type of a transaction; of one that says none, but is what its id says, the oldest.
fn tx_type(event: &Event) -> Option<u8> {
    let Body::Tx(tx) = &event.body else { return None };
    let verified = event.quality.contains(Quality::HASH_VERIFIED).then_some(0);
    tx.evm()?.tx_type.or(verified)
}

/// Reads the elements of an array of the block with their numbers.
fn each<'a, F>(
    item: &RpcItem<'a>,
    key: RpcKey,
    reader: &mut Reader<'_>,
    mut on_item: F,
) -> Result<(), Refusal>
where
    F: FnMut(Result<RpcItem<'a>, Value<'a>>, usize, &mut Reader<'_>) -> Result<(), Refusal>,
{
    let raw = match item.at(key).value {
        Value::Null => return Ok(()),
        Value::Array(raw) => raw,
        _ => return Err(item.refuse(key, "no array")),
    };
    let mut n = 0;
    RpcItem::each(raw, reader, |found, reader| {
        on_item(found, n, reader)?;
        n += 1;
        Ok(())
    })
}
