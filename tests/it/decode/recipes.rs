//! Blocks whose id is a hash of unknown recipe, on any chain or on the day of a fork: read and
//! flagged, and no match for what is verified. And one bad element, which does not sink its block.

use crate::{data, state::checks::Bench};
use serde_json::{Value, json};
use sha3::{Digest, Keccak256};
use std::fs;
use txwarden::decode::{Checks, Format, Policy};

const EMPTY_ROOT: &str = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
const NO_UNCLES: &str = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347";
const SANCTIONED_BLOCK: u64 = 100;

fn bytes(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("0x").unwrap();
    let digits = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits.to_owned() };
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
        .collect()
}

fn rlp_head(kind: u8, n: usize) -> Vec<u8> {
    if n < 56 {
        return vec![kind + n as u8];
    }
    let digits: Vec<u8> = n.to_be_bytes().into_iter().skip_while(|&b| b == 0).collect();
    [vec![kind + 55 + digits.len() as u8], digits].concat()
}

fn rlp_item(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [byte @ 0..0x80] => vec![*byte],
        _ => [rlp_head(0x80, bytes.len()), bytes.to_vec()].concat(),
    }
}

/// Hashes a header as Ethereum does: `true` marks integers, whose zeros in front are not written.
fn seal(header: &Value, fields: &[(&str, bool)]) -> String {
    let items: Vec<u8> = fields
        .iter()
        .flat_map(|(name, is_number)| {
            let bytes = bytes(header[name].as_str().unwrap());
            let zeros = bytes.iter().take_while(|&&b| b == 0 && *is_number).count();
            rlp_item(&bytes[zeros..])
        })
        .collect();
    let hash = Keccak256::digest([rlp_head(0xc0, items.len()), items].concat());
    hash.iter().fold("0x".to_owned(), |text, b| format!("{text}{b:02x}"))
}

const HEADER: [(&str, bool); 16] = [
    ("parentHash", false),
    ("sha3Uncles", false),
    ("miner", false),
    ("stateRoot", false),
    ("transactionsRoot", false),
    ("receiptsRoot", false),
    ("logsBloom", false),
    ("difficulty", true),
    ("number", true),
    ("gasLimit", true),
    ("gasUsed", true),
    ("timestamp", true),
    ("extraData", false),
    ("mixHash", false),
    ("nonce", false),
    ("baseFeePerGas", true),
];

/// An empty block with these fields behind the known ones, which are hashed with them.
fn block(height: u64, parent: &str, branch: u8, extra: &[&str]) -> Value {
    let mut header = json!({
        "parentHash": parent, "sha3Uncles": NO_UNCLES, "miner": format!("0x{:040x}", branch),
        "stateRoot": EMPTY_ROOT, "transactionsRoot": EMPTY_ROOT, "receiptsRoot": EMPTY_ROOT,
        "logsBloom": format!("0x{:0512x}", 0), "difficulty": "0x0",
        "number": format!("{height:#x}"), "gasLimit": "0x1c9c380", "gasUsed": "0x0",
        "timestamp": format!("{:#x}", 1_699_900_000 + 12 * height), "extraData": "0x",
        "mixHash": EMPTY_ROOT, "nonce": "0x0000000000000000", "baseFeePerGas": "0x7",
        "size": "0x200", "uncles": [], "transactions": [],
    });
    let mut fields = HEADER.to_vec();
    for name in extra {
        header[*name] = json!(NO_UNCLES);
        fields.push((name, false));
    }
    header["hash"] = json!(seal(&header, &fields));
    header
}

fn hash_of(block: &Value) -> String {
    block["hash"].as_str().unwrap().to_owned()
}

/// Feeds `n` verified blocks from height 100 on; returns them.
fn chain(bench: &mut Bench, n: u64) -> Vec<Value> {
    let mut blocks: Vec<Value> = Vec::new();
    for height in SANCTIONED_BLOCK..SANCTIONED_BLOCK + n {
        let parent = blocks.last().map_or(NO_UNCLES.to_owned(), hash_of);
        blocks.push(block(height, &parent, 1, &[]));
        bench.feed(blocks.last().unwrap());
    }
    assert_eq!((bench.tip(), bench.refused.len()), (Some(SANCTIONED_BLOCK + n - 1), 0));
    blocks
}

fn ethereum() -> Bench {
    Bench::new("eip155:1", Format::EvmRpc, Checks::default())
}

