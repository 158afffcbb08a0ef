//! ethereum-etl 2.4 JSON: its key names, its key order, its separators.

use super::{
    chain::{BLOCK_GAS_LIMIT, MinedBlock, Out, Sealed},
    draft::{Addr, Effect, pad, word},
};
use crate::sim::writer::{JsonWriter, hex, iso};

/// keccak256("Transfer(address,address,uint256)").
const TRANSFER: &str = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
/// keccak256("Approval(address,address,uint256)").
const APPROVAL: &str = "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925";
/// Root of an empty trie: what the exporter shows where there is nothing to prove.
const EMPTY_ROOT: &str = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
/// keccak256 of an empty list of uncles.
const NO_UNCLES: &str = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347";

/// Where in a block a transaction is.
pub(super) struct TxIndex<'a> {
    block: &'a MinedBlock,
    index: usize,
    cumulative_gas: u64,
}

/// Writes a block's records: header, then each transaction followed by its transfers and logs.
pub(super) fn write_block(block: &MinedBlock, out: &mut Out<'_>) {
    let gas_used = block.txs.iter().map(|tx| tx.gas_used).sum();
    out.push(header(block, gas_used), block.secs, 0, block.incident, None);
    let (mut cumulative_gas, mut log_index) = (0, 0);
    for (index, tx) in block.txs.iter().enumerate() {
        cumulative_gas += tx.gas_used;
        let place = TxIndex { block, index, cumulative_gas };
        let incident = tx.draft.incident;
        out.push(transaction(tx, Some(&place)), block.secs, 1, incident, Some(&tx.hash));
        if tx.draft.is_failed {
            continue;
        }
        for effect in &tx.draft.effects {
            if let Effect::Transfer { .. } = effect {
                let json = token_transfer(tx, effect, &place, log_index);
                out.push(json, block.secs, 0, incident, Some(&tx.hash));
            }
            let json = log(tx, effect, &place, log_index);
            out.push(json, block.secs, 0, incident, Some(&tx.hash));
            log_index += 1;
        }
    }
}

/// Writes a transaction; without a place it is pending.
pub(super) fn transaction(tx: &Sealed, place: Option<&TxIndex<'_>>) -> String {
    let draft = &tx.draft;
    let mut w = JsonWriter::spaced(1_536 + 2 * draft.input.len());
    w.open('{').key("type").text("transaction");
    w.key("hash").hex("0x", &tx.hash).field("nonce", tx.nonce);
    w.optional("transaction_index", place.map(|p| p.index));
    w.key("from_address").hex("0x", &draft.from);
    address(&mut w, "to_address", draft.to.as_ref());
    w.field("value", draft.value_wei).field("gas", tx.gas).field("gas_price", tx.gas_price);
    w.key("input").hex("0x", &draft.input);
    w.optional("block_timestamp", place.map(|p| p.block.secs));
    w.optional("block_number", place.map(|p| p.block.height));
    match place {
        Some(place) => w.key("block_hash").hex("0x", &place.block.hash),
        None => w.field("block_hash", "null"),
    };
    let is_1559 = tx.tx_type == 2;
    w.optional("max_fee_per_gas", is_1559.then_some(tx.max_fee));
    w.optional("max_priority_fee_per_gas", is_1559.then_some(tx.max_tip));
    w.field("transaction_type", tx.tx_type);
    w.field("max_fee_per_blob_gas", "null").field("blob_versioned_hashes", "[]");
    receipt(&mut w, tx, place);
    w.key("item_id").text(&format!("transaction_0x{}", hex(&tx.hash)));
    match place {
        Some(place) => w.key("item_timestamp").text(&iso(place.block.secs)),
        None => w.field("item_timestamp", "null"),
    };
    w.close('}');
    w.finish()
}

