//! The EVM formats over real data: counts, sums, and every hash and sender recomputed.

use super::{Decoded, amount, decode_files, ethereum, read, settings, sum};
use crate::data;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::PathBuf,
};
use txwarden::{
    decode::Format,
    model::{
        Amount, Body, CallKind, Chain, EventTime, OutcomeStatus, Phase, Quality, Record, Step,
        Trace, TransferSource, Tx, TxBody, TxId, TxOutcome,
    },
};

impl Decoded {
    fn traces(&self) -> impl Iterator<Item = &Trace> {
        self.events.iter().filter_map(|e| match &e.body {
            Body::Trace(trace) => Some(&**trace),
            _ => None,
        })
    }

    fn receipts(&self) -> impl Iterator<Item = &TxOutcome> {
        self.events.iter().filter_map(|e| match &e.body {
            Body::Outcome(receipt) => Some(&**receipt),
            _ => None,
        })
    }

    /// What calls and rewards carried, whether or not it was told by them first.
    fn traced_value(&self) -> String {
        let moved = self.transfers().map(amount);
        sum(moved.chain(self.traces().map(|trace| trace.value)))
    }

    /// Decodes one payload.
    fn feed(&mut self, chain: &str, format: Format, value: &[u8]) {
        let record = Record { value: Some(value), ..Record::default() };
        self.add(&settings(chain, format), &record);
    }

    fn n_with(&self, flags: Quality) -> usize {
        self.events.iter().filter(|e| e.quality.contains(flags)).count()
    }
}

#[test]
fn ethereum_traces_contracts_tokens_and_receipts() {
    const TEST: &str = "oracle::ethereum_traces";
    let stream = |block: &str, name: &str| {
        ethereum(TEST, &[&format!("ethereum-etl/test_stream/blocks_{block}/expected_{name}.json")])
    };
    let Some(first) = stream("2112234_2112234", "traces") else { return };
    assert_eq!((first.events.len(), &*first.traced_value()), (2, "5000000000000000000"));
    let second = stream("508110_508110", "traces").unwrap();
    assert_eq!((second.events.len(), &*second.traced_value()), (4, "13856239500000000000"));
    assert_eq!(stream("2112234_2112234", "contracts").unwrap().events.len(), 1);
    assert_eq!(stream("2112234_2112234", "tokens").unwrap().events.len(), 1);
    assert_eq!(stream("508110_508110", "contracts").unwrap().events.len(), 1);
    let folder = "ethereum-etl/test_export_receipts_job/receipts_with_logs";
    let all = ethereum(TEST, &[&format!("{folder}/expected_receipts.json")]).unwrap();
    assert_eq!(all.receipts().count(), 4);
    assert!(all.receipts().all(|r| r.outcome.status == OutcomeStatus::Unknown));
    assert_eq!(all.receipts().filter_map(|r| r.outcome.gas_used).sum::<u64>(), 143_706);
    let logs = ethereum(TEST, &[&format!("{folder}/expected_logs.json")]).unwrap();
    assert_eq!(logs.transfers().count(), 2);
}

/// Writes what JSON says as a cell of the exporter's CSV.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(is) => if *is { "True" } else { "False" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Returns the digits that follow the first `key` of a line.
fn digits_after(line: &str, key: &str) -> String {
    let start = line.find(key).unwrap() + key.len();
    line[start..].chars().take_while(char::is_ascii_digit).collect()
}

#[test]
fn ethereum_csv_says_what_its_json_says() {
    const TEST: &str = "oracle::ethereum_csv";
    const COLUMNS: &str = "hash,nonce,block_hash,block_number,transaction_index,from_address,\
                           to_address,value,gas,gas_price,input,block_timestamp,max_fee_per_gas,\
                           max_priority_fee_per_gas,transaction_type";
    const FILE: &str = "ethereum-etl/ethereum_transactions.ethereum-etl.jsonl.gz";
    let Some(of_json) = ethereum(TEST, &[FILE]) else { return };
    let mut of_csv = Decoded::default();
    for line in read(&data::shared(TEST, FILE).unwrap()).lines() {
        let item: Value = serde_json::from_str(line).unwrap();
        let mut row = String::new();
        for name in COLUMNS.split(',') {
            // serde_json would make a float of what exceeds 64 bits.
            let exact = (name == "value").then(|| digits_after(line, "\"value\": "));
            write!(row, "{},", exact.unwrap_or_else(|| cell(&item[name]))).unwrap();
        }
        row.pop();
        of_csv.feed(Chain::ETHEREUM, Format::EthereumEtlCsv, row.as_bytes());
    }
    assert_eq!(of_csv.events.len(), 24_342);
    assert_eq!(of_csv.events, of_json.events);
}

fn folder(test: &str, name: &str) -> Option<Vec<PathBuf>> {
    let mut files: Vec<_> = fs::read_dir(data::shared(test, name)?)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    Some(files)
}

const VERIFIED: Quality = Quality::HASH_VERIFIED.union(Quality::SENDER_VERIFIED);

