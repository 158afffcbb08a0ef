//! bitcoin-etl 1.5 JSON, compact as its console lines are.

use super::draft::{UtxoDraft, vsize};
use crate::sim::writer::{JsonWriter, hex};

/// A block as far as records show it.
#[derive(Clone, Debug)]
pub(super) struct ShownBlock {
    pub(super) height: u64,
    pub(super) hash: [u8; 32],
    pub(super) secs: i64,
    /// The coinbase first.
    pub(super) txs: Vec<UtxoDraft>,
    /// The incident whose record the header is.
    pub(super) incident: Option<usize>,
}

/// Writes a block record.
pub(super) fn header(block: &ShownBlock) -> String {
    let size = block.txs.iter().map(|t| vsize(t.inputs.len(), t.outputs.len())).sum::<u64>();
    let mut w = JsonWriter::compact(640);
    w.open('{').key("type").text("block").key("hash").hex("", &block.hash);
    w.field("size", size).field("stripped_size", size).field("weight", 4 * size);
    w.field("number", block.height).field("version", 0x2000_0000);
    w.key("merkle_root").hex("", &block.hash).field("timestamp", block.secs);
    w.key("nonce").text("0").key("bits").text("17028c61");
    w.key("coinbase_param").hex("", &block.hash[..8]).field("transaction_count", block.txs.len());
    w.key("item_id").text(&format!("block_{}", hex(&block.hash))).close('}');
    w.finish()
}

/// Writes a transaction; without a block and index it is pending.
pub(super) fn transaction(tx: &UtxoDraft, place: Option<(&ShownBlock, usize)>) -> String {
    let is_coinbase = tx.inputs.is_empty();
    let size = vsize(tx.inputs.len(), tx.outputs.len());
    let mut w = JsonWriter::compact(700 + 400 * (tx.inputs.len() + tx.outputs.len()));
    w.open('{').key("type").text("transaction").key("hash").hex("", &tx.id);
    w.field("size", size).field("virtual_size", size).field("version", 2).field("lock_time", 0);
    w.optional("block_number", place.map(|(b, _)| b.height));
    match place {
        Some((block, _)) => w.key("block_hash").hex("", &block.hash),
        None => w.field("block_hash", "null"),
    };
    w.optional("block_timestamp", place.map(|(b, _)| b.secs)).field("is_coinbase", is_coinbase);
    w.optional("index", place.map(|(_, index)| index));
    w.key("inputs").open('[');
    for (index, coin) in tx.inputs.iter().enumerate() {
        // BIP 125: 0xfffffffd signals replaceability, 0xfffffffe only enables lock times.
        let sequence: u32 = if tx.is_rbf { 0xffff_fffd } else { 0xffff_fffe };
        w.open('{').field("index", index).key("spent_transaction_hash").hex("", &coin.tx);
        w.field("spent_output_index", coin.index).key("script_asm").text("");
        w.key("script_hex").text("").field("sequence", sequence).field("required_signatures", 1);
        w.key("type").text(coin.script.type_name());
        w.key("addresses").open('[').text(&coin.script.address()).close(']');
        w.field("value", coin.value_sat).close('}');
    }
    w.close(']').key("outputs").open('[');
    for (index, payment) in tx.outputs.iter().enumerate() {
        w.open('{').field("index", index).key("script_asm").text("");
        w.key("script_hex").hex("", &payment.script.bytes()).field("required_signatures", 1);
        w.key("type").text(payment.script.type_name());
        w.key("addresses").open('[').text(&payment.script.address()).close(']');
        w.field("value", payment.value_sat).close('}');
    }
    w.close(']').field("input_count", tx.inputs.len()).field("output_count", tx.outputs.len());
    // For a coinbase the exporter says input 0 and fee 0.
    let (input, output) = (tx.input_sat(), tx.output_sat());
    w.field("input_value", input).field("output_value", output);
    w.field("fee", if is_coinbase { 0 } else { input as i64 - output as i64 });
    w.key("item_id").text(&format!("transaction_{}", hex(&tx.id))).close('}');
    w.finish()
}
