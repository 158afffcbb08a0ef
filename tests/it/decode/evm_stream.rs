//! A node's own feed through a whole engine: pending bodies, announced ids, heads and logs.

use crate::data;
use flate2::read::GzDecoder;
use std::{collections::BTreeSet, fs::File, io::Read};
use txwarden::{
    decode::{Format, Limits, Settings},
    engine::{Action, Engine, Input, Setup},
    model::{Chain, Record},
};

const CHAIN: &str = "eip155:20261";

#[test]
fn a_feed_of_two_nodes_is_judged_part_by_part() {
    let Some(path) = data::shared("evm_stream::feed", "devchain/mempool.jsonl.gz") else { return };
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let chain = Chain::parse(CHAIN).unwrap();
    let setup = Setup { config_hash: "test".to_owned(), ..Setup::new(chain.clone()) };
    let (format, limits) = (Format::EvmRpc, Limits::default());
    let settings = Settings { limits, ..Settings::new(format, chain) };
    let mut engine = Engine::new(setup).unwrap();
    let (mut actions, mut bodies) = (Vec::new(), BTreeSet::new());
    for (i, line) in text.lines().enumerate() {
        // What was recorded around the message comes before it.
        let value = &line[line.find("{\"jsonrpc\"").unwrap()..line.len() - 1];
        let is_body = value.contains("\"nonce\":\"0x") && value.contains("\"gasPrice\"");
        if let Some(at) = value.find("\"hash\":").filter(|_| is_body) {
            bodies.insert(&value[at..at + 76]);
        }
        let ms: i64 = line["{\"recv_ms\":".len()..][..13].parse().unwrap();
        let value = Some(value.as_bytes());
        let record = Record {
            topic: "feed",
            offset: i as i64,
            kafka_ms: Some(ms),
            value,
            ..Record::default()
        };
        engine.step(Input::Record(&settings, record), &mut actions);
    }
    let stats = engine.stats();
    assert!(!actions.iter().any(|action| matches!(action, Action::DeadLetter(_))));
    assert_eq!((stats.n_records, stats.n_parts, stats.n_decoded), (5_642, 5_642, 5_642));
    // A body is scored once, whichever node shows it and however often.
    assert!(bodies.len() > 1_000);
    assert_eq!(stats.n_transactions, bodies.len() as u64);
    // Both nodes push every head (299 of them) and every log.
    assert!(stats.skipped["duplicate"] >= 299 + 1_626 / 2);
    assert_eq!((stats.tip_height, stats.n_reorgs, stats.n_gaps), (300, 0, 0));
}
