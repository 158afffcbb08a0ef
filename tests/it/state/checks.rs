//! What contradicts the blocks and transactions that are known: noticed by its policy, never taken
//! for a reorganisation, and no reorganisation taken for it.

use crate::data;
use serde_json::{Value, json};
use std::{fs, io::Read, path::Path};
use txwarden::{
    config::load_mapping,
    decode::{Checks, Format, Limits, Policy, Reason, Settings},
    engine::{Action, Params, Setup},
    model::{Chain, Finding, Record, Severity},
    pipeline::{Driver, Fits},
    state,
};

/// An engine with its dead letters.
pub struct Bench {
    pub driver: Driver,
    pub settings: Settings,
    pub refused: Vec<(Reason, String)>,
    pub offset: i64,
    pub kafka_ms: Option<i64>,
}

impl Bench {
    pub fn new(chain: &str, format: Format, checks: Checks) -> Self {
        let chain = Chain::parse(chain).unwrap();
        // Venues tell of no blocks.
        let learns_unincluded = format == Format::Mapped;
        let state = state::Params { learns_unincluded, ..state::Params::default() };
        let setup = Setup {
            params: Params { seed: 7, state, ..Params::default() },
            config_hash: "test".to_owned(),
            is_reporting_findings: true,
            ..Setup::new(chain.clone())
        };
        let settings = Settings {
            limits: Limits { checks, ..Limits::default() },
            ..Settings::new(format, chain)
        };
        let driver = Driver::new(setup, Fits::Inline).unwrap();
        Self { driver, settings, refused: Vec::new(), offset: 0, kafka_ms: Some(1_700_000_000_100) }
    }

    /// Folds a record; returns what the rules found.
    pub fn feed(&mut self, value: &Value) -> Vec<Finding> {
        self.feed_bytes(value.to_string().as_bytes())
    }

    /// The same of a record's bytes.
    pub fn feed_bytes(&mut self, value: &[u8]) -> Vec<Finding> {
        let record = Record {
            topic: "t",
            offset: self.offset,
            kafka_ms: self.kafka_ms,
            value: Some(value),
            ..Record::default()
        };
        self.offset += 1;
        let mut actions = Vec::new();
        self.driver.feed(&self.settings, record, &mut actions);
        let mut found = Vec::new();
        for action in actions {
            match action {
                Action::DeadLetter(letter) => self.refused.push((letter.reason, letter.detail)),
                Action::Finding(report) => found.push(report.finding),
                _ => {}
            }
        }
        found
    }

    fn n_duplicates(&self) -> u64 {
        self.driver.engine().stats().skipped.get("duplicate").copied().unwrap_or(0)
    }

    /// Parts that were let pass although a check refuted them.
    pub fn failed(&self, check: &str) -> u64 {
        self.driver.engine().stats().checks_failed.get(check).copied().unwrap_or(0)
    }

    pub fn n_reorgs(&self) -> u64 {
        self.driver.engine().stats().n_reorgs
    }

    pub fn tip(&self) -> Option<u64> {
        self.driver.engine().state().tip_height()
    }
}

