//! Raw EVM payloads, as bytes or hex: transactions, blocks and network messages.

mod block;
mod transaction;

use crate::{
    decode::{
        Reason, Refusal,
        evm::{
            TX_TYPE_KNOWN_MAX, keccak,
            rlp::{self, RlpItem, RlpItems},
        },
        json::field::{Reader, refuse},
        value::{hex, time},
    },
    model::{Body, Clock, Event, Hash32, Observation, Phase, Quality},
};

/// Bytes of a hash.
const HASH: usize = 32;

/// Reads one payload: a transaction, a list of them, announced hashes, a block or a new block.
pub(in crate::decode) fn read(
    value: &[u8],
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let bytes = hex::unpack(value).ok_or_else(|| bad("text that is not hex bytes"))?;
    match bytes.first() {
        None => Err(refuse(Reason::EmptyValue, "no bytes behind 0x")),
        Some(0xc0..) => {
            let items = rlp::only(&bytes).and_then(RlpItem::list).map_err(bad)?;
            list(&bytes, items, reader, events)
        }
        // Transactions of the newer types travel between nodes as byte strings.
        Some(0x80..) => {
            let inner = rlp::only(&bytes).and_then(RlpItem::bytes).map_err(bad)?;
            one(inner, reader, events)
        }
        Some(_) => one(&bytes, reader, events),
    }
}

/// Refuses bytes that are not what they should be.
fn bad(flaw: rlp::RlpFlaw) -> Refusal {
    refuse(Reason::BadBinary, flaw)
}

/// Reads a list: what it is shows in its first item.
fn list(
    raw: &[u8],
    items: RlpItems<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let first = { items }.need().map_err(bad)?;
    match first {
        RlpItem::Bytes(bytes) if bytes.len() < HASH => one(raw, reader, events),
        RlpItem::Bytes(bytes) if bytes.len() == HASH => announced(items, reader, events),
        RlpItem::Bytes(_) => pooled(items, reader, events),
        RlpItem::List(inner) => match RlpItems::of(inner).need().map_err(bad)? {
            RlpItem::List(_) => block::read_new(items, reader, events),
            RlpItem::Bytes(bytes) if bytes.len() == HASH => block::read(items, reader, events),
            RlpItem::Bytes(_) => pooled(items, reader, events),
        },
    }
}

/// Reads one transaction that is in no block yet.
fn one(raw: &[u8], reader: &mut Reader<'_>, events: &mut Vec<Event>) -> Result<(), Refusal> {
    let time = time::kafka_time(reader);
    let quality = reader.quality;
    let body = match transaction::read(raw, None, reader) {
        // What cannot be read has an id all the same: its hash.
        Err(_) if is_foreign(raw) => {
            reader.quality |= Quality::UNKNOWN_TYPE | Quality::ID_COMPUTED;
            observation(keccak(&[raw]))
        }
        body => body?,
    };
    let event = Event { time, clock: Clock::Kafka, quality: reader.quality, body };
    reader.quality = quality;
    events.push(event);
    Ok(())
}

/// Returns whether a transaction has a type of another chain, or of the future.
fn is_foreign(raw: &[u8]) -> bool {
    raw.first().is_some_and(|&t| (TX_TYPE_KNOWN_MAX + 1..=0x7f).contains(&t))
}

/// Reads a list of transactions, each by itself or packed as bytes, and each refused alone.
fn pooled(
    mut items: RlpItems<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let mut n = 0;
    while let Some((item, raw)) = items.next_raw().map_err(bad)? {
        check_items(events.len(), reader)?;
        let raw = if let RlpItem::Bytes(inner) = item { inner } else { raw };
        reader.alone(("transactions", n), events, |reader, events| one(raw, reader, events));
        n += 1;
    }
    Ok(())
}

/// Reads the ids that a node announces.
fn announced(
    mut items: RlpItems<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let time = time::kafka_time(reader);
    while !items.is_end() {
        check_items(events.len(), reader)?;
        let body = observation(items.array().map_err(bad)?);
        events.push(Event { time, clock: Clock::Kafka, quality: reader.quality, body });
    }
    Ok(())
}

fn check_items(n: usize, reader: &Reader<'_>) -> Result<(), Refusal> {
    if n >= reader.limits().items_max {
        return Err(refuse(Reason::LimitExceeded, "too many items in a list"));
    }
    Ok(())
}

fn observation(id: [u8; 32]) -> Body {
    let (tx, phase) = (Hash32(id), Phase::Announced);
    Body::Observation(Box::new(Observation::of(tx, phase)))
}
