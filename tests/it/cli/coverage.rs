//! The coverage ledger: its parts are all the parts there were, and what is missing is named.

use std::{collections::BTreeMap, fs, io::Read, process::Command};
use txwarden::{
    decode::{Batch, Format, Settings},
    engine::{Engine, Input, Setup},
    model::{Chain, Record},
    order::{Merge, MergeWindow, Place},
    pipeline::{Driver, Fits},
};

fn setup(chain: &str) -> (Setup, Settings) {
    let chain = Chain::parse(chain).unwrap();
    let settings = Settings::new(Format::EthereumEtl, chain.clone());
    let setup = Setup { config_hash: "c".to_owned(), ..Setup::new(chain) };
    (setup, settings)
}

fn transaction(height: u64, n: u64) -> String {
    format!(
        "{{\"type\":\"transaction\",\"hash\":\"0x{n:064x}\",\"nonce\":{n},\"block_hash\":\
         \"0x{height:064x}\",\"block_number\":{height},\"block_timestamp\":{},\
         \"transaction_index\":0,\"from_address\":\"0x{:040x}\",\"to_address\":\"0x{:040x}\",\
         \"value\":\"1500\",\"gas\":21000,\"gas_price\":\"1000000000\",\"input\":\"0x\"}}",
        1_700_000_000 + 12 * height,
        1 + n % 7,
        100 + n % 11
    )
}

#[test]
fn every_part_ends_in_the_ledger_and_gaps_close() {
    let (setup, settings) = setup(Chain::ETHEREUM);
    let mut engine = Engine::new(setup).unwrap();
    let mut feed = |partition: i32, offset: i64, text: Option<&str>| {
        let value = text.map(str::as_bytes);
        let record = Record { topic: "t", partition, offset, value, ..Record::default() };
        engine.step(Input::Record(&settings, record), &mut Vec::new());
        (engine.ledger().n_missing(), engine.ledger().n_closed())
    };
    assert_eq!(feed(0, 5, Some(&transaction(100, 1))), (0, 0));
    assert_eq!(feed(0, 6, Some(&transaction(104, 2))), (3, 0));
    // A batch of two parts, one of which is no transaction.
    let batch = format!("[{},{{\"type\":\"transaction\"}}]", transaction(104, 3));
    assert_eq!(feed(0, 9, Some(&batch)), (3, 0));
    assert_eq!(feed(1, 0, Some(&transaction(102, 4))), (2, 1));
    assert_eq!(feed(1, 1, Some(&transaction(104, 2))), (2, 1));
    feed(1, 2, Some("no json"));
    feed(1, 3, None);
    let (ledger, stats) = (engine.ledger(), engine.stats());
    assert_eq!(ledger.gaps(), [(101, 101), (103, 103)]);
    let total = ledger.total();
    assert_eq!(
        (total.n_scored, total.n_applied, total.n_skipped, total.n_dead_letters),
        (4, 0, 2, 2)
    );
    assert_eq!(total.n_parts(), stats.n_parts);
    let of_places: u64 = ledger.places().iter().map(|row| row.fates.n_parts()).sum();
    assert_eq!(of_places, stats.n_parts);
    let rows: Vec<_> =
        ledger.places().iter().map(|r| (r.partition, r.n_records, r.n_holes)).collect();
    assert_eq!(rows, [(0, 3, 2), (1, 4, 0)]);
    let heights: Vec<_> =
        ledger.ranges().iter().map(|r| (r.from, r.to, r.fates.n_parts())).collect();
    assert_eq!(heights, [(100, 100, 1), (102, 102, 1), (104, 104, 3)]);
    assert_eq!(ledger.unplaced().n_parts(), 3);
}