#[test]
fn evm_rpc_blocks_reproduce_every_hash_and_sender() {
    let Some(files) = folder("oracle::evm_rpc_blocks", "evm-rpc-blocks") else { return };
    let mut all = Decoded::default();
    for file in files {
        all.feed(Chain::ETHEREUM, Format::EvmRpc, read(&file).as_bytes());
    }
    assert_eq!((all.blocks().count(), all.txs().count()), (43, 13_083));
    let types = [0, 1, 2, 3].map(|t| all.evm().filter(|(_, tx)| tx.tx_type == Some(t)).count());
    assert_eq!(types, [5_380, 12, 7_686, 5]);
    assert_eq!(all.evm().filter(|(_, tx)| tx.to.is_none()).count(), 12);
    assert_eq!(sum(all.evm().map(|(_, tx)| tx.value)), "21997732794039773897825");
    assert_eq!(all.transfers().count(), 224);
    assert_eq!(all.n_with(VERIFIED), 13_083);
    // A withdrawal has no hash of its own: it stands under its block's.
    let blocks = all.events.iter().filter(|e| matches!(e.body, Body::Block(_)));
    assert!(blocks.map(|e| e.quality).all(|q| q.contains(Quality::HASH_VERIFIED)));
    assert_eq!(all.n_with(Quality::CHECK_FAILED), 0);
    let etl = ethereum(
        "oracle::evm_rpc_blocks",
        &["ethereum-etl/ethereum_transactions.ethereum-etl.jsonl.gz"],
    );
    // The exporter says of each what the node says, but for lists that it does not export.
    let etl = etl.unwrap();
    let of_exporter: BTreeMap<_, _> = facts(&etl).collect();
    assert!(facts(&all).all(|(id, fact)| of_exporter[&id] == fact));
}

/// Returns transactions with their times, without the counts that only nodes tell.
fn facts(all: &Decoded) -> impl Iterator<Item = (TxId, (EventTime, Tx))> {
    all.events.iter().filter_map(|event| {
        let Body::Tx(tx) = &event.body else { return None };
        let mut tx = (**tx).clone();
        if let TxBody::Evm(evm) = &mut tx.body {
            evm.max_fee_per_blob_gas = None;
            (evm.n_blobs, evm.n_access_entries) = (0, 0);
        }
        Some((tx.id, (event.time, tx)))
    })
}

#[test]
fn rise_blocks_with_deposits() {
    let Some(files) = folder("oracle::rise", "evm-rpc-blocks/rise") else { return };
    let mut all = Decoded::default();
    for file in files {
        all.feed("eip155:4153", Format::EvmRpc, read(&file).as_bytes());
    }
    assert_eq!((all.blocks().count(), all.txs().count()), (2, 571 + 7));
    assert_eq!(all.evm().filter(|(_, tx)| tx.tx_type == Some(0x7e)).count(), 2);
    assert_eq!(sum(all.evm().map(|(_, tx)| tx.value)), "675");
    let txs = all.events.iter().filter(|e| matches!(e.body, Body::Tx(_)));
    assert_eq!(txs.filter(|e| e.quality.contains(Quality::HASH_VERIFIED)).count(), 578);
    assert_eq!(all.n_with(VERIFIED), 576);
}

#[test]
fn evm_raw_payloads_of_an_execution_engine() {
    let Some(files) = folder("oracle::evm_raw", "evm-raw/engine_payload") else { return };
    let mut all = Decoded::default();
    for file in files {
        let call: Value = serde_json::from_str(&read(&file)).unwrap();
        for tx in call["newPayload"]["payload"]["transactions"].as_array().unwrap() {
            all.feed("eip155:560048", Format::EvmRaw, tx.as_str().unwrap().as_bytes());
        }
    }
    let types = [2, 3].map(|t| all.evm().filter(|(_, tx)| tx.tx_type == Some(t)).count());
    assert_eq!((all.events.len(), types), (130, [123, 7]));
    assert_eq!(sum(all.evm().map(|(_, tx)| tx.value)), "32009561250000000000");
    assert_eq!(all.n_with(Quality::SENDER_VERIFIED), 130);
}