/// Two withdrawals of one account by one client id are one order.
#[test]
fn an_order_that_is_given_twice_is_told_or_a_conflict() {
    let mut bench = Bench::new("venue:example", Format::Mapped, Checks::default());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/mappings/exchange.yaml");
    bench.settings.mapping = Some(load_mapping(&path).unwrap());
    let order = |id: u32, account: &str, client: &str, amount: &str, to: &str, state: &str| {
        json!({"type": "withdrawal", "id": id, "account": account, "client_id": client,
            "asset": "BTC", "amount": amount, "address": to, "state": state,
            "time": 1_700_000_000_000_u64 + u64::from(id)})
    };
    let none: &[&str] = &[];
    let steps = [
        (order(1, "u-1", "c-1", "0.5", "addr-a", "pending"), "new", none),
        // The same movement in its next state, and the same order under another id.
        (order(1, "u-1", "c-1", "0.5", "addr-a", "completed"), "duplicate", none),
        (order(2, "u-1", "c-1", "0.5", "addr-a", "pending"), "duplicate", none),
        // Another amount, another address; what failed carries out nothing.
        (order(3, "u-1", "c-1", "0.6", "addr-a", "pending"), "new", &["0.6"]),
        (order(4, "u-1", "c-1", "0.5", "addr-b", "pending"), "new", &["0.5"]),
        (order(5, "u-1", "c-1", "0.7", "addr-c", "rejected"), "new", none),
        // Another client id, another account, and none at all.
        (order(6, "u-1", "c-2", "0.6", "addr-b", "pending"), "new", none),
        (order(7, "u-2", "c-1", "0.6", "addr-b", "pending"), "new", none),
        (order(8, "u-2", "", "0.6", "addr-b", "pending"), "new", none),
        (order(9, "u-2", "", "0.6", "addr-c", "pending"), "new", none),
        // One movement with two amounts is no state of it.
        (order(6, "u-1", "c-2", "0.9", "addr-b", "completed"), "refused", none),
    ];
    for (record, end, amounts) in &steps {
        let before = (bench.n_duplicates(), bench.refused.len());
        let conflicts = bench.driver.engine().stats().conflicts.clone();
        let found = bench.feed(record);
        let after = (bench.n_duplicates(), bench.refused.len());
        let ended = match (after.0 - before.0, after.1 - before.1) {
            (0, 0) => "new",
            (1, 0) => "duplicate",
            _ => "refused",
        };
        assert_eq!(&ended, end, "{record}");
        assert_eq!(found.len(), amounts.len(), "{record}");
        for (found, amount) in found.iter().zip(*amounts) {
            assert_eq!(
                (found.detector.as_str(), found.severity),
                ("double_spend_attempt", Severity::High)
            );
            let text = &found.explanation;
            assert!(text.contains(amount) && text.contains("order of account:u-1"), "{text}");
        }
        let now = bench.driver.engine().stats().conflicts.get("double_spend").copied();
        let n_new = now.unwrap_or(0) - conflicts.get("double_spend").copied().unwrap_or(0);
        assert_eq!(n_new as usize, amounts.len());
    }
    let [(Reason::IdentityConflict, _)] = bench.refused[..] else { panic!("{:?}", bench.refused) };
}

fn hash(branch: char, height: u64) -> String {
    format!("0x{}{height:063x}", branch)
}

fn block(height: u64, own: &str, parent: &str) -> Value {
    json!({"number": format!("{height:#x}"), "hash": own, "parentHash": parent,
        "timestamp": format!("{:#x}", 1_699_900_000 + 12 * height), "transactions": []})
}

/// Blocks 100 to 104 of a branch.
fn five(bench: &mut Bench) {
    for height in 100..105 {
        bench.feed(&block(height, &hash('a', height), &hash('a', height - 1)));
    }
    assert_eq!((bench.tip(), bench.n_reorgs()), (Some(104), 0));
}

/// What no branch of a chain can look like.
fn impossible() -> Vec<(&'static str, Value)> {
    let own = |height| hash('a', height);
    let new = hash('e', 1);
    vec![
        ("two parents", block(102, &own(102), &hash('b', 101))),
        ("two heights", block(103, &own(101), &own(100))),
        ("follows itself", block(105, &new, &new)),
        ("not the parent's and one", block(109, &new, &own(104))),
        ("not the parent's and one", block(50, &new, &own(104))),
        ("not the parent's and one", block(101, &new, &own(103))),
    ]
}