#[test]
fn a_ledger_of_many_heights_and_files_stays_small_and_sums() {
    let (setup, settings) = setup(Chain::ETHEREUM);
    let mut driver = Driver::new(setup.clone(), Fits::Inline).unwrap();
    // Every other height, so that no two ranges touch; then some that were missing.
    let heights = (0..6_000u64).map(|n| 10 + 2 * n).chain((0..50).map(|n| 11 + 2 * n));
    for (n, height) in heights.enumerate() {
        let (topic, text) = (format!("file-{}", n % 400), transaction(height, n as u64));
        let record = Record { topic: &topic, value: Some(text.as_bytes()), ..Record::default() };
        driver.feed(&settings, record, &mut Vec::new());
    }
    let ledger = driver.engine().ledger();
    assert!(ledger.places().len() <= 256 && ledger.ranges().len() <= 256 + 4_096 + 1);
    assert_eq!(ledger.total().n_parts(), 6_050);
    assert_eq!(ledger.places().iter().map(|row| row.n_records).sum::<u64>(), 6_050);
    let n_in_ranges: u64 = ledger.ranges().iter().map(|r| r.n_missing).sum();
    let n_in_gaps: u64 = ledger.gaps().iter().map(|(from, to)| to - from + 1).sum();
    assert_eq!(n_in_ranges + n_in_gaps, ledger.n_missing());
    assert!(n_in_ranges > 1_000, "old ranges were merged: {n_in_ranges}");
    // A snapshot carries it.
    let image = driver.freeze().encode().unwrap();
    assert_eq!(Engine::restore(setup, &image).unwrap().ledger(), driver.engine().ledger());
}

/// One record as it was kept of a real chain's topic.
#[derive(serde::Deserialize)]
struct Recorded {
    partition: usize,
    ts: i64,
    payload: String,
}

#[test]
fn a_real_chains_reorgs_repeats_and_gap_are_seen() {
    let test = "coverage::devchain";
    let Some(path) = crate::data::shared(test, "devchain/blocks.jsonl.gz") else { return };
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut records: Vec<Recorded> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Stable: each partition keeps its order.
    records.sort_by_key(|record| record.ts);
    let (setup, settings) = setup("eip155:20261");
    let window =
        MergeWindow { blocks: 8, idle_ms: 1_000, records_max: 10_000, bytes_max: 64 << 20 };
    let (mut merge, mut batch) = (Merge::new(window, 4, None, 0), Batch::default());
    let mut engine = Engine::new(setup).unwrap();
    let mut fold = |merge: &mut Merge<&Recorded>| {
        for released in merge.take() {
            let Recorded { ts, payload, .. } = released.item;
            let value = Some(payload.as_bytes());
            let offset = engine.stats().n_records as i64;
            let record =
                Record { topic: "t", offset, kafka_ms: Some(*ts), value, ..Record::default() };
            engine.step(Input::Record(&settings, record), &mut Vec::new());
        }
    };
    for record in &records {
        let value = Some(record.payload.as_bytes());
        let kafka = Record { kafka_ms: Some(record.ts), value, ..Record::default() };
        let place = Place::of(&settings, &kafka, &mut batch);
        merge.push(record.partition, place, record, record.payload.len(), 0);
        merge.settle(0);
        fold(&mut merge);
    }
    merge.settle(window.idle_ms);
    fold(&mut merge);
    let (stats, ledger) = (engine.stats(), engine.ledger());
    // Depth 3 at 951, set in order; of the one near 1081 only the parent of 1083 tells, and what
    // took the place of 1082 was never published.
    assert_eq!((stats.n_reorgs, stats.tip_height, merge.counts().n_late), (2, 1_153, 0));
    assert_eq!(ledger.gaps(), [(1_082, 1_082)]);
    assert_eq!(ledger.orphaned().0, 3 + 1);
    // An exporter that was started again repeated 946 to 967: all but the three that had changed.
    assert_eq!(stats.skipped["duplicate"], 967 - 946 + 1 - 3);
    assert_eq!((ledger.total().n_parts(), records.len()), (1_176, 1_176));
}

#[test]
fn replay_writes_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let lines: Vec<String> = [1, 2, 5].iter().map(|h| transaction(*h, *h)).collect();
    fs::write(path("a.jsonl"), lines.join("\n")).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_txwarden"))
        .args(["replay", "--format=ethereum_etl", "--chain=eip155:1", "--quiet"])
        .args(["--coverage", &path("ledger.json"), &path("a.jsonl")])
        .env_remove("TXWARDEN_CONFIG")
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    let text = fs::read_to_string(path("ledger.json")).unwrap();
    let ledger: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(ledger["gaps"], serde_json::json!([[3, 4]]));
    assert_eq!(ledger["n_parts"], 3);
    assert_eq!(ledger["parts"]["n_scored"], 3);
}
