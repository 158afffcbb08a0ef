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
            JsonScanner,
            field::{Reader, refuse},
            keys::{Field, Fields, Keys},
        },
        record::ReadFailure,
        value::time,
    },
    model::{Clock, Event, EventTime, Inclusion},
};

/// Declares the fields of all items: one table, because `type` may come last, or not at all.
macro_rules! fields {
    ($($id:ident $name:literal),* $(,)?) => {
        #[derive(Clone, Copy)]
        enum EthereumEtlKey { $($id),* }
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
struct EthereumEtlItem<'a>(Fields<'a, { KEYS.names.len() }>);

impl<'a> EthereumEtlItem<'a> {
    fn at(&self, key: EthereumEtlKey) -> Field<'a> {
        self.0.at(key as usize)
    }

    fn has(&self, key: EthereumEtlKey) -> bool {
        self.0.has(key as usize)
    }
}

/// The kinds of items.
enum EthereumEtlKind {
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
    scanner: &mut JsonScanner<'_, '_>,
    depth: usize,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), ReadFailure> {
    let mut item = EthereumEtlItem(Fields::new(&KEYS));
    if scanner.peek() != Some(b'{') {
        scanner.value(depth)?;
        return Err(ReadFailure::Part(refuse(Reason::BadField, "an item is no JSON object")));
    }
    let guide = &mut reader.guides.ethereum;
    scanner.fields(depth, guide, &mut item.0, |scanner, _| scanner.value(depth + 1))?;
    if let Some(flaw) = scanner.take_flaw() {
        return Err(ReadFailure::Part(flaw.into()));
    }
    Ok(emit(&item, reader, events)?)
}

/// Makes events of an item.
fn emit(
    item: &EthereumEtlItem<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let body = match kind(item)? {
        EthereumEtlKind::Transaction => transaction::read(item, reader),
        EthereumEtlKind::TokenTransfer => token_transfer::read(item, reader),
        EthereumEtlKind::Log => log::read(item, reader),
        EthereumEtlKind::Trace => trace::read(item, reader),
        EthereumEtlKind::Receipt => receipt::read(item, reader),
        EthereumEtlKind::Asset => asset::read(item, reader),
        EthereumEtlKind::Block => return block::read(item, reader, events),
        EthereumEtlKind::Unsupported => Err(Refusal::Skip(SkipReason::UnsupportedType)),
    }?;
    let (time, clock) = (EventTime::default(), Clock::Kafka);
    let mut event = Event { time, clock, quality: reader.quality, body };
    let height = event.inclusion().map(|i| i.height);
    (event.time, event.clock) =
        time::block_time(item.at(EthereumEtlKey::BlockTimestamp), height, reader)?;
    event.quality = reader.quality;
    events.push(event);
    Ok(())
}

/// Decides what an item is: by its `type`, or by the fields that only one kind has.
fn kind(item: &EthereumEtlItem<'_>) -> Result<EthereumEtlKind, Refusal> {
    if let Some(name) = item.at(EthereumEtlKey::Type).text()? {
        return Ok(match name {
            b"transaction" => EthereumEtlKind::Transaction,
            b"block" => EthereumEtlKind::Block,
            b"log" => EthereumEtlKind::Log,
            b"token_transfer" => EthereumEtlKind::TokenTransfer,
            b"trace" => EthereumEtlKind::Trace,
            b"receipt" => EthereumEtlKind::Receipt,
            b"contract" | b"token" => EthereumEtlKind::Asset,
            _ => EthereumEtlKind::Unsupported,
        });
    }
    let any = |keys: &[EthereumEtlKey]| keys.iter().any(|&key| item.has(key));
    if any(&[EthereumEtlKey::TraceType, EthereumEtlKey::TraceId]) {
        return Ok(EthereumEtlKind::Trace);
    }
    if any(&[EthereumEtlKey::Bytecode, EthereumEtlKey::TotalSupply, EthereumEtlKey::Decimals]) {
        return Ok(EthereumEtlKind::Asset);
    }
    if item.has(EthereumEtlKey::TokenAddress) {
        return Ok(EthereumEtlKind::TokenTransfer);
    }
    if item.has(EthereumEtlKey::LogIndex) {
        return Ok(EthereumEtlKind::Log);
    }
    if item.has(EthereumEtlKey::Hash)
        && any(&[
            EthereumEtlKey::FromAddress,
            EthereumEtlKey::Nonce,
            EthereumEtlKey::Input,
            EthereumEtlKey::GasPrice,
        ])
    {
        return Ok(if item.has(EthereumEtlKey::ParentHash) {
            EthereumEtlKind::Block
        } else {
            EthereumEtlKind::Transaction
        });
    }
    if item.has(EthereumEtlKey::Hash) && item.has(EthereumEtlKey::Number) {
        return Ok(EthereumEtlKind::Block);
    }
    if item.has(EthereumEtlKey::TransactionHash) && item.has(EthereumEtlKey::CumulativeGasUsed) {
        return Ok(EthereumEtlKind::Receipt);
    }
    Err(refuse(Reason::MissingField, "no type, and the fields fit no item"))
}

/// Reads where the item was included; `None` while it is pending.
fn inclusion(
    item: &EthereumEtlItem<'_>,
    reader: &mut Reader<'_>,
) -> Result<Option<Inclusion>, Refusal> {
    let Some(height) = item.at(EthereumEtlKey::BlockNumber).height(reader)? else {
        return Ok(None);
    };
    let block = item.at(EthereumEtlKey::BlockHash).hash()?;
    let index = item.at(EthereumEtlKey::TransactionIndex).or_null().count(reader)?;
    Ok(Some(Inclusion { height, block, index }))
}
