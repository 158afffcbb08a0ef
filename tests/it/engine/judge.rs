//! What the judge of reported cases (`judge.py` beside the shared reports) relies on: it edits the
//! shipped configuration by text, runs `decode` and `replay`, and reads their fields by name.

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

const LISTED: &str = "0x4444444444444444444444444444444444444444";
const ZCASH: &str = "bip122:00040fe8ec8471911baa1db1266ea15d";

/// The lines of `txwarden.yaml` that it replaces: each occurs once, and has this form.
const FORMAT: &str = "format: ethereum_etl #";
const MAPPING: &str = "    # mapping: mappings/tron.yaml #";
const CHAIN: &str = "chain: \"eip155:1\" #";
const LABELS: &str = "    - file: labels/sanctioned_sample.txt\n";
const LIMITS: &str = "limits: {}";

/// A case: the edits that it asks for, and one record.
struct Case {
    format: &'static str,
    chain: &'static str,
    mapping: Option<&'static str>,
    limits: Option<&'static str>,
    /// An asset and its price.
    price: Option<&'static str>,
    label: Option<&'static str>,
    records: Vec<String>,
    /// How often which rule must speak, and how loudly.
    alert: Option<(&'static str, &'static str)>,
    n_dead: usize,
}

fn cases() -> Vec<Case> {
    let pays = format!(
        r#"{{"hash":"0x{:064x}","nonce":1,"block_hash":"0x{:064x}","block_number":20000000,"block_timestamp":1718000000,"transaction_index":0,"from_address":"0x{:040x}","to_address":"{LISTED}","value":"1500000000000000000","gas":21000,"gas_price":"1000000000","input":"0x"}}"#,
        1, 2, 3
    );
    let mined = format!(
        r#"{{"jsonrpc":"2.0","id":1,"result":{{"hash":"0x{:064x}","nonce":"0x1","from":"0x{:040x}","to":"{LISTED}","value":"0x3e8","blockHash":"0x{:064x}","blockNumber":"0x1312d00","transactionIndex":"0x0","blockTimestamp":"0x66669980"}}}}"#,
        1, 3, 2
    );
    let tron = format!(
        r#"{{"triggerName":"transactionTrigger","contractType":"TransferContract","transactionId":"{:064x}","blockNumber":5,"timeStamp":1718000000000,"fromAddress":"41{:040x}","toAddress":"41{:040x}","assetAmount":5,"result":"SUCCESS"}}"#,
        1, 3, 4
    );
    let etl = Case {
        format: "ethereum_etl",
        chain: "eip155:1",
        mapping: None,
        limits: None,
        price: None,
        label: None,
        records: Vec::new(),
        alert: None,
        n_dead: 0,
    };
    vec![
        Case {
            label: Some(LISTED),
            records: vec![pays, "no json".to_owned()],
            alert: Some(("sanctioned", "critical")),
            n_dead: 1,
            ..etl
        },
        Case {
            format: "evm_rpc",
            limits: Some("limits: { checks: { hash: ignore, merkle: ignore } }"),
            label: Some(LISTED),
            records: vec![mined],
            alert: Some(("sanctioned", "critical")),
            ..etl
        },
        Case {
            format: "mapped",
            chain: "tron:0x2b6653dc",
            mapping: Some("tron.yaml"),
            records: vec![tron],
            ..etl
        },
        Case {
            format: "bitcoind",
            chain: ZCASH,
            price: Some("ZEC:\n  - { from: 2010-01-01, usd: 30 }\n"),
            records: vec![bitcoind()],
            ..etl
        },
    ]
}