#[test]
fn evm_raw_network_messages() {
    const TEST: &str = "oracle::evm_raw_network";
    let file = |name: &str| Some(read(&data::shared(TEST, &format!("evm-raw/{name}"))?));
    let Some(sepolia) = file("tenderly.sepolia.json") else { return };
    let mut all = Decoded::default();
    all.feed("eip155:11155111", Format::EvmRpc, sepolia.as_bytes());
    assert_eq!((all.txs().count(), all.n_with(VERIFIED)), (94, 94));
    assert_eq!(sum(all.evm().map(|(_, tx)| tx.value)), "1142732315524382542");
    let raw = |chain: &str, name: &str| {
        let mut all = Decoded::default();
        all.feed(chain, Format::EvmRaw, file(name).unwrap().as_bytes());
        all
    };
    let new_blocks = [
        ("reth_new_block_network_rlp.hex", 121),
        ("reth_bsc_new_block_network_one.hex", 65),
        ("reth_bsc_new_block_network_two.hex", 51),
    ];
    for (name, n) in new_blocks {
        let all = raw("eip155:56", name);
        assert_eq!((all.blocks().count(), all.txs().count()), (1, n), "{name}");
        assert!(all.evm().all(|(_, tx)| tx.tx_type == Some(0)), "{name}");
    }
    let announced = raw(Chain::ETHEREUM, "reth_new_pooled_transactions_network_rlp.hex");
    let is_announced =
        |body: &Body| matches!(body, Body::Observation(o) if o.phase == Phase::Announced);
    assert_eq!(announced.events.iter().filter(|e| is_announced(&e.body)).count(), 896);
    let id = |all: &Decoded| all.txs().last().unwrap().id.hex()[..8].to_owned();
    let ids = [
        id(&raw("eip155:7", "alloy_4844rlp_0.rlp.gz")),
        id(&raw("eip155:11155111", "alloy_7594rlp_1.rlp.gz")),
        id(&raw("eip155:1", "reth_blob_transaction.hex")),
    ];
    assert_eq!(ids, ["d886baa4", "b7490b74", "bfed3108"]);
}

#[test]
fn evm_traces_of_ten_blocks() {
    let Some(root) = data::shared("oracle::evm_traces", "evm-traces") else { return };
    let mut all = Decoded::default();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "gz") {
            all.feed(Chain::ETHEREUM, Format::EvmBlock, read(&path).as_bytes());
        }
    }
    assert_eq!(all.receipts().count(), 1_295);
    let no_gas = all.receipts().filter(|r| r.outcome.gas_used.is_none()).count();
    assert_eq!(no_gas, 15);
    assert_eq!(all.traces().count() + all.transfers().count(), 6_603);
    let internal = all.transfers().filter(|t| matches!(t.source, TransferSource::Trace(_)));
    let rewards = all.transfers().filter(|t| t.source == TransferSource::Reward);
    assert_eq!(internal.count() + all.traces().count(), 6_593);
    assert_eq!(rewards.count(), 10);
    assert!(all.traces().any(|t| t.call == CallKind::StaticCall));
    // 89 calls failed of their own; what they had called failed with them.
    assert!(all.traces().filter(|t| t.is_failed).count() >= 89);
}

#[test]
fn devchain_subscriptions_as_a_node_pushed_them() {
    const TEST: &str = "oracle::devchain_mempool";
    const MESSAGE: &str = "\"msg\":";
    let Some(path) = data::shared(TEST, "devchain/mempool.jsonl.gz") else { return };
    let settings = settings("eip155:20261", Format::EvmRpc);
    let mut all = Decoded::default();
    for line in read(&path).lines() {
        // The message is the last field of the line that was recorded.
        let start = line.find(MESSAGE).unwrap() + MESSAGE.len();
        let value = Some(&line.as_bytes()[start..line.len() - 1]);
        let kafka_ms = digits_after(line, "\"recv_ms\":").parse().ok();
        all.add(&settings, &Record { kafka_ms, value, ..Record::default() });
    }
    assert_eq!(all.events.len(), 5_642);
    assert_eq!(all.txs().count(), 1_374 + 271 + 64);
    assert!(all.txs().all(|tx| tx.inclusion.is_none()));
    assert_eq!(all.n_with(VERIFIED), 1_709);
    let seen = all.events.iter().filter(|e| matches!(e.body, Body::Observation(_)));
    assert_eq!(seen.count(), 1_709);
    let heads = || all.blocks().filter(|b| b.step == Step::Committed);
    assert_eq!(heads().count(), 598);
    assert!(heads().all(|b| b.base_fee_per_gas != Some(Amount::ZERO)));
    assert_eq!(all.n_with(Quality::HASH_VERIFIED), 1_709 + 598);
}

/// The node's own answers and what the exporter made of them are the same facts.
#[test]
fn node_answers_and_the_exporter_agree() {
    const TEST: &str = "oracle::node_answers";
    const FOLDER: &str = "ethereum-etl/test_stream/blocks_1755634_1755635";
    let answer = |name: &str| format!("{FOLDER}/web3_response.{name}.json");
    let answers = [
        answer("eth_getBlockByNumber_0x1ac9f2_true"),
        answer("eth_getBlockByNumber_0x1ac9f3_true"),
    ];
    let mut of_node = Decoded::default();
    for file in &answers {
        let Some(path) = data::shared(TEST, file) else { return };
        of_node.feed(Chain::ETHEREUM, Format::EvmRpc, read(&path).as_bytes());
    }
    let file = format!("{FOLDER}/expected_transactions.json");
    let exported = decode_files(TEST, Chain::ETHEREUM, Format::EthereumEtl, &[&file]).unwrap();
    let ids = |all: &Decoded| -> BTreeSet<_> {
        let txs = all.events.iter().filter(|e| matches!(e.body, Body::Tx(_)));
        txs.map(|e| e.id(Chain::ETHEREUM)).collect()
    };
    assert_eq!(ids(&of_node).len(), 2);
    assert_eq!(ids(&of_node), ids(&exported));
}