#[test]
fn a_header_of_known_recipe_with_another_hash_is_refuted() {
    let mut bench = ethereum();
    let blocks = chain(&mut bench, 3);
    for change in ["stateRoot", "receiptsRoot", "mixHash"] {
        let mut forged = block(103, &hash_of(&blocks[2]), 2, &[]);
        forged[change] = json!(NO_UNCLES);
        bench.feed(&forged);
        assert_eq!(bench.refused.pop().unwrap().1, "not its header's hash", "{change}");
    }
    assert_eq!((bench.tip(), bench.failed("unverified")), (Some(102), 0));
}

/// Whatever a fork appends, on its day every block is read, and counted as not verified.
#[test]
fn a_fork_stops_nothing() {
    for extra in [&["newRoot"][..], &["newRoot", "otherRoot"], &["a", "b", "c"]] {
        let mut bench = ethereum();
        let blocks = chain(&mut bench, 3);
        let mut parent = hash_of(&blocks[2]);
        for height in 103..110 {
            let next = block(height, &parent, 1, extra);
            parent = hash_of(&next);
            bench.feed(&next);
        }
        assert_eq!((bench.tip(), bench.refused.len(), bench.n_reorgs()), (Some(109), 0, 0));
        assert_eq!(bench.failed("unverified"), 7);
        // Among themselves they reorganise as blocks do.
        bench.feed(&block(109, &hash_of(&block(108, NO_UNCLES, 9, extra)), 9, extra));
        assert_eq!((bench.n_reorgs(), bench.refused.len()), (1, 0));
    }
}

/// A field that nobody knows is no licence: beside a verified block, or below it, such a block
/// orphans nothing, and neither does its offspring.
#[test]
fn a_forged_sibling_orphans_nothing() {
    let mut bench = ethereum();
    let blocks = chain(&mut bench, 5);
    // Beside the tip, whatever it says of its parent.
    for parent in [hash_of(&blocks[3]), NO_UNCLES.to_owned()] {
        let sibling = block(104, &parent, 2, &["newRoot"]);
        bench.feed(&sibling);
        bench.feed(&block(105, &hash_of(&sibling), 2, &["newRoot"]));
        assert_eq!(bench.n_reorgs(), 0);
    }
    // A light one, without the fields that would be hashed, and a transaction that names another
    // block, are no better.
    bench.feed(&json!({"number": "0x68", "hash": EMPTY_ROOT, "parentHash": NO_UNCLES,
        "timestamp": "0x6552b000", "transactions": []}));
    bench.feed(&json!({"hash": NO_UNCLES, "from": format!("0x{:040x}", 1), "nonce": "0x0",
        "to": format!("0x{:040x}", 2), "value": "0x5", "gas": "0x5208", "input": "0x",
        "blockHash": NO_UNCLES, "blockNumber": "0x67", "transactionIndex": "0x0"}));
    assert_eq!((bench.n_reorgs(), bench.refused.len()), (0, 0));
    // Below, it is refused: no fork is that old.
    bench.feed(&block(103, &hash_of(&blocks[2]), 2, &["newRoot"]));
    assert!(bench.refused.pop().unwrap().1.contains("below blocks that were verified"));
    // The chain goes on, and takes the forged ones' place.
    let next = block(105, &hash_of(&blocks[4]), 1, &[]);
    bench.feed(&next);
    bench.feed(&block(106, &hash_of(&next), 1, &[]));
    assert_eq!((bench.tip(), bench.n_reorgs(), bench.refused.len()), (Some(106), 1, 0));
}

/// Who knows the hash of the block to come cannot have it refuted by a forgery that came first.
#[test]
fn what_is_verified_is_not_refuted_by_what_came_before() {
    let mut bench = ethereum();
    let blocks = chain(&mut bench, 3);
    let next = block(103, &hash_of(&blocks[2]), 1, &[]);
    for (height, parent) in [(103, NO_UNCLES.to_owned()), (104, hash_of(&blocks[2]))] {
        let mut forged = block(height, &parent, 2, &["newRoot"]);
        forged["hash"] = next["hash"].clone();
        bench.feed(&forged);
    }
    bench.feed(&next);
    bench.feed(&block(104, &hash_of(&next), 1, &[]));
    assert_eq!((bench.tip(), bench.refused.len()), (Some(104), 0));
    let verified = bench.driver.engine().state().verified_height();
    assert_eq!(verified, Some(104));
}