fn bitcoind() -> String {
    format!(
        r#"{{"txid":"{:064x}","height":2000000,"time":1718000000,"vin":[{{"txid":"{:064x}","vout":0,"sequence":1}}],"vout":[{{"value":1.5,"n":0,"scriptPubKey":{{"hex":"76a914000000000000000000000000000000000000000088ac","type":"pubkeyhash","address":"t1Hsc1LR8yKnbbe3twRp88p6vFfC5t7DLbs"}}}}]}}"#,
        1, 2
    )
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Edits a copy of the shipped configuration as the judge does; returns its path.
fn edited(dir: &TempDir, case: &Case) -> PathBuf {
    let config = dir.path().join("c");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("config"), &config);
    let mut text = fs::read_to_string(config.join("txwarden.yaml")).unwrap();
    let mut replace = |line: &str, with: String| {
        assert_eq!(text.matches(line).count(), 1, "{line:?}");
        text = text.replace(line, &with);
    };
    if let Some(mapping) = case.mapping {
        replace(MAPPING, format!("    mapping: mappings/{mapping} #"));
    }
    replace(FORMAT, format!("format: {} #", case.format));
    replace(CHAIN, format!("chain: \"{}\" #", case.chain));
    if let Some(label) = case.label {
        fs::write(config.join("labels/x.txt"), format!("{label}\n")).unwrap();
        let own = "    - file: labels/x.txt\n      kind: sanctioned\n      source: own\n";
        replace(LABELS, format!("{own}{LABELS}"));
    }
    if let Some(limits) = case.limits {
        replace(LIMITS, limits.to_owned());
    }
    if let Some(price) = case.price {
        let path = config.join("prices.yaml");
        let prices = fs::read_to_string(&path).unwrap() + price;
        fs::write(path, prices).unwrap();
    }
    let path = config.join("t.yaml");
    fs::write(&path, text).unwrap();
    path
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_shipped_configuration_is_edited_by_text_and_replays() {
    for case in cases() {
        let (format, dir) = (case.format, tempfile::tempdir().unwrap());
        let at = |name: &str| dir.path().join(name);
        fs::write(at("records"), case.records.join("\n")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_txwarden"))
            .env_remove("TXWARDEN_CONFIG")
            .args(["replay", "-q", "-c"])
            .arg(edited(&dir, &case))
            .args([&"--alerts".into(), &at("a"), &"--findings".into(), &at("f")])
            .args([&"--dead-letters".into(), &at("d"), &"--summary".into(), &at("s")])
            .arg(at("records"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{format}: {output:?}");
        assert_eq!(lines(&at("d")).len(), case.n_dead, "{format}");
        let alerts = lines(&at("a"));
        let first = alerts.iter().find(|alert| alert["revision"] == 1);
        let said = first.map(|a| (&a["evidence"][0]["detector"], &a["severity"]));
        let expected = case.alert.map(|(rule, severity)| (rule.into(), severity.into()));
        assert_eq!(said, expected.as_ref().map(|(rule, severity)| (rule, severity)), "{format}");
        let summary: Value = serde_json::from_slice(&fs::read(at("s")).unwrap()).unwrap();
        assert!(summary["not_evaluable"].as_array().unwrap().iter().all(Value::is_string));
        assert!(!lines(&at("f")).is_empty() || case.alert.is_none(), "{format}: no finding");
    }
}

#[test]
fn decode_writes_the_fields_that_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("records");
    fs::write(&path, format!("{}\nnull\n{{}}\n", bitcoind())).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_txwarden"))
        .args(["decode", "--format", "bitcoind", "--chain", ZCASH])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ends = [("accept", None), ("skip", Some("null_result")), ("reject", Some("missing_field"))];
    assert_eq!(lines.len(), ends.len());
    for (line, (verdict, reason)) in lines.iter().zip(ends) {
        assert_eq!((&line["verdict"], line["reason"].as_str()), (&verdict.into(), reason));
        assert_eq!(line["detail"].is_string(), verdict == "reject");
    }
    let account = &lines[0]["events"][0]["body"]["utxo"]["outputs"][0]["address"];
    assert_eq!(account, "t1Hsc1LR8yKnbbe3twRp88p6vFfC5t7DLbs");
}
