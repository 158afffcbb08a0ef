//! The door for programs gives the bytes that `replay` writes.

use serde_json::Value;
use std::{fs, process::Command};
use txwarden::{
    Detector, Output,
    model::{Chain, Family, Record},
    sim::{Evm, Scenario},
};

#[test]
fn an_embedded_detector_gives_the_lines_of_replay() {
    let evm = Evm { n_blocks: 1_200, block_secs: 60, txs_per_block: 4.0, ..Evm::default() };
    let (lines, _) = Scenario::new(7).evm(evm).generate();
    let records: Vec<String> =
        lines.into_iter().filter(|l| l.family == Family::Evm).map(|l| l.json).collect();
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    fs::write(&input, records.join("\n")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_txwarden"))
        .args(["replay", "-q", "--format=ethereum_etl", "--chain=eip155:1"])
        .arg(&input)
        .env_remove("TXWARDEN_CONFIG")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let written = String::from_utf8(output.stdout).unwrap();
    let first: Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
    let topic = first["provenance"]["topic"].as_str().unwrap();
    let mut detector = Detector::builder(Chain::parse("eip155:1").unwrap()).build().unwrap();
    let mut embedded = Vec::new();
    for (offset, record) in (0..).zip(&records) {
        for output in detector.feed(Record::new(topic, offset, record.as_bytes())) {
            if let Output::Alert(sealed) = output {
                embedded.push(String::from_utf8(sealed.line).unwrap());
            }
        }
    }
    assert!(embedded.len() > 20, "{} alerts", embedded.len());
    assert!(embedded.iter().map(String::as_str).eq(written.lines()), "other bytes");
}
