//! Blocks of nodes over real data hold what their headers commit to, and notice what is missing.

use super::{Decoded, read, settings};
use crate::data;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, fs, path::PathBuf};
use txwarden::{
    decode::{Batch, Format, Reason, Refusal, decode},
    model::{Body, Chain, Quality, Record},
};

fn json_files(test: &str, name: &str) -> Option<Vec<PathBuf>> {
    let files = fs::read_dir(data::shared(test, name)?).unwrap().map(|f| f.unwrap().path());
    Some(files.filter(|path| path.extension().is_some_and(|e| e == "json")).collect())
}

/// Decodes blocks and counts those whose contents were verified.
fn n_verified(chain: &str, format: Format, records: impl IntoIterator<Item = Vec<u8>>) -> usize {
    let settings = settings(chain, format);
    let mut all = Decoded::default();
    for record in records {
        all.add(&settings, &Record { value: Some(&record), ..Record::default() });
    }
    assert!(all.events.iter().all(|e| !e.quality.contains(Quality::CHECK_FAILED)));
    let blocks = all.events.iter().filter(|e| matches!(e.body, Body::Block(_)));
    blocks.filter(|e| e.quality.contains(Quality::CONTENT_VERIFIED)).count()
}

/// Returns why a record is refused, `None` when it is not.
fn refused(chain: &str, record: &Value) -> Option<Reason> {
    let mut batch = Batch::default();
    let text = record.to_string();
    let record = Record { value: Some(text.as_bytes()), ..Record::default() };
    decode(&settings(chain, Format::EvmRpc), &record, &mut batch);
    // Receipts and withdrawals are refused by themselves, behind their block.
    batch.parts.iter().find_map(|part| match part.verdict {
        Err(Refusal::DeadLetter { reason, .. }) => Some(reason),
        _ => None,
    })
}

#[test]
fn blocks_of_all_forks_hold_what_their_headers_commit_to() {
    const TEST: &str = "oracle::roots";
    let Some(files) = json_files(TEST, "evm-rpc-blocks") else { return };
    let texts: Vec<String> = files.iter().map(|file| read(file)).collect();
    let records = texts.iter().map(|text| text.clone().into_bytes());
    assert_eq!(n_verified(Chain::ETHEREUM, Format::EvmRpc, records), 43);
    let rise = json_files(TEST, "evm-rpc-blocks/rise").unwrap();
    let records = rise.iter().map(|file| read(file).into_bytes());
    assert_eq!(n_verified("eip155:4153", Format::EvmRpc, records), 2);
    for name in ["reth_bsc_new_block_network_one.hex", "reth_bsc_new_block_network_two.hex"] {
        let path = data::shared(TEST, &format!("evm-raw/{name}")).unwrap();
        let record = read(&path).into_bytes();
        assert_eq!(n_verified("eip155:56", Format::EvmRaw, [record]), 1, "{name}");
    }
    // The control: each block without its last transaction, or with its first one twice.
    let mut n_refused = 0;
    for text in &texts {
        let whole: Value = serde_json::from_str(text).unwrap();
        let edit = |edit: &dyn Fn(&mut Vec<Value>)| {
            let mut whole = whole.clone();
            let block = if whole["result"].is_object() { &mut whole["result"] } else { &mut whole };
            edit(block["transactions"].as_array_mut().unwrap());
            refused(Chain::ETHEREUM, &whole)
        };
        let short = edit(&|txs| drop(txs.pop()));
        let doubled = edit(&|txs| txs.extend(txs.first().cloned()));
        assert_eq!(short, doubled);
        n_refused += usize::from(short == Some(Reason::CheckFailed));
    }
    // Four have no transaction.
    assert_eq!(n_refused, 43 - n_empty(&texts));
}

fn n_empty(texts: &[String]) -> usize {
    texts.iter().filter(|text| text.contains("\"transactions\":[]")).count()
}

/// What the exporter says of receipts, as a node answers it.
fn receipt(tx: &Value, logs: &[Value]) -> Value {
    let log = |log: &Value| {
        json!({"address": log["address"], "topics": log["topics"], "data": log["data"],
            "logIndex": log["log_index"], "transactionHash": log["transaction_hash"],
            "blockHash": log["block_hash"], "blockNumber": log["block_number"]})
    };
    json!({"transactionHash": tx["hash"], "transactionIndex": tx["transaction_index"],
        "blockHash": tx["block_hash"], "blockNumber": tx["block_number"],
        "type": tx["transaction_type"], "status": tx["receipt_status"],
        "gasUsed": tx["receipt_gas_used"], "cumulativeGasUsed": tx["receipt_cumulative_gas_used"],
        "logs": logs.iter().map(log).collect::<Vec<_>>()})
}