#[test]
fn blocks_that_no_branch_can_hold_are_noticed_and_orphan_nothing() {
    for (what, record) in impossible() {
        let mut bench = Bench::new("eip155:1", Format::EvmRpc, Checks::default());
        five(&mut bench);
        bench.feed(&record);
        assert_eq!((bench.failed("linkage"), bench.refused.len()), (1, 0), "{record}");
        assert_eq!((bench.tip(), bench.n_reorgs()), (Some(104), 0), "{record}");
        // The chain goes on as if it had not been.
        bench.feed(&block(105, &hash('a', 105), &hash('a', 104)));
        assert_eq!((bench.tip(), bench.failed("linkage")), (Some(105), 1), "{record}");

        let checks = Checks { linkage: Policy::DeadLetter, ..Checks::default() };
        let mut strict = Bench::new("eip155:1", Format::EvmRpc, checks);
        five(&mut strict);
        strict.feed(&record);
        let [(Reason::CheckFailed, detail)] = &strict.refused[..] else {
            panic!("{record}: {:?}", strict.refused)
        };
        assert!(detail.contains(what), "{detail}: {what}");
        assert_eq!((strict.failed("linkage"), strict.n_reorgs()), (0, 0));

        let checks = Checks { linkage: Policy::Ignore, ..Checks::default() };
        let mut lax = Bench::new("eip155:1", Format::EvmRpc, checks);
        five(&mut lax);
        lax.feed(&record);
        assert_eq!((lax.failed("linkage"), lax.refused.len()), (0, 0));
    }
}

/// A refuted block proves nothing by the transactions that come apart from it either.
#[test]
fn transactions_of_a_refuted_block_orphan_nothing() {
    let mut bench = Bench::new("eip155:1", Format::EvmRpc, Checks::default());
    five(&mut bench);
    let fake = hash('e', 1);
    bench.feed(&block(101, &fake, &hash('a', 103)));
    let tx = json!({"hash": hash('7', 1), "from": format!("0x{:040x}", 1), "nonce": "0x0",
        "to": format!("0x{:040x}", 2), "value": "0x5", "gas": "0x5208", "input": "0x",
        "blockHash": fake, "blockNumber": "0x65", "transactionIndex": "0x0"});
    bench.feed(&tx);
    assert_eq!((bench.failed("linkage"), bench.n_reorgs(), bench.tip()), (2, 0, Some(104)));
    assert_eq!(bench.driver.engine().stats().n_transactions, 1);
}

#[test]
fn reorganisations_refute_nothing() {
    let mut bench = Bench::new("eip155:1", Format::EvmRpc, Checks::default());
    five(&mut bench);
    // Another branch from 102 on, told block by block; back again; a parent nobody has told of;
    // heights that were passed; a repeated block.
    for height in 102..106 {
        let parent = if height == 102 { hash('a', 101) } else { hash('b', height - 1) };
        bench.feed(&block(height, &hash('b', height), &parent));
    }
    assert_eq!((bench.n_reorgs(), bench.tip()), (1, Some(105)));
    for height in 102..107 {
        bench.feed(&block(height, &hash('a', height), &hash('a', height - 1)));
    }
    bench.feed(&block(107, &hash('c', 107), &hash('c', 106)));
    bench.feed(&block(120, &hash('c', 120), &hash('c', 119)));
    bench.feed(&block(120, &hash('c', 120), &hash('c', 119)));
    assert_eq!((bench.n_reorgs(), bench.tip()), (3, Some(120)));
    assert_eq!((bench.failed("linkage"), bench.refused.len()), (0, 0));
}

#[test]
fn what_a_real_exporter_wrote_through_two_reorgs_refutes_nothing() {
    let Some(path) = data::shared("checks::devchain", "devchain/blocks.jsonl.gz") else { return };
    let mut text = String::new();
    let file = fs::File::open(path).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut bench = Bench::new("eip155:20261", Format::EthereumEtl, Checks::default());
    bench.kafka_ms = None;
    let mut blocks: Vec<(i64, Value)> = Vec::new();
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let block = serde_json::from_str(record["payload"].as_str().unwrap()).unwrap();
        blocks.push((record["ts"].as_i64().unwrap(), block));
    }
    // Partitions in the order of their time, as one log.
    blocks.sort_by_key(|(time, block)| (*time, block["number"].as_u64()));
    blocks.iter().for_each(|(_, block)| drop(bench.feed(block)));
    assert!(bench.n_reorgs() >= 2 && bench.refused.is_empty(), "{:?}", bench.refused);
    assert_eq!((bench.failed("linkage"), bench.failed("identity")), (0, 0));
}

