//! EVM JSON-RPC: answers, subscriptions, blocks with bodies, and bundles of a block
//! with its receipts.

mod block;
mod check;
mod encode;
mod item;
mod log;
mod receipt;
mod trace;
mod transaction;

use crate::{
    decode::{
        Reason, Refusal, SkipReason,
        json::{
            JsonScanner, Value, answer,
            field::{Reader, refuse},
            keys::Field,
        },
        record::ReadFailure,
        value::{hex, time},
    },
    model::{Body, Clock, Event, EventTime, Inclusion, Observation, Phase},
};
use item::{RpcItem, RpcKey};

/// Hex digits of a hash: anything else that a node answers as text is no transaction.
const HASH_DIGITS: usize = 64;

/// What the block around an object says of it; nothing where it comes alone.
#[derive(Clone, Copy, Default)]
struct Around {
    time: Option<(EventTime, Clock)>,
    gas_limit: Option<u64>,
    /// The block itself.
    place: Option<Inclusion>,
}

/// Reads one message or object of any kind.
pub(in crate::decode) fn read(
    scanner: &mut JsonScanner<'_, '_>,
    depth: usize,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), ReadFailure> {
    if scanner.peek() != Some(b'{') {
        let value = scanner.value(depth)?;
        return Ok(any(Field { name: "record", value }, reader, events)?);
    }
    let item = RpcItem::scan(scanner, depth, reader.guides)?;
    if let Some(flaw) = scanner.take_flaw() {
        return Err(ReadFailure::Part(flaw.into()));
    }
    if !item.is_message() {
        return Ok(object(&item, reader, events)?);
    }
    Ok(any(result(&item, reader)?, reader, events)?)
}

/// Reads a bundle: a block with its receipts, and its traces where there are some.
pub(in crate::decode) fn read_block(
    scanner: &mut JsonScanner<'_, '_>,
    depth: usize,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), ReadFailure> {
    if scanner.peek() != Some(b'{') {
        let is_null = matches!(scanner.value(depth)?, Value::Null);
        return Err(ReadFailure::Part(match is_null {
            true => Refusal::Skip(SkipReason::NullResult),
            false => refuse(Reason::BadField, "a bundle is no JSON object"),
        }));
    }
    let item = RpcItem::scan(scanner, depth, reader.guides)?;
    if let Some(flaw) = scanner.take_flaw() {
        return Err(ReadFailure::Part(flaw.into()));
    }
    if !item.is_message() {
        return Ok(bundle(&item, reader, events)?);
    }
    let result = result(&item, reader)?;
    match result.value {
        Value::Object(raw) => Ok(bundle(&RpcItem::of(raw, reader)?, reader, events)?),
        _ => Err(result.refuse(Reason::BadField, "a bundle is no JSON object").into()),
    }
}

fn bundle(
    item: &RpcItem<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    if item.kind().is_none() {
        return Err(unfit(item, reader, "neither a block nor receipts nor traces"));
    }
    block::read_bundle(item, reader, events)
}

/// Returns what a message carries; what carries nothing is skipped, as the error that it is.
fn result<'a>(item: &RpcItem<'a>, reader: &Reader<'_>) -> Result<Field<'a>, Refusal> {
    let is_failed = item.is_failed(reader.limits())?;
    let why = if is_failed { SkipReason::NodeError } else { SkipReason::NullResult };
    item.result(reader.limits())?.ok_or(Refusal::Skip(why))
}

/// Refuses an object that is nothing known, unless it says that something failed.
#[cold]
fn unfit(item: &RpcItem<'_>, reader: &Reader<'_>, what: &str) -> Refusal {
    let refusal = refuse(Reason::MissingField, what);
    answer::refusal(item.whole(), reader.limits(), refusal)
}

/// Reads what a node answered: an object, a list of them, or a text.
fn any(field: Field<'_>, reader: &mut Reader<'_>, events: &mut Vec<Event>) -> Result<(), Refusal> {
    match field.value {
        Value::Object(raw) => object(&RpcItem::of(raw, reader)?, reader, events),
        Value::Array(raw) => {
            let n_before = events.len();
            let quality = reader.quality;
            let mut failed = trace::Failed::default();
            let mut n = 0;
            RpcItem::each(raw, reader, |item, reader| {
                reader.quality = quality;
                reader.alone((field.name, n), events, |reader, events| match item {
                    Ok(item) if item.kind() == Some(item::RpcKind::Trace) => {
                        trace::read(&item, Around::default(), &mut failed, reader, events)
                    }
                    Ok(item) => object(&item, reader, events),
                    Err(value) => announced(Field { value, ..field }, reader, events),
                });
                n += 1;
                Ok(())
            })?;
            if events.len() == n_before && reader.refused.is_empty() {
                return Err(Refusal::Skip(SkipReason::NullResult));
            }
            Ok(())
        }
        Value::Text(text) if hex::bare(text.raw).len() == HASH_DIGITS => {
            announced(field, reader, events)
        }
        // Subscription ids, block numbers, whether something worked.
        Value::Text(_) | Value::Bool(_) | Value::Whole(_) | Value::Number(_) => {
            Err(Refusal::Skip(SkipReason::ControlMessage))
        }
        Value::Null => Err(Refusal::Skip(SkipReason::NullResult)),
    }
}

/// Reads an object by the fields that only one kind has.
fn object(
    item: &RpcItem<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    use item::RpcKind;
    let around = Around::default();
    let body = match item.kind() {
        Some(RpcKind::Bundle) => return block::read_bundle(item, reader, events),
        Some(RpcKind::Block) => return block::read(item, &[], reader, events),
        Some(RpcKind::Receipt) => return receipt::read(item, around, reader, events),
        Some(RpcKind::Trace) => {
            let mut failed = trace::Failed::default();
            return trace::read(item, around, &mut failed, reader, events);
        }
        Some(RpcKind::Log) => log::read(item, false, reader)?,
        Some(RpcKind::Transaction) => {
            transaction::read(item, transaction::RpcTxPlace::Own, reader)?.body
        }
        None => return Err(unfit(item, reader, "the fields fit no kind of object")),
    };
    push(item, body, around, reader, events)
}

/// Adds an event with the time of its block: as that says, else as the object does, else Kafka's.
fn push(
    item: &RpcItem<'_>,
    body: Body,
    around: Around,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let (time, clock) = around.time.unwrap_or((EventTime::default(), Clock::Kafka));
    let mut event = Event { time, clock, quality: reader.quality, body };
    if around.time.is_none() {
        let height = event.inclusion().map(|i| i.height);
        let time = time::block_time(item.at(RpcKey::BlockTimestamp), height, reader)?;
        (event.time, event.clock) = time;
        event.quality = reader.quality;
    }
    events.push(event);
    Ok(())
}

/// Reads the id of a transaction that a node has heard of.
fn announced(
    field: Field<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let tx = field.need(field.hash()?)?;
    let time = time::kafka_time(reader);
    let body = Body::Observation(Box::new(Observation::of(tx, Phase::Announced)));
    events.push(Event { time, clock: Clock::Kafka, quality: reader.quality, body });
    Ok(())
}
