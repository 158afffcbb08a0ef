//! `state` against directories: carry, list, keep, refuse.

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use txwarden::{
    model::GroupPartition,
    store::{Archive, BODY_FORMAT, Params, SnapshotHeader, Store, bundle_hash},
};

fn state(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_txwarden"));
    command.arg("state").args(args).env_remove("TXWARDEN_CONFIG").output().unwrap()
}

fn place() -> GroupPartition {
    GroupPartition { group: "g".to_owned(), topic: "t".to_owned(), partition: 0 }
}

fn local(dir: &Path) -> Store {
    let url = dir.to_str().unwrap().to_owned();
    Store::open(&Params { url, ..Params::default() }).unwrap().unwrap()
}

/// Publishes a snapshot with a bundle and writes it as an archive.
pub fn archive(dir: &Path, offset: i64, n_bytes: usize) -> PathBuf {
    let store = local(&dir.join(format!("origin-{offset}")));
    let bundle = format!("settings of {offset}");
    let hash = bundle_hash(bundle.as_bytes());
    store.put_bundle(&hash, bundle.as_bytes()).unwrap();
    let header = SnapshotHeader {
        format: BODY_FORMAT,
        place: place(),
        offset,
        bundle: hash,
        chain: "eip155:1".to_owned(),
        ..SnapshotHeader::default()
    };
    // Nothing that zstd could make small: the file shall need several parts.
    let mut body = vec![0; n_bytes];
    blake3::Hasher::new().update(&offset.to_le_bytes()).finalize_xof().fill(&mut body);
    store.publish(header.clone(), &body).unwrap();
    let bytes = Archive::take(&store, &header).unwrap().encode().unwrap();
    let path = dir.join(format!("{offset}.state"));
    fs::write(&path, bytes).unwrap();
    path
}

pub fn lines(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_archive_is_checked_before_anything_of_it_is_published() {
    let dir = tempfile::tempdir().unwrap();
    let path = archive(dir.path(), 10, 5_000);
    let file = path.to_str().unwrap();
    let target = dir.path().join("target");
    let url = target.to_str().unwrap();
    let bytes = fs::read(&path).unwrap();
    for at in [0, 9, 40, bytes.len() / 2, bytes.len() - 1] {
        let mut bent = bytes.clone();
        bent[at] ^= 1;
        fs::write(&path, &bent).unwrap();
        assert_eq!(state(&["import", file, "--snapshots", url]).status.code(), Some(1), "{at}");
    }
    assert!(!target.exists());
    fs::write(&path, &bytes).unwrap();
    assert!(state(&["import", file, "--snapshots", url]).status.success());
    let again = dir.path().join("again.state");
    let export = ["export", again.to_str().unwrap(), "--snapshots", url];
    assert!(state(&export).status.success());
    assert!(fs::read(&again).unwrap() == bytes);

    let shown = state(&["inspect", url]);
    assert_eq!(shown.status.code(), Some(0));
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("g/t/0\n  offset 10: ") && text.contains(", whole\n"), "{text}");
    let snapshot = target.join(format!("v1/g/t/0/{:020}.snap", 10));
    let mut bent = fs::read(&snapshot).unwrap();
    bent[60] ^= 1;
    fs::write(&snapshot, &bent).unwrap();
    let shown = state(&["inspect", "--snapshots", url]);
    assert_eq!(shown.status.code(), Some(3), "damage is a finding");
    assert!(String::from_utf8(shown.stdout).unwrap().contains("is damaged: its checksum"));
    assert_eq!(state(&export).status.code(), Some(1));
    let nowhere = ["export", "x", "--snapshots", url, "--group", "other"];
    assert_eq!(state(&nowhere).status.code(), Some(2));
    assert_eq!(state(&["inspect", "--snapshots", "none"]).status.code(), Some(2));
    assert_eq!(state(&["inspect", "--snapshots", "ftp://x/y"]).status.code(), Some(78));
}

/// Payments by seven senders to eleven receivers, one of them large.
fn payments() -> String {
    let payment = |i: u64| {
        let value = if i == 150 { "900000000000000000000000" } else { "1500000000000000000" };
        format!(
            concat!(
                r#"{{"type":"transaction","hash":"0x{i:064x}","nonce":{i},"block_hash":"#,
                r#""0x{b:064x}","block_number":{b},"block_timestamp":{t},"transaction_index":0,"#,
                r#""from_address":"0x{a:040x}","to_address":"0x{r:040x}","value":"{v}","#,
                r#""gas":21000,"gas_price":"1000000000","input":"0x"}}"#
            ),
            i = i,
            b = 1_000 + i,
            t = 1_600_000_000 + i * 12,
            a = 1 + i % 7,
            r = 100 + i % 11,
            v = value,
        )
    };
    (0..300).map(|i| payment(i) + "\n").collect()
}

#[test]
fn an_account_is_shown_in_words_and_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (history, config, store) = (path("h.jsonl"), path("c.yaml"), path("state"));
    fs::write(&history, payments()).unwrap();
    let loud = "version: 1\ndetect: { rules: { large_native: { severity: high } } }\n";
    fs::write(&config, loud).unwrap();
    let mut replay = Command::new(env!("CARGO_BIN_EXE_txwarden"));
    replay.args(["replay", "-c", &config, "--format", "ethereum_etl", "--chain", "eip155:1"]);
    replay.args(["--snapshot", &store, "--group", "g", "--topic", "t", "-q", &history]);
    let alerts = replay.output().unwrap();
    assert!(alerts.status.success(), "{}", String::from_utf8_lossy(&alerts.stderr));
    let first = String::from_utf8(alerts.stdout).unwrap();
    let first: Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    let subject = first["subject"].as_str().unwrap();

    let known = ["--snapshots", &store, "-c", &config];
    let show =
        |subject: &str, more: &[&str]| state(&[&["show", subject][..], &known, more].concat());
    let text = String::from_utf8(show(subject, &[]).stdout).unwrap();
    let seen = "first seen 2020-09-13 12:28:";
    assert!(text.contains("received 27 payments from 7 senders") && text.contains(seen), "{text}");
    assert!(text.contains("recent moves, newest first:\n    2020-09-13 13:"), "{text}");
    let json = lines(&show(subject, &["--json"]));
    assert_eq!((json.len(), &json[0]["n_in"]), (1, &27.into()));
    assert_eq!(json[0]["moves"].as_array().unwrap().len(), 27);
    // The chain may be named beside the address, or not at all.
    let address = subject.rsplit_once(':').unwrap().1;
    assert!(show(address, &["--chain", "eip155:1"]).status.success());
    assert!(show(address, &[]).status.success());
    assert_eq!(show(address, &["--chain", "eip155:5"]).status.code(), Some(2));
    assert_eq!(show("0x00000000000000000000000000000000000000ff", &[]).status.code(), Some(3));
    let found = lines(&state(&["inspect", "--json", &store]));
    assert!(found[0]["header"]["taken_ms"].as_i64().unwrap() > 0);
    assert_eq!((&found[0]["state"], &found[0]["offset"]), (&"whole".into(), &300.into()));
}
