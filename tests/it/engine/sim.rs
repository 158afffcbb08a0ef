//! The simulator: same seed, same bytes; the exporters' JSON; incidents that are really there.

use expect_test::expect;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use txwarden::{
    model::Family,
    sim::{Evm, Line, Scenario, Truth, Utxo, incident},
};

/// A day and a half of both chains, with room for every incident.
fn scenario(seed: u64) -> Scenario {
    let evm = Evm { n_blocks: 2_160, block_secs: 60, txs_per_block: 4.0, ..Evm::default() };
    Scenario::new(seed).evm(evm).utxo(Utxo { n_blocks: 216, ..Utxo::default() })
}

fn digest(lines: &[Line]) -> String {
    let mut hasher = Sha256::new();
    for line in lines {
        hasher.update(line.event_time.micros().to_le_bytes());
        hasher.update(line.json.as_bytes());
    }
    hasher.finalize().iter().take(8).map(|b| format!("{b:02x}")).collect()
}

fn parse(line: &Line) -> serde_json::Value {
    serde_json::from_str(&line.json).unwrap()
}

fn count(lines: &[Line], truth: &Truth) -> String {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines {
        let kind = format!("{:?} {}", line.family, parse(line)["type"].as_str().unwrap());
        *kinds.entry(kind).or_default() += 1;
    }
    format!("{kinds:?} {} incidents", truth.incidents.len())
}

