//! `explain`: what it says would have kept an alert quiet does so, when the input is changed and
//! replayed by other means.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};
use txwarden::{
    model::{Chain, Family},
    sim::{Evm, Scenario, Utxo},
};

/// An address that the simulator never uses.
const STRANGER: &str = "0x00000000000000000000000000000000deadbeef";

fn txwarden(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_txwarden"));
    command.args(args).env_remove("TXWARDEN_CONFIG").output().unwrap()
}

/// What is explained: each takes four replays.
const LANES: [&str; 2] = ["fan_out", "score"];

const FORMAT: [&str; 2] = ["--format=ethereum_etl", "--chain=eip155:1"];

/// Replays records and returns the first revisions of their alerts.
fn replay(dir: &Path, records: &[String]) -> Vec<Value> {
    replay_with(dir, records, &FORMAT)
}

fn replay_with(dir: &Path, records: &[String], with: &[&str]) -> Vec<Value> {
    let input = dir.join("replayed.jsonl");
    fs::write(&input, records.join("\n")).unwrap();
    let mut args = vec!["replay", "-q"];
    args.extend(with);
    args.push(input.to_str().unwrap());
    let output = txwarden(&args);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let alerts = text.lines().map(parse);
    alerts.filter(|alert| alert["revision"] == 1).collect()
}

fn explain(args: &[&str], input: &Path) -> Output {
    explain_with(args, input, &FORMAT)
}

fn explain_with(args: &[&str], input: &Path, with: &[&str]) -> Output {
    let mut all = vec!["explain"];
    all.extend(with);
    all.extend(args);
    all.extend(["--input", input.to_str().unwrap()]);
    txwarden(&all)
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

/// Returns the lane of an alert: a rule's id, or `score` where models speak.
fn lane(alert: &Value) -> &str {
    match alert["evidence"][0]["kind"].as_str().unwrap() {
        "rule" => alert["evidence"][0]["detector"].as_str().unwrap(),
        _ => "score",
    }
}

#[test]
fn what_would_have_kept_it_quiet_does() {
    let evm = Evm { n_blocks: 2_160, block_secs: 60, txs_per_block: 4.0, ..Evm::default() };
    let (lines, _) = Scenario::new(7).evm(evm).generate();
    let records: Vec<String> =
        lines.into_iter().filter(|l| l.family == Family::Evm).map(|l| l.json).collect();
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    fs::write(&input, records.join("\n")).unwrap();
    let alerts = replay(dir.path(), &records);
    let mut by_lane: BTreeMap<&str, &Value> = BTreeMap::new();
    for alert in alerts.iter().filter(|alert| alert["tx"]["id"].is_string()) {
        by_lane.entry(lane(alert)).or_insert(alert);
    }
    by_lane.retain(|lane, _| LANES.contains(lane));
    assert_eq!(by_lane.len(), LANES.len(), "{:?}", by_lane.keys());
    // Every alert of the score is led by a value above what would have kept it quiet.
    let led = alerts.iter().filter(|alert| self::lane(alert) == "score");
    let leads: Vec<&Value> = led.map(|alert| &alert["evidence"][0]).collect();
    let is_above = |e: &&Value| e["value"].as_f64() > e["expected"]["high"].as_f64();
    assert!(leads.len() >= 10 && leads.iter().all(is_above), "{leads:?}");
    let (mut n_quiet, mut n_replayed) = (0, 0);
    for (lane, alert) in &by_lane {
        let id = alert["alert_id"].as_str().unwrap();
        let output = explain(&[id, "--json"], &input);
        assert_eq!(output.status.code(), Some(0), "{lane}: {output:?}");
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(said["tx"], alert["tx"]["id"]);
        let lanes = said["judgement"]["lanes"].as_array().unwrap();
        assert!(lanes.iter().any(|l| l == lane), "{lane} is not in {lanes:?}");
        let of_lane =
            |change: &&Value| change["quiets"].as_array().unwrap().contains(&(*lane).into());
        let features = said["features"].as_array().unwrap().iter().filter(of_lane);
        let inputs = said["inputs"].as_array().unwrap().iter().filter(of_lane);
        n_quiet += usize::from(features.clone().chain(inputs.clone()).next().is_some());
        if *lane == "score" {
            let shares = said["evidence"].as_array().unwrap().iter();
            let total: f64 = shares.map(|e| e[1].as_f64().unwrap()).sum();
            assert!((total - 1.0).abs() < 1e-9, "{total}");
            let named = said["named"].as_array().unwrap();
            let is_quiet = |change: &Value| change[1]["quiets"] == serde_json::json!(["score"]);
            assert!(!named.is_empty() && named.iter().all(is_quiet), "{said}");
            let threshold = said["p_threshold"].as_f64().unwrap();
            let is_below = |c: &Value| c["p_value"].as_f64().is_none_or(|p| p > threshold);
            assert!(features.clone().count() > 0 && features.clone().all(is_below), "{said}");
            let distances = features.map(|c| c["rank_distance"].as_f64().unwrap());
            assert!(distances.is_sorted());
        }
        // By other means: the receiver is changed in the record itself, and all is replayed.
        let hash = said["tx"].as_str().unwrap();
        let is_it = |record: &Value| record["type"] == "transaction" && record["hash"] == hash;
        let at = records.iter().position(|r| is_it(&parse(r))).unwrap();
        if inputs.clone().any(|change| change["input"] == "receiver") {
            let mut record = parse(&records[at]);
            record["to_address"] = STRANGER.into();
            let mut edited = records[..=at].to_vec();
            edited[at] = record.to_string();
            let raised = replay(dir.path(), &edited);
            let same = |a: &&Value| a["tx"]["id"] == hash && self::lane(a) == *lane;
            assert!(raised.iter().find(same).is_none(), "{lane} still fires: {said}");
            assert!(replay(dir.path(), &records[..=at]).iter().any(|a| same(&a)), "{lane}");
            n_replayed += 1;
        }
    }
    assert!(n_quiet == LANES.len() && n_replayed >= 1, "{n_quiet} quiet, {n_replayed} replayed");
}

#[test]
fn sentences_name_the_change_and_what_is_missing_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    let evm = Evm { n_blocks: 300, ..Evm::default() };
    let (lines, _) = Scenario::new(3).evm(evm).generate();
    let records: Vec<&str> =
        lines.iter().filter(|l| l.family == Family::Evm).map(|l| l.json.as_str()).collect();
    fs::write(&input, records.join("\n")).unwrap();
    let missing = explain(&["0123456789abcdef0123456789abcdef"], &input);
    assert_eq!(missing.status.code(), Some(1));
    let said = String::from_utf8(missing.stderr).unwrap();
    assert!(said.contains("is in none of the") && said.contains("replay"), "{said}");
    assert_eq!(explain(&[], &input).status.code(), Some(2));
    let tx = records.iter().rev().map(|r| parse(r)).find(|r| r["type"] == "transaction").unwrap();
    let output = explain(&["--tx", tx["hash"].as_str().unwrap()], &input);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.starts_with("transaction 0x") && said.contains("score:"), "{said}");
}