fn pending(value: &str, to: u32, input: &str) -> Value {
    json!({"hash": hash('7', 1), "from": format!("0x{:040x}", 1), "nonce": "0x1", "type": "0x2",
        "to": format!("0x{to:040x}"), "value": value, "gas": "0x5208", "input": input,
        "gasPrice": "0x9", "blockHash": null, "blockNumber": null})
}

#[test]
fn an_id_with_another_body_is_never_absorbed() {
    let first = pending("0x5", 2, "0x");
    let others = [pending("0x6", 2, "0x"), pending("0x5", 3, "0x"), pending("0x5", 2, "0x01")];
    for other in &others {
        let mut bench = Bench::new("eip155:1", Format::EvmRpc, Checks::default());
        bench.feed(&first);
        bench.feed(&first);
        assert_eq!(bench.driver.engine().stats().skipped["duplicate"], 1);
        bench.feed(other);
        let [(Reason::IdentityConflict, _)] = bench.refused[..] else {
            panic!("{other}: {:?}", bench.refused)
        };
        let checks = Checks { identity: Policy::Flag, ..Checks::default() };
        let mut lax = Bench::new("eip155:1", Format::EvmRpc, checks);
        lax.feed(&first);
        lax.feed(other);
        assert_eq!((lax.failed("identity"), lax.refused.len()), (1, 0));
        assert_eq!(lax.driver.engine().stats().skipped["duplicate"], 1, "the first stays");
    }
}

/// What is in a block is what counts, whatever a mempool has told: it is folded, and counted.
#[test]
fn a_block_wins_over_what_was_pending() {
    let mut bench = Bench::new("eip155:1", Format::EvmRpc, Checks::default());
    bench.feed(&pending("0x5", 2, "0x"));
    let mut mined = pending("0x6", 2, "0x");
    mined["blockHash"] = json!(hash('a', 100));
    mined["blockNumber"] = json!("0x64");
    bench.feed(&mined);
    assert_eq!((bench.failed("identity"), bench.refused.len()), (1, 0));
    assert_eq!(bench.driver.engine().stats().n_transactions, 2);
    // The same once more is a repetition; another one in the same block is not.
    bench.feed(&mined);
    assert_eq!((bench.failed("identity"), bench.refused.len()), (1, 0));
    mined["value"] = json!("0x7");
    bench.feed(&mined);
    assert_eq!(bench.refused.len(), 1);
}

#[test]
fn outputs_that_change_under_one_id_are_refused() {
    let tx = |value: u64| {
        json!({"type": "transaction", "hash": &hash('7', 1)[2..], "block_number": 800_000,
            "block_hash": &hash('a', 1)[2..], "block_timestamp": 1_690_000_000, "version": 2,
            "lock_time": 0, "is_coinbase": false, "index": 3, "size": 200, "virtual_size": 140,
            "inputs": [{"index": 0, "spent_transaction_hash": &hash('6', 1)[2..],
                "spent_output_index": 0, "sequence": 4_294_967_295u32, "value": 9_000,
                "addresses": ["1BoatSLRHtKNngkdXEeobR76b53LETtpyT"]}],
            "outputs": [{"index": 0, "value": value, "type": "pubkeyhash", "script_hex": "00",
                "addresses": ["1CounterpartyXXXXXXXXXXXXXXXUWLpVr"]}]})
    };
    let mut bench = Bench::new(Chain::BITCOIN, Format::BitcoinEtl, Checks::default());
    bench.feed(&tx(8_000));
    bench.feed(&tx(8_000));
    assert_eq!((bench.refused.len(), bench.driver.engine().stats().n_transactions), (0, 1));
    bench.feed(&tx(8_001));
    let [(Reason::IdentityConflict, _)] = bench.refused[..] else { panic!("{:?}", bench.refused) };
}