/// Receipts of a real node, types and logs among them: their blooms are computed.
#[test]
fn receipts_of_a_whole_chain_are_those_that_headers_commit_to() {
    const TEST: &str = "oracle::receipt_roots";
    // Told as of a chain whose recipe is known: of a private one nothing would be refuted.
    const CHAIN: &str = "eip155:560048";
    let rows = |topic: &str| -> Option<Vec<Value>> {
        let text = read(&data::shared(TEST, &format!("devchain/{topic}.jsonl.gz"))?);
        let row = |line: &str| -> Value {
            let record: Value = serde_json::from_str(line).unwrap();
            serde_json::from_str(record["payload"].as_str().unwrap()).unwrap()
        };
        Some(text.lines().map(row).collect())
    };
    let Some(txs) = rows("transactions") else { return };
    let name = |value: &Value| value.as_str().unwrap().to_owned();
    let mut by_block: BTreeMap<String, BTreeMap<u64, Value>> = BTreeMap::new();
    for tx in txs {
        let index = tx["transaction_index"].as_u64().unwrap();
        by_block.entry(name(&tx["block_hash"])).or_default().insert(index, tx);
    }
    let mut logs: BTreeMap<String, BTreeMap<u64, Value>> = BTreeMap::new();
    for log in rows("logs").unwrap() {
        let index = log["log_index"].as_u64().unwrap();
        logs.entry(name(&log["transaction_hash"])).or_default().insert(index, log);
    }
    let (mut n_blocks, mut n_refused) = (0, 0);
    for block in rows("blocks").unwrap() {
        let Some(txs) = by_block.remove(&name(&block["hash"])) else { continue };
        assert_eq!(Some(txs.len() as u64), block["transaction_count"].as_u64());
        let logs_of = |tx: &Value| -> Vec<Value> {
            logs.get(&name(&tx["hash"])).map(|l| l.values().cloned().collect()).unwrap_or_default()
        };
        let receipts: Vec<Value> = txs.values().map(|tx| receipt(tx, &logs_of(tx))).collect();
        let ids: Vec<&Value> = txs.values().map(|tx| &tx["hash"]).collect();
        let mut record = Map::from_iter([(
            "block".to_owned(),
            json!({"hash": block["hash"], "number": block["number"],
                "parentHash": block["parent_hash"], "timestamp": block["timestamp"],
                "receiptsRoot": block["receipts_root"], "transactions": ids}),
        )]);
        record.insert("receipts".to_owned(), Value::from(receipts.clone()));
        assert_eq!(refused(CHAIN, &Value::from(record.clone())), None, "{}", block["number"]);
        n_blocks += 1;
        let mut wrong = receipts;
        wrong[0]["status"] = json!(1 - wrong[0]["status"].as_u64().unwrap());
        record.insert("receipts".to_owned(), Value::from(wrong));
        let refusal = refused(CHAIN, &Value::from(record));
        n_refused += usize::from(refusal == Some(Reason::CheckFailed));
    }
    assert!(n_blocks > 200, "{n_blocks}");
    assert_eq!(n_refused, n_blocks);
}

/// Before Byzantium a receipt carries a state root.
#[test]
fn receipts_with_state_roots_are_those_that_the_header_commits_to() {
    const TEST: &str = "oracle::old_receipt_roots";
    const FOLDER: &str = "ethereum-etl/test_stream/blocks_1755634_1755635";
    let Some(folder) = data::shared(TEST, FOLDER) else { return };
    let answer = |name: &str| -> Value {
        let text = read(&folder.join(format!("web3_response.{name}.json")));
        serde_json::from_str::<Value>(&text).unwrap()["result"].take()
    };
    let block = answer("eth_getBlockByNumber_0x1ac9f3_true");
    let txs = block["transactions"].as_array().unwrap();
    let hash = |tx: &Value| tx["hash"].as_str().unwrap().to_owned();
    let receipts = txs.iter().map(|tx| answer(&format!("eth_getTransactionReceipt_{}", hash(tx))));
    let mut receipts: Vec<Value> = receipts.collect();
    assert_eq!(receipts.len(), 2);
    let bundle = |receipts: &[Value]| json!({"block": block, "receipts": receipts});
    let whole = bundle(&receipts);
    let record = whole.to_string().into_bytes();
    assert_eq!(n_verified(Chain::ETHEREUM, Format::EvmBlock, [record]), 1);
    receipts[1]["root"] = receipts[0]["root"].clone();
    assert_eq!(refused(Chain::ETHEREUM, &bundle(&receipts)), Some(Reason::CheckFailed));
}