fn receipt(w: &mut JsonWriter, tx: &Sealed, place: Option<&TxIndex<'_>>) {
    w.optional("receipt_cumulative_gas_used", place.map(|p| p.cumulative_gas));
    w.optional("receipt_gas_used", place.map(|_| tx.gas_used));
    let created: Option<&Addr> =
        if tx.draft.to.is_none() { tx.hash.last_chunk::<20>() } else { None };
    address(w, "receipt_contract_address", created.filter(|_| place.is_some()));
    w.field("receipt_root", "null");
    w.optional("receipt_status", place.map(|_| u8::from(!tx.draft.is_failed)));
    w.optional("receipt_effective_gas_price", place.map(|_| tx.gas_price));
    for key in ["l1_fee", "l1_gas_used", "l1_gas_price", "l1_fee_scalar"] {
        w.field(&format!("receipt_{key}"), "null");
    }
    w.field("receipt_blob_gas_price", "null").field("receipt_blob_gas_used", "null");
}

fn header(block: &MinedBlock, gas_used: u64) -> String {
    let mut w = JsonWriter::spaced(2_304);
    w.open('{').key("type").text("block").field("number", block.height);
    w.key("hash").hex("0x", &block.hash).key("parent_hash").hex("0x", &block.parent);
    w.key("nonce").text("0x0000000000000000").key("sha3_uncles").text(NO_UNCLES);
    w.key("logs_bloom").hex("0x", &[0; 256]);
    w.key("transactions_root").text(EMPTY_ROOT).key("state_root").text(EMPTY_ROOT);
    w.key("receipts_root").text(EMPTY_ROOT);
    w.key("miner").hex("0x", &[0x4c; 20]);
    w.field("difficulty", 0).field("total_difficulty", "null");
    w.field("size", 600 + 180 * block.txs.len());
    w.key("extra_data").text("0x").field("gas_limit", BLOCK_GAS_LIMIT);
    w.field("gas_used", gas_used).field("timestamp", block.secs);
    w.field("transaction_count", block.txs.len()).field("base_fee_per_gas", block.base_fee);
    w.key("withdrawals_root").text(EMPTY_ROOT).field("withdrawals", "[]");
    w.field("blob_gas_used", 0).field("excess_blob_gas", 0);
    w.key("item_id").text(&format!("block_0x{}", hex(&block.hash)));
    w.key("item_timestamp").text(&iso(block.secs)).close('}');
    w.finish()
}

fn token_transfer(tx: &Sealed, effect: &Effect, place: &TxIndex<'_>, log_index: u32) -> String {
    let Effect::Transfer { token, from, to, amount } = effect else { return String::new() };
    let mut w = JsonWriter::spaced(704);
    w.open('{').key("type").text("token_transfer").key("token_address").hex("0x", token);
    w.key("from_address").hex("0x", from).key("to_address").hex("0x", to);
    w.field("value", amount).key("transaction_hash").hex("0x", &tx.hash);
    w.field("log_index", log_index).field("block_number", place.block.height);
    w.field("block_timestamp", place.block.secs).key("block_hash").hex("0x", &place.block.hash);
    w.key("item_id").text(&format!("token_transfer_0x{}_{log_index}", hex(&tx.hash)));
    w.key("item_timestamp").text(&iso(place.block.secs)).close('}');
    w.finish()
}

fn log(tx: &Sealed, effect: &Effect, place: &TxIndex<'_>, log_index: u32) -> String {
    let (token, topic0, first, second, amount) = match effect {
        Effect::Transfer { token, from, to, amount } => (token, TRANSFER, from, to, amount),
        Effect::Approval { token, owner, spender, amount } => {
            (token, APPROVAL, owner, spender, amount)
        }
    };
    let mut w = JsonWriter::spaced(1_024);
    w.open('{').key("type").text("log").field("log_index", log_index);
    w.key("transaction_hash").hex("0x", &tx.hash).field("transaction_index", place.index);
    w.key("address").hex("0x", token).key("data").hex("0x", &word(*amount));
    w.key("topics").open('[').text(topic0).hex("0x", &pad(first)).hex("0x", &pad(second));
    w.close(']').field("block_number", place.block.height);
    w.field("block_timestamp", place.block.secs).key("block_hash").hex("0x", &place.block.hash);
    w.key("item_id").text(&format!("log_0x{}_{log_index}", hex(&tx.hash)));
    w.key("item_timestamp").text(&iso(place.block.secs)).close('}');
    w.finish()
}

fn address(w: &mut JsonWriter, key: &str, address: Option<&Addr>) {
    match address {
        Some(address) => w.key(key).hex("0x", address),
        None => w.field(key, "null"),
    };
}
