//! The hash chain of what `replay` writes, recomputed with nothing but SHA-256 and text.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fs, path::Path, process::Command};
use txwarden::sim::{Evm, Scenario};

/// Writes a simulated chain as two files of exporter lines.
fn write_inputs(dir: &Path) -> [String; 2] {
    let evm = Evm { n_blocks: 400, ..Evm::default() };
    let lines: Vec<String> = Scenario::new(7).evm(evm).lines().map(|line| line.json).collect();
    let (early, late) = lines.split_at(lines.len() * 7 / 8);
    [("early.jsonl", early), ("late.jsonl", late)].map(|(name, part)| {
        let path = dir.join(name);
        fs::write(&path, part.join("\n")).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

fn replay(inputs: &[String; 2], batch: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_txwarden"))
        .args(["replay", "--format=ethereum_etl", "--chain=eip155:1", "--quiet", "--batch", batch])
        .args(inputs)
        .env_remove("TXWARDEN_CONFIG")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn replay_writes_a_chain_for_each_file_that_anyone_can_check() {
    let dir = tempfile::tempdir().unwrap();
    let inputs = write_inputs(dir.path());
    let alerts = replay(&inputs, "10000");
    assert_eq!(replay(&inputs, "7"), alerts);
    let mut chains: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for line in alerts.lines() {
        let alert: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| alert["provenance"][field].as_str().unwrap().to_owned();
        let topic = text("topic");
        let genesis = sha256(&format!("txwarden.chain/1\n{topic}\n0"));
        let (seq, head) = chains.entry(topic).or_insert((0, genesis));
        assert_eq!(
            (alert["provenance"]["seq"].as_u64(), text("prev_hash")),
            (Some(*seq + 1), head.clone())
        );
        let hash = text("hash");
        assert_eq!(line.matches(&hash).count(), 1);
        assert_eq!(sha256(&line.replace(&hash, &"0".repeat(64))), hash);
        (*seq, *head) = (*seq + 1, hash);
    }
    let counts: Vec<_> = chains.iter().map(|(topic, (n, _))| (topic.as_str(), *n)).collect();
    assert!(matches!(counts[..], [("early.jsonl", 5..), ("late.jsonl", 5..)]), "{counts:?}");
}