#[test]
fn one_seed_is_one_stream_of_bytes() {
    let (lines, truth) = scenario(7).generate();
    let (again, _) = scenario(7).generate();
    let (other, _) = scenario(8).generate();
    assert!(lines == again, "the same seed gave other records");
    assert_ne!(digest(&lines), digest(&other));
    expect![[r#"32bf6b7a00c44f63 {"Evm block": 2162, "Evm log": 1730, "Evm token_transfer": 1653, "Evm transaction": 8437, "Utxo block": 218, "Utxo transaction": 4336} 25 incidents"#]].assert_eq(&format!("{} {}", digest(&lines), count(&lines, &truth)));
}

#[test]
fn every_incident_of_the_table_is_planted_with_its_transactions() {
    let (lines, truth) = scenario(7).generate();
    let names: BTreeSet<_> = truth.incidents.iter().map(|i| i.name).collect();
    assert_eq!(names.len(), incident::TABLE.len());
    for (idx, planted) in truth.incidents.iter().enumerate() {
        let records: Vec<_> = lines.iter().filter(|l| l.incident == Some(idx)).collect();
        assert_eq!(records.len() as u64, planted.n_records, "{}", planted.name);
        assert!(!records.is_empty(), "{} was never carried out", planted.name);
        assert!(!planted.subjects.is_empty() || planted.name.starts_with("coinjoin"));
        assert!(records.iter().all(|l| l.family == planted.family));
        for id in &planted.tx_ids {
            assert!(records.iter().any(|l| l.json.contains(id)), "{} lost {id}", planted.name);
        }
    }
}

#[test]
fn records_have_the_exporters_keys_in_the_exporters_order() {
    let (lines, _) = scenario(3).generate();
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for line in &lines {
        let kind = format!("{:?} {}", line.family, parse(line)["type"].as_str().unwrap());
        first.entry(kind).or_insert_with(|| keys(&line.json));
    }
    let shown: String = first.iter().map(|(kind, keys)| format!("{kind}: {keys}\n")).collect();
    expect![[r#"
        Evm block: type number hash parent_hash nonce sha3_uncles logs_bloom transactions_root state_root receipts_root miner difficulty total_difficulty size extra_data gas_limit gas_used timestamp transaction_count base_fee_per_gas withdrawals_root withdrawals blob_gas_used excess_blob_gas item_id item_timestamp
        Evm log: type log_index transaction_hash transaction_index address data topics block_number block_timestamp block_hash item_id item_timestamp
        Evm token_transfer: type token_address from_address to_address value transaction_hash log_index block_number block_timestamp block_hash item_id item_timestamp
        Evm transaction: type hash nonce transaction_index from_address to_address value gas gas_price input block_timestamp block_number block_hash max_fee_per_gas max_priority_fee_per_gas transaction_type max_fee_per_blob_gas blob_versioned_hashes receipt_cumulative_gas_used receipt_gas_used receipt_contract_address receipt_root receipt_status receipt_effective_gas_price receipt_l1_fee receipt_l1_gas_used receipt_l1_gas_price receipt_l1_fee_scalar receipt_blob_gas_price receipt_blob_gas_used item_id item_timestamp
        Utxo block: type hash size stripped_size weight number version merkle_root timestamp nonce bits coinbase_param transaction_count item_id
        Utxo transaction: type hash size virtual_size version lock_time block_number block_hash block_timestamp is_coinbase index inputs outputs input_count output_count input_value output_value fee item_id
    "#]].assert_eq(&shown);
    let tx = lines.iter().find(|l| l.family == Family::Evm && l.n_transactions == 1).unwrap();
    assert!(tx.json.starts_with(r#"{"type": "transaction", "hash": "0x"#), "{}", tx.json);
    let tx = lines.iter().find(|l| l.family == Family::Utxo && l.n_transactions == 1).unwrap();
    assert!(tx.json.starts_with(r#"{"type":"transaction","hash":""#), "{}", tx.json);
}

/// Returns the keys of the outermost object in the order in which they are written.
fn keys(json: &str) -> String {
    let (mut depth, mut out, mut rest) = (0, Vec::new(), json);
    while let Some(at) = rest.find(['{', '}', '[', ']', '"']) {
        let bracket = rest.as_bytes()[at];
        rest = &rest[at + 1..];
        match bracket {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {
                let (text, after) = rest.split_once('"').unwrap();
                if depth == 1 && after.starts_with(':') {
                    out.push(text);
                }
                rest = after;
            }
        }
    }
    out.join(" ")
}

#[test]
fn evm_nonces_and_parents_are_consistent() {
    let (lines, _) = scenario(5).without_incidents().generate();
    let mut nonces: BTreeMap<String, u64> = BTreeMap::new();
    let (mut parent, mut n) = (None, 0);
    for line in lines.iter().filter(|l| l.family == Family::Evm) {
        let row = parse(line);
        match row["type"].as_str().unwrap() {
            "transaction" => {
                let nonce = row["nonce"].as_u64().unwrap();
                let sender = row["from_address"].as_str().unwrap().to_owned();
                if let Some(last) = nonces.insert(sender, nonce) {
                    assert_eq!(nonce, last + 1);
                    n += 1;
                }
            }
            "block" => {
                let hash = row["hash"].as_str().unwrap().to_owned();
                if let Some(parent) = parent.replace(hash) {
                    assert_eq!(row["parent_hash"].as_str().unwrap(), parent);
                }
            }
            _ => {}
        }
    }
    assert!(n > 1_000, "only {n} nonces were compared");
}

#[test]
fn utxo_inputs_spend_real_outputs_once_and_fees_are_sane() {
    let (lines, _) = scenario(5).without_incidents().generate();
    let mut outputs: BTreeMap<(String, u64), u64> = BTreeMap::new();
    let mut spent: BTreeSet<(String, u64)> = BTreeSet::new();
    let mut n_chained = 0;
    for line in lines.iter().filter(|l| l.family == Family::Utxo && l.n_transactions == 1) {
        let row = parse(line);
        let id = row["hash"].as_str().unwrap().to_owned();
        for input in row["inputs"].as_array().unwrap() {
            let tx = input["spent_transaction_hash"].as_str().unwrap().to_owned();
            let outpoint = (tx, input["spent_output_index"].as_u64().unwrap());
            if let Some(value) = outputs.get(&outpoint) {
                assert_eq!(input["value"].as_u64().unwrap(), *value);
                n_chained += 1;
            }
            assert!(spent.insert(outpoint), "an output was spent twice");
        }
        for output in row["outputs"].as_array().unwrap() {
            let index = output["index"].as_u64().unwrap();
            outputs.insert((id.clone(), index), output["value"].as_u64().unwrap());
        }
        if !row["is_coinbase"].as_bool().unwrap() {
            let rate = row["fee"].as_f64().unwrap() / row["virtual_size"].as_f64().unwrap();
            assert!((1.0..60.0).contains(&rate), "a background fee rate of {rate}");
        }
    }
    assert!(n_chained > 1_000, "only {n_chained} inputs spend simulated outputs");
}