/// A verified reorganisation is one, whatever the depth.
#[test]
fn what_is_verified_orphans_what_is() {
    let mut bench = ethereum();
    let blocks = chain(&mut bench, 5);
    let mut parent = hash_of(&blocks[1]);
    for height in 102..106 {
        let next = block(height, &parent, 3, &[]);
        parent = hash_of(&next);
        bench.feed(&next);
    }
    assert_eq!((bench.tip(), bench.n_reorgs(), bench.refused.len()), (Some(105), 1, 0));
}

/// Chains with hashes of their own, and one that nobody has heard of: every block is read.
#[test]
fn a_chain_without_a_recipe_is_read() {
    let chains = [43_114, 56, 1_337, 9_001, 324, 314, 5_000, 59_144, 146, 250, 999, 123_456_789];
    for id in chains {
        let mut bench = Bench::new(&format!("eip155:{id}"), Format::EvmRpc, Checks::default());
        let mut parent = NO_UNCLES.to_owned();
        for height in 100..104 {
            let mut odd = block(height, &parent, 1, &[]);
            // The id, the seals in the extra data, the root of the transactions: all of their own.
            odd["hash"] = json!(format!("0x{:064x}", height));
            odd["transactionsRoot"] = json!(NO_UNCLES);
            odd["sealOfItsOwn"] = json!("0x1234");
            odd["transactions"] = json!([transaction(height, id)]);
            parent = hash_of(&odd);
            bench.feed(&odd);
        }
        let stats = bench.driver.engine().stats();
        assert_eq!((stats.n_transactions, bench.refused.len()), (4, 0), "{id}");
        assert_eq!((bench.failed("unverified"), bench.n_reorgs()), (4, 0), "{id}");
    }
}

/// A signed transaction's fields, with an id that is not their hash.
fn transaction(n: u64, chain: u64) -> Value {
    json!({"hash": format!("0x{:064x}", 7_000 + n), "type": "0x0", "nonce": format!("{n:#x}"),
        "from": format!("0x{:040x}", 5), "to": format!("0x{:040x}", 6), "value": "0x5",
        "gas": "0x5208", "gasPrice": "0x9", "input": "0x", "chainId": format!("{chain:#x}"),
        "v": format!("{:#x}", 35 + 2 * chain), "r": "0x5", "s": "0x6"})
}

#[test]
fn one_bad_element_is_refused_alone() {
    // A block of three, the second of which is broken in a way of its own.
    let breaks: [(&str, Value); 5] = [
        ("from", json!("0x12")),
        ("value", json!("-5")),
        ("chainId", json!("0x5")),
        ("nonce", json!([])),
        ("hash", json!(null)),
    ];
    for (field, value) in breaks {
        let mut bench = Bench::new("eip155:1337", Format::EvmRpc, Checks::default());
        let mut record = block(100, NO_UNCLES, 1, &[]);
        let mut txs: Vec<Value> = (1..4).map(|n| transaction(n, 1_337)).collect();
        txs[1][field] = value;
        record["transactions"] = json!(txs);
        bench.feed(&record);
        let [(_, detail)] = &bench.refused[..] else { panic!("{field}: {:?}", bench.refused) };
        assert!(detail.starts_with("transactions[1]: "), "{field}: {detail}");
        assert_eq!(bench.driver.engine().stats().n_transactions, 2, "{field}");
        assert_eq!(bench.tip(), Some(100));
    }
}

#[test]
fn a_bad_receipt_log_withdrawal_or_trace_leaves_the_rest() {
    let receipt = |n: u64, logs: Value| {
        json!({"transactionHash": format!("0x{:064x}", 7_000 + n), "status": "0x1",
            "blockNumber": "0x64", "gasUsed": "0x5208", "cumulativeGasUsed": "0x5208",
            "logs": logs})
    };
    let log = |address: &str| {
        json!({"address": address, "topics": [NO_UNCLES], "data": "0x", "logIndex": "0x0",
            "transactionHash": format!("0x{:064x}", 7_001), "blockNumber": "0x64"})
    };
    let good = format!("0x{:040x}", 9);
    let withdrawal = |address: &str| json!({"index": "0x1", "validatorIndex": "0x1", "address": address, "amount": "0x5"});
    let trace = |to: &str| {
        json!({"action": {"callType": "call", "from": good, "to": to, "value": "0x5"},
            "type": "call", "traceAddress": [0], "blockNumber": 100,
            "transactionHash": format!("0x{:064x}", 7_001)})
    };
    let mut bench = Bench::new("eip155:1337", Format::EvmRpc, Checks::default());
    let mut record = block(100, NO_UNCLES, 1, &[]);
    record["transactions"] = json!([transaction(1, 1_337), transaction(2, 1_337)]);
    record["withdrawals"] = json!([withdrawal("0x1"), withdrawal(&good)]);
    record["receipts"] = json!([receipt(1, json!([log("0x2"), log(&good)])), "no receipt"]);
    record["traces"] = json!([trace("0x3"), trace(&good)]);
    bench.feed(&record);
    let places: Vec<&str> =
        bench.refused.iter().map(|(_, detail)| detail.split(':').next().unwrap()).collect();
    assert_eq!(places, ["withdrawals[0]", "logs[0]", "receipts[1]", "traces[0]"]);
    assert_eq!(bench.driver.engine().stats().n_transactions, 2);
}

