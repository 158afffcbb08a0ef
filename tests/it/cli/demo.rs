//! The demo as a stranger runs it: every planted incident is noticed, background stays quiet.
#![cfg(feature = "kafka")]

use serde_json::Value;
use std::process::Command;

/// Alerts on background traffic that an analyst would put up with, per 1,000 transactions.
const BACKGROUND_ALERTS_MAX: f64 = 2.0;

#[test]
fn the_demo_detects_what_it_planted_and_little_else() {
    let folder = tempfile::tempdir().unwrap();
    let summary = folder.path().join("summary.json");
    let output = Command::new(env!("CARGO_BIN_EXE_txwarden"))
        .args(["demo", "--short", "--seed", "7", "--summary"])
        .arg(&summary)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("kcat -C -b 127.0.0.1:"), "no line to read along: {text}");
    assert!(text.contains("curl http://127.0.0.1:"), "no line for the metrics: {text}");
    let longest = text.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(120), "a line of {longest:?} characters");
    assert!(!text.contains('\x1b'), "colours without a terminal");

    let summary: Value = serde_json::from_slice(&std::fs::read(summary).unwrap()).unwrap();
    let planted = summary["planted"].as_array().unwrap();
    assert!(planted.len() >= 20, "only {} incidents were planted", planted.len());
    // Half as many payments in tokens as the whole demo has: their scores warm up meanwhile, see
    // `tokens`.
    let is_due = |p: &&Value| p["name"] != "token_phishing";
    let missed: Vec<_> = planted.iter().filter(is_due).filter(|p| p["detected"] != true).collect();
    assert!(missed.is_empty(), "missed: {missed:?}\n{text}");
    assert!(planted.iter().filter(is_due).all(|p| p["delay_ms"].is_u64()));
    assert!(summary["n_transactions"].as_u64().unwrap() > 10_000);
    assert_eq!(summary["n_dead_letters"], 0);
    let background = summary["background_alerts_per_1000_tx"].as_f64().unwrap();
    assert!(background <= BACKGROUND_ALERTS_MAX, "{background} per 1,000\n{text}");
}