#[test]
fn a_utxo_alert_is_explained_in_satoshi() {
    let utxo = Utxo { n_blocks: 300, ..Utxo::default() };
    let (lines, _) = Scenario::new(7).utxo(utxo).generate();
    let records: Vec<String> =
        lines.into_iter().filter(|l| l.family == Family::Utxo).map(|l| l.json).collect();
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    fs::write(&input, records.join("\n")).unwrap();
    let chain = format!("--chain={}", Chain::BITCOIN);
    let with = ["--format=bitcoin_etl", chain.as_str()];
    let alerts = replay_with(dir.path(), &records, &with);
    let is_wanted = |a: &&Value| ["fee_fat_finger", "dusting"].contains(&lane(a));
    let alert = alerts.iter().find(is_wanted).expect("the simulator plants both");
    let output = explain_with(&[alert["alert_id"].as_str().unwrap(), "--json"], &input, &with);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["tx"], alert["tx"]["id"]);
    let changes = said["inputs"].as_array().unwrap();
    let quieting = changes.iter().find(|change| {
        let quiets = change["quiets"].as_array().unwrap();
        quiets.iter().any(|quiet| quiet == lane(alert))
    });
    let quieting = quieting.unwrap_or_else(|| panic!("nothing keeps it quiet: {said}"));
    assert!(quieting["input"].is_string() && quieting["to"].is_string());
    assert!(said.to_string().contains("satoshi"), "{said}");
}

#[test]
fn an_alert_that_follows_from_an_order_is_found_with_the_order_only() {
    let evm = Evm { n_blocks: 300, ..Evm::default() };
    let (lines, _) = Scenario::new(3).evm(evm).generate();
    let records: Vec<String> =
        lines.into_iter().filter(|l| l.family == Family::Evm).map(|l| l.json).collect();
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    fs::write(&input, records.join("\n")).unwrap();
    let is_payment = |r: &Value| r["type"] == "transaction" && r["to_address"].is_string();
    let last = records.iter().rev().map(|r| parse(r)).find(is_payment).unwrap();
    let subject = format!("eip155:1:{}", last["to_address"].as_str().unwrap());
    let order = ["verdict", "deny", &subject, "--analyst=ann", "--until=2100"];
    let written = txwarden(&order);
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    let mut order = parse(std::str::from_utf8(&written.stdout).unwrap());
    order["time_ms"] = 0.into();
    let orders = dir.path().join("orders.jsonl");
    fs::write(&orders, format!("{order}\n")).unwrap();
    let verdicts = format!("--verdicts={}", orders.to_str().unwrap());
    let with = [FORMAT[0], FORMAT[1], verdicts.as_str()];
    let alerts = replay_with(dir.path(), &records, &with);
    let denied = alerts.iter().find(|a| lane(a) == "deny_list").expect("the account is denied");
    let id = denied["alert_id"].as_str().unwrap();
    assert_eq!(explain(&[id], &input).status.code(), Some(1), "without the order there is none");
    let output = explain_with(&[id], &input, &with);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("rule deny_list (high)") && said.contains("by order of ann"), "{said}");
}
