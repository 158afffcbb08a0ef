//! bitcoin-etl JSON (BTC, BCH, LTC, DOGE, ZEC): transactions and blocks.

mod transaction;

pub(in crate::decode) use transaction::version;

use crate::{
    decode::{
        Reason, Refusal, SkipReason,
        json::{
            JsonFlaw, JsonScanner,
            field::{Reader, refuse},
            guide::Guides,
            keys::{Field, Fields, Keys},
        },
        record::ReadFailure,
        value::time,
    },
    model::{BlockStep, Body, Event, Step},
};

/// Declares the fields of both items: one table, because `type` may come last, or not at all.
macro_rules! fields {
    ($($id:ident $name:literal),* $(,)?) => {
        #[derive(Clone, Copy)]
        enum BitcoinEtlKey { $($id),* }
        static KEYS: Keys<{ [$($name),*].len() }> = Keys::new([$($name),*]);
    };
}

fields! {
    Type "type", Hash "hash", Size "size", VirtualSize "virtual_size", Version "version",
    LockTime "lock_time", BlockNumber "block_number", BlockHash "block_hash",
    BlockTimestamp "block_timestamp", IsCoinbase "is_coinbase", Index "index", Inputs "inputs",
    Outputs "outputs", Number "number", Timestamp "timestamp",
    TransactionCount "transaction_count",
}

/// The fields of one item, and of the inputs and outputs in it.
struct BitcoinEtlItem<'a> {
    fields: Fields<'a, { KEYS.names.len() }>,
    inputs: Vec<transaction::EtlInput<'a>>,
    outputs: Vec<transaction::EtlOutput<'a>>,
}

impl<'a> BitcoinEtlItem<'a> {
    fn at(&self, key: BitcoinEtlKey) -> Field<'a> {
        self.fields.at(key as usize)
    }

    fn has(&self, key: BitcoinEtlKey) -> bool {
        self.fields.has(key as usize)
    }
}

/// Reads one item.
pub(in crate::decode) fn read(
    scanner: &mut JsonScanner<'_, '_>,
    depth: usize,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), ReadFailure> {
    if scanner.peek() != Some(b'{') {
        scanner.value(depth)?;
        return Err(ReadFailure::Part(refuse(Reason::BadField, "an item is no JSON object")));
    }
    let item = scan(scanner, depth, reader.guides)?;
    if let Some(flaw) = scanner.take_flaw() {
        return Err(ReadFailure::Part(flaw.into()));
    }
    let is_block = match item.at(BitcoinEtlKey::Type).text()? {
        Some(b"transaction") => false,
        Some(b"block") => true,
        Some(_) => return Err(Refusal::Skip(SkipReason::UnsupportedType).into()),
        None if item.has(BitcoinEtlKey::Inputs) || item.has(BitcoinEtlKey::Outputs) => false,
        None if item.has(BitcoinEtlKey::Hash) && item.has(BitcoinEtlKey::Number) => true,
        None if item.has(BitcoinEtlKey::Hash) && item.has(BitcoinEtlKey::BlockNumber) => false,
        None => {
            return Err(refuse(Reason::MissingField, "no type, and the fields fit no item").into());
        }
    };
    let (body, height, timestamp) = if is_block {
        let block = block(&item, reader)?;
        let height = block.height;
        (Body::Block(Box::new(block)), height, BitcoinEtlKey::Timestamp)
    } else {
        let tx = transaction::read(&item, reader)?;
        let height = tx.inclusion.map(|i| i.height);
        (Body::Tx(Box::new(tx)), height, BitcoinEtlKey::BlockTimestamp)
    };
    let (time, clock) = time::block_time(item.at(timestamp), height, reader)?;
    events.push(Event { time, clock, quality: reader.quality, body });
    Ok(())
}

/// Reads the fields of an item, in one pass.
fn scan<'a>(
    scanner: &mut JsonScanner<'a, '_>,
    depth: usize,
    guides: &mut Guides,
) -> Result<BitcoinEtlItem<'a>, JsonFlaw> {
    let mut fields = Fields::new(&KEYS);
    let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
    let Guides { bitcoin, input, output, .. } = guides;
    scanner.fields(depth, bitcoin, &mut fields, |scanner, i| {
        if scanner.peek() != Some(b'[') {
            scanner.value(depth + 1)
        } else if i == BitcoinEtlKey::Inputs as usize {
            scanner.rows(depth + 1, input, &transaction::INPUT, &mut inputs)
        } else if i == BitcoinEtlKey::Outputs as usize {
            scanner.rows(depth + 1, output, &transaction::OUTPUT, &mut outputs)
        } else {
            scanner.value(depth + 1)
        }
    })?;
    Ok(BitcoinEtlItem { fields, inputs, outputs })
}

/// Reads a block. There is no parent hash, and the nonce is text of any length: not read.
fn block(item: &BitcoinEtlItem<'_>, reader: &mut Reader<'_>) -> Result<BlockStep, Refusal> {
    let [hash, height] = [BitcoinEtlKey::Hash, BitcoinEtlKey::Number].map(|key| item.at(key));
    Ok(BlockStep {
        step: Step::Committed,
        height: Some(height.need(height.height(reader)?)?),
        hash: hash.need(hash.hash()?)?,
        parent: None,
        n_transactions: item.at(BitcoinEtlKey::TransactionCount).count(reader)?,
        base_fee_per_gas: None,
        gas_used: None,
        gas_limit: None,
    })
}
