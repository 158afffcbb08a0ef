//! ethereum-etl JSON: which kind of item a part is, and what its fields are called.

mod asset;
mod block;
pub(in crate::decode) mod csv;
mod log;
mod receipt;
mod token_transfer;
mod trace;
mod transaction;

use crate::{
    decode::{
        Reason, Refusal, SkipReason,
        json::{
            Scanner,
            field::{Reader, refuse},
            keys::{Field, Fields, Keys},
        },
        record::Failure,
        value::time,
    },
    model::{Clock, Event, EventTime, Inclusion},
};

/// Declares the fields of all items: one table, because `type` may come last, or not at all.
macro_rules! fields {
    ($($id:ident $name:literal),* $(,)?) => {
        #[derive(Clone, Copy)]
        enum Key { $($id),* }
        static KEYS: Keys<{ [$($name),*].len() }> = Keys::new([$($name),*]);
    };
}

fields! {
    Type "type", Hash "hash", Nonce "nonce", TransactionIndex "transaction_index",
    FromAddress "from_address", ToAddress "to_address", Value "value", Gas "gas",
    GasPrice "gas_price", Input "input", BlockTimestamp "block_timestamp",
    BlockNumber "block_number", BlockHash "block_hash", MaxFee "max_fee_per_gas",
    MaxPriorityFee "max_priority_fee_per_gas", TransactionType "transaction_type",
    ReceiptStatus "receipt_status", ReceiptRoot "receipt_root", ReceiptGasUsed "receipt_gas_used",
    ReceiptPrice "receipt_effective_gas_price", ReceiptContract "receipt_contract_address",
    ReceiptL1Fee "receipt_l1_fee", Number "number", ParentHash "parent_hash",
    Timestamp "timestamp", TransactionCount "transaction_count", BaseFee "base_fee_per_gas",
    GasUsed "gas_used", GasLimit "gas_limit", Withdrawals "withdrawals",
    TransactionHash "transaction_hash", LogIndex "log_index", Address "address", Data "data",
    Topics "topics", TokenAddress "token_address", TraceType "trace_type", TraceId "trace_id",
    Bytecode "bytecode", TotalSupply "total_supply", CumulativeGasUsed "cumulative_gas_used",
    CallType "call_type", TraceAddress "trace_address", Status "status", Error "error",
    Symbol "symbol", Name "name", Decimals "decimals", IsErc20 "is_erc20", IsErc721 "is_erc721",
    ContractAddress "contract_address", EffectivePrice "effective_gas_price", L1Fee "l1_fee",
    MaxBlobFee "max_fee_per_blob_gas", BlobHashes "blob_versioned_hashes",
}

/// The fields of one item.
struct Item<'a>(Fields<'a, { KEYS.names.len() }>);

impl<'a> Item<'a> {
    fn at(&self, key: Key) -> Field<'a> {
        self.0.at(key as usize)
    }

    fn has(&self, key: Key) -> bool {
        self.0.has(key as usize)
    }
}

/// The kinds of items.
enum Kind {
    Transaction,
    Block,
    Log,
    TokenTransfer,
    Trace,
    Receipt,
    Asset,
    Unsupported,
}

/// Reads one item.
pub(in crate::decode) fn read(
    scanner: &mut Scanner<'_, '_>,
    depth: usize,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Failure> {
    let mut item = Item(Fields::new(&KEYS));
    if scanner.peek() != Some(b'{') {
        scanner.value(depth)?;
        return Err(Failure::Part(refuse(Reason::BadField, "an item is no JSON object")));
    }
    let guide = &mut reader.guides.ethereum;
    scanner.fields(depth, guide, &mut item.0, |scanner, _| scanner.value(depth + 1))?;
    if let Some(flaw) = scanner.take_flaw() {
        return Err(Failure::Part(flaw.into()));
    }
    Ok(emit(&item, reader, events)?)
}

/// Makes events of an item.
fn emit(item: &Item<'_>, reader: &mut Reader<'_>, events: &mut Vec<Event>) -> Result<(), Refusal> {
    let body = match kind(item)? {
        Kind::Transaction => transaction::read(item, reader),
        Kind::TokenTransfer => token_transfer::read(item, reader),
        Kind::Log => log::read(item, reader),
        Kind::Trace => trace::read(item, reader),
        Kind::Receipt => receipt::read(item, reader),
        Kind::Asset => asset::read(item, reader),
        Kind::Block => return block::read(item, reader, events),
        Kind::Unsupported => Err(Refusal::Skip(SkipReason::UnsupportedType)),
    }?;
    let (time, clock) = (EventTime::default(), Clock::Kafka);
    let mut event = Event { time, clock, quality: reader.quality, body };
    let height = event.inclusion().map(|i| i.height);
    (event.time, event.clock) = time::block_time(item.at(Key::BlockTimestamp), height, reader)?;
    event.quality = reader.quality;
    events.push(event);
    Ok(())
}

/// Decides what an item is: by its `type`, or by the fields that only one kind has.
fn kind(item: &Item<'_>) -> Result<Kind, Refusal> {
    if let Some(name) = item.at(Key::Type).text()? {
        return Ok(match name {
            b"transaction" => Kind::Transaction,
            b"block" => Kind::Block,
            b"log" => Kind::Log,
            b"token_transfer" => Kind::TokenTransfer,
            b"trace" => Kind::Trace,
            b"receipt" => Kind::Receipt,
            b"contract" | b"token" => Kind::Asset,
            _ => Kind::Unsupported,
        });
    }
    let any = |keys: &[Key]| keys.iter().any(|&key| item.has(key));
    if any(&[Key::TraceType, Key::TraceId]) {
        return Ok(Kind::Trace);
    }
    if any(&[Key::Bytecode, Key::TotalSupply, Key::Decimals]) {
        return Ok(Kind::Asset);
    }
    if item.has(Key::TokenAddress) {
        return Ok(Kind::TokenTransfer);
    }
    if item.has(Key::LogIndex) {
        return Ok(Kind::Log);
    }
    if item.has(Key::Hash) && any(&[Key::FromAddress, Key::Nonce, Key::Input, Key::GasPrice]) {
        return Ok(if item.has(Key::ParentHash) { Kind::Block } else { Kind::Transaction });
    }
    if item.has(Key::Hash) && item.has(Key::Number) {
        return Ok(Kind::Block);
    }
    if item.has(Key::TransactionHash) && item.has(Key::CumulativeGasUsed) {
        return Ok(Kind::Receipt);
    }
    Err(refuse(Reason::MissingField, "no type, and the fields fit no item"))
}

/// Reads where the item was included; `None` while it is pending.
fn inclusion(item: &Item<'_>, reader: &mut Reader<'_>) -> Result<Option<Inclusion>, Refusal> {
    let Some(height) = item.at(Key::BlockNumber).height(reader)? else { return Ok(None) };
    let block = item.at(Key::BlockHash).hash()?;
    let index = item.at(Key::TransactionIndex).or_null().count(reader)?;
    Ok(Some(Inclusion { height, block, index }))
}