/// Blocks of Ethereum as nodes answered them, by height.
fn mainnet(test: &str) -> Option<Vec<Value>> {
    let path = data::shared(test, "evm-rpc-blocks")?;
    let mut blocks = Vec::new();
    for file in fs::read_dir(path).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        let Ok(mut record) = serde_json::from_str::<Value>(&text) else { continue };
        let block = if record["result"].is_object() { record["result"].take() } else { record };
        blocks.push(block);
    }
    blocks.sort_by_key(|block| bytes(block["number"].as_str().unwrap()));
    assert!(blocks.len() >= 43, "{}", blocks.len());
    Some(blocks)
}

fn n_transactions(block: &Value) -> u64 {
    block["transactions"].as_array().unwrap().len() as u64
}

/// On Ethereum the refuted transaction alone is refused, and the roots are not checkable.
#[test]
fn a_refuted_transaction_does_not_refute_its_block() {
    let Some(blocks) = mainnet("recipes::refuted") else { return };
    let mut n_blocks = 0;
    for mut block in blocks {
        let n = n_transactions(&block);
        let Some(second) = block["transactions"].get_mut(1).filter(|tx| tx.is_object()) else {
            continue;
        };
        second["value"] = json!("0x123456789");
        // What is let pass leaves the roots uncheckable all the same.
        for policy in [Policy::Flag, Policy::Ignore] {
            let mut bench = ethereum();
            bench.kafka_ms = None;
            bench.settings.limits.checks.hash = policy;
            bench.feed(&block);
            let n_scored = bench.driver.engine().stats().n_transactions;
            assert_eq!((n_scored, bench.refused.len()), (n, 0), "{:?}", bench.refused);
        }
        let mut bench = ethereum();
        bench.kafka_ms = None;
        bench.feed(&block);
        assert_eq!(bench.driver.engine().stats().n_transactions, n - 1, "{:?}", bench.refused);
        let [(_, detail)] = &bench.refused[..] else { panic!("{:?}", bench.refused) };
        assert_eq!(detail, "transactions[1]: not its hash");
        n_blocks += 1;
    }
    assert!(n_blocks >= 38, "{n_blocks}");
}

/// Fork day with real blocks: fields that nobody knows, and the hash that they make another one.
#[test]
fn real_blocks_with_unknown_fields_are_scored() {
    let Some(blocks) = mainnet("recipes::fork_day") else { return };
    for n_fields in 1..=3 {
        let mut bench = ethereum();
        bench.kafka_ms = None;
        let mut n = 0;
        for block in &blocks {
            let mut block = block.clone();
            for i in 0..n_fields {
                block[format!("field{i}")] = json!(NO_UNCLES);
            }
            let id = Keccak256::digest(block["hash"].as_str().unwrap());
            let id = json!(id.iter().fold("0x".to_owned(), |text, b| format!("{text}{b:02x}")));
            for tx in block["transactions"].as_array_mut().unwrap() {
                if tx.is_object() {
                    tx["blockHash"] = id.clone();
                }
            }
            block["hash"] = id;
            n += n_transactions(&block);
            bench.feed(&block);
        }
        let stats = bench.driver.engine().stats();
        assert_eq!((stats.n_transactions, bench.refused.len()), (n, 0), "{:?}", bench.refused);
        assert_eq!(bench.failed("unverified"), blocks.len() as u64);
        let told = bench.driver.engine().unverified().unwrap();
        assert!(told.contains("fields that this version does not know"), "{told}");
    }
}

/// What is asked of a node as "pending" is no block, however the client writes that.
#[test]
fn a_pending_block_is_its_transactions() {
    let zero = format!("0x{:064x}", 0);
    let forms: [&[(&str, Value)]; 4] = [
        &[("hash", json!(null)), ("miner", json!(null)), ("nonce", json!(null))],
        &[("hash", json!(null)), ("number", json!(null)), ("logsBloom", json!(null))],
        &[("number", json!(null))],
        &[("hash", json!(zero))],
    ];
    for form in forms {
        let mut bench = ethereum();
        let mut record = block(100, NO_UNCLES, 1, &[]);
        let mut placed = transaction(1, 1_337);
        placed["blockHash"] = json!(EMPTY_ROOT);
        placed["blockNumber"] = json!("0x64");
        bench.settings.chain = txwarden::model::Chain::parse("eip155:1337").unwrap();
        record["transactions"] = json!([placed, transaction(2, 1_337), NO_UNCLES]);
        for (field, value) in form {
            record[*field] = value.clone();
        }
        bench.feed(&record);
        let stats = bench.driver.engine().stats();
        assert_eq!((stats.n_transactions, bench.refused.len()), (2, 0), "{:?}", bench.refused);
        assert_eq!(bench.tip(), None);
        record["transactions"] = json!([]);
        bench.feed(&record);
        assert_eq!(bench.driver.engine().stats().skipped["null_result"], 1);
    }
}

/// The policies keep what they mean.
#[test]
fn policies_judge_what_is_refuted_only() {
    for (policy, n_refused, n_failed) in
        [(Policy::DeadLetter, 1, 0), (Policy::Flag, 0, 1), (Policy::Ignore, 0, 0)]
    {
        let mut bench = ethereum();
        bench.settings.limits.checks.hash = policy;
        let mut forged = block(100, NO_UNCLES, 1, &[]);
        forged["stateRoot"] = json!(NO_UNCLES);
        bench.feed(&forged);
        assert_eq!(bench.refused.len(), n_refused, "{policy:?}");
        assert_eq!(bench.failed("record"), n_failed, "{policy:?}");
    }
}

/// The manual's survey of chains says of each what the code does.
#[test]
fn the_manual_says_which_chains_refute() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/chains.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, table) = text.split_once("<!-- evm -->").unwrap();
    let (table, _) = table.split_once("<!-- /evm -->").unwrap();
    let mut n_known = 0;
    for row in table.lines().filter(|line| line.contains("`eip155:")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let id = cells[2].trim_matches('`');
        let chain = txwarden::model::Chain::parse(id).unwrap();
        let is_known = txwarden::decode::is_recipe_known(&chain);
        assert_eq!(cells[5] == "refuted", is_known, "{row}");
        n_known += usize::from(is_known);
        // And it does as it says.
        let mut bench = Bench::new(id, Format::EvmRpc, Checks::default());
        let mut odd = block(200_000_000, NO_UNCLES, 1, &[]);
        odd["timestamp"] = json!("0x6552b000");
        bench.feed(&odd);
        let is_refuted = bench.refused.iter().any(|(_, detail)| detail == "not its header's hash");
        assert_eq!((is_refuted, bench.refused.len()), (is_known, usize::from(is_known)), "{row}");
    }
    assert_eq!(n_known, 18, "every line of the table of recipes is in the manual");
}

/// A raw block of tomorrow: a field behind the header's, a transaction of a new type, a list more.
#[test]
fn a_raw_block_of_a_fork_to_come_is_read() {
    let list = |items: &[Vec<u8>]| {
        let payload = items.concat();
        [rlp_head(0xc0, payload.len()), payload].concat()
    };
    let header = block(100, NO_UNCLES, 1, &[]);
    let (foreign, nothing) = (rlp_item(&[0x05, 0xc0]), list(&[]));
    for (n_fields, n_lists) in [(0, 0), (1, 0), (3, 1)] {
        let mut fields: Vec<Vec<u8>> = HEADER
            .iter()
            .map(|(name, is_number)| {
                let bytes = bytes(header[name].as_str().unwrap());
                let zeros = bytes.iter().take_while(|&&b| b == 0 && *is_number).count();
                rlp_item(&bytes[zeros..])
            })
            .collect();
        fields.extend(std::iter::repeat_n(rlp_item(&bytes(NO_UNCLES)), n_fields));
        let mut parts = vec![list(&fields), list(std::slice::from_ref(&foreign)), nothing.clone()];
        parts.extend(std::iter::repeat_n(nothing.clone(), n_lists));
        let mut bench = Bench::new("eip155:1337", Format::EvmRaw, Checks::default());
        let raw = list(&parts);
        bench.feed_bytes(&raw);
        let stats = bench.driver.engine().stats();
        assert_eq!(stats.skipped.get("unsupported_type"), Some(&1), "{:?}", bench.refused);
        assert_eq!((bench.tip(), bench.refused.len()), (Some(100), 0), "{:?}", bench.refused);
    }
}
