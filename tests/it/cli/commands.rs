//! The built binary from outside: exit codes, mistakes in the configuration, replay, schema.

use expect_test::expect_file;
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Output, Stdio},
};

fn txwarden(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_txwarden"));
    command.args(args).env_remove("TXWARDEN_CONFIG").output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A transaction as ethereum-etl writes it.
fn transaction(i: u64) -> String {
    format!(
        concat!(
            r#"{{"type":"transaction","hash":"0x{i:064x}","nonce":{i},"block_hash":"0x{b:064x}","#,
            r#""block_number":{b},"block_timestamp":{t},"transaction_index":0,"#,
            r#""from_address":"0x{a:040x}","to_address":"0x{r:040x}","value":"{v}","#,
            r#""gas":21000,"gas_price":"1000000000","input":"0x"}}"#
        ),
        i = i,
        b = 1_000 + i,
        t = 1_600_000_000 + i * 12,
        a = 1 + i % 7,
        r = 100 + i % 11,
        v = if i == 150 { "900000000000000000000000" } else { "1500000000000000000" },
    )
}

fn write_transactions(path: &Path, n: u64) {
    let mut file = fs::File::create(path).unwrap();
    (0..n).for_each(|i| writeln!(file, "{}", transaction(i)).unwrap());
    writeln!(file, "no json").unwrap();
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good.yaml");
    fs::write(&good, "version: 1\n").unwrap();
    let good = good.to_str().unwrap();
    let bad = dir.path().join("bad.yaml");
    fs::write(&bad, "colour: blue\n").unwrap();
    for (args, code) in [
        (&["--version"][..], 0),
        (&["rules", "list"], 0),
        (&["check", "-c", good, "--no-environment"], 0),
        (&["replay", "--format", "ethereum_etl", "--chain", "eip155:1", "/no/such/file"], 1),
        (&["replay"], 2),
        (&["rules", "show", "large_nativ"], 2),
        (&["decode", "--format", "no_format", "-"], 2),
        (&["check", "-c", good, "--no-environment", "--deny-warnings"], 3),
        (&["check", "-c", bad.to_str().unwrap(), "--no-environment"], 78),
    ] {
        let output = txwarden(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
    }
}

#[test]
fn all_mistakes_of_a_configuration_are_said_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.yaml");
    let text = r#"version: 2
kafka:
  brokrs: x
  start: begin
  session_timeout_ms: ten
inputs:
  - { topic: a, format: etherum_etl, chain: "eip155:1" }
  - { topic: b, format: bitcoin_etl, chain: "cosmos:hub", fast: true }
  - { format: bitcoin_etl, chain: "eip155:1" }
http: { listen: nowhere }
log: { format: xml, level: "${TXWARDEN_TEST_UNSET}" }
detect:
  rules:
    large_nativ: {}
    large_native: { params: { usdd: 3 }, severity: hugh }
chains:
  "eip155:10": { trage: {}, state: { accounts_max: -1 } }
colour: blue
"#;
    fs::write(&path, text).unwrap();
    let output = txwarden(&["check", "-c", path.to_str().unwrap(), "--no-environment"]);
    let said = String::from_utf8(output.stderr).unwrap().replace(path.to_str().unwrap(), "FILE");
    expect_file!["mistakes.txt"].assert_eq(&said);
}

#[test]
fn the_shipped_configuration_is_right() {
    let output = txwarden(&["check", "-c", "config/txwarden.yaml", "--no-environment"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stdout(&output).lines().last().unwrap().starts_with("ok: 1 input, "));
}

#[test]
fn replay_answers_the_same_whatever_the_batch() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    write_transactions(&input, 300);
    let run = |batch: &str| {
        let at = |name: &str| dir.path().join(format!("{batch}-{name}"));
        let (findings, letters, summary) = (at("findings"), at("letters"), at("summary"));
        let output = txwarden(&[
            "replay",
            "--format=ethereum_etl",
            "--chain=eip155:1",
            "--batch",
            batch,
            "--findings",
            findings.to_str().unwrap(),
            "--dead-letters",
            letters.to_str().unwrap(),
            "--summary",
            summary.to_str().unwrap(),
            input.to_str().unwrap(),
        ]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let read = |path| fs::read_to_string(path).unwrap();
        (stdout(&output), read(findings), read(letters), read(summary))
    };
    let (alerts, findings, letters, summary) = run("1");
    assert_eq!(run("97").0, alerts);
    assert_eq!(run("97").1, findings);
    assert_eq!(letters.lines().count(), 1);
    let finding: Value = serde_json::from_str(findings.lines().next().unwrap()).unwrap();
    for key in ["tx", "height", "subject", "detector", "severity", "value", "expected", "unit"] {
        assert!(finding.get(key).is_some(), "{key} is missing in {finding}");
    }
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let keys: Vec<_> = summary.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = vec![
        "records",
        "decoded",
        "transactions",
        "skipped",
        "dead_letters",
        "alerts",
        "revisions",
        "alerts_by_detector",
        "alerts_by_severity",
        "not_evaluable",
        "seconds",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!((&summary["records"], &summary["transactions"]), (&301.into(), &300.into()));
}

/// What counts for nothing is not called enabled, and what says less for want of data says so.
#[test]
fn the_list_of_rules_says_what_is_true() {
    let list = |args: &[&str]| -> Vec<Value> {
        serde_json::from_str(&stdout(&txwarden(&[&["rules", "list", "--json"], args].concat())))
            .unwrap()
    };
    let of = |rows: &[Value], id: &str| rows.iter().find(|row| row["id"] == id).unwrap().clone();
    let rows = list(&[]);
    for (id, state, weight) in [
        ("burst", "weight_0", json!(0.0)),
        ("seasonal", "weight_0", json!(0.0)),
        ("soft_and", "enabled", json!(1.0)),
        // It has no weight of its own, and claims what verdicts earn it.
        ("verdicts", "enabled", json!(0.0)),
        ("fan_out", "enabled", Value::Null),
    ] {
        let row = of(&rows, id);
        assert_eq!((&row["state"], &row["weight"]), (&state.into(), &weight), "{id}");
    }
    for id in ["double_spend_attempt", "nonce_replaced"] {
        let row = of(&rows, id);
        assert_eq!((&row["state"], &row["missing"]), (&"enabled".into(), &json!([])), "{id}");
        assert!(row["weaker"][0].as_str().unwrap().contains("reference.watch"), "{row}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.yaml");
    fs::write(dir.path().join("w.yaml"), format!("- {{ address: \"0x{:040x}\" }}\n", 7)).unwrap();
    let text = "version: 1\ninputs: [{ topic: a, format: evm_rpc, chain: \"eip155:1\" }]\n\
                reference: { watch: w.yaml }\ndetect: { models: { burst: { weight: 0.1 } } }\n";
    fs::write(&path, text).unwrap();
    let rows = list(&["-c", path.to_str().unwrap()]);
    assert_eq!(of(&rows, "nonce_replaced")["weaker"], json!([]));
    assert_eq!(of(&rows, "burst")["state"], "enabled");
    let said = stdout(&txwarden(&["check", "-c", "config/txwarden.yaml", "--no-environment"]));
    assert!(said.contains("nonce_replaced runs, and says less: no watched account"), "{said}");
}

#[test]
fn decode_writes_a_line_a_record() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    write_transactions(&input, 2);
    let output = txwarden(&["decode", "--format=ethereum_etl", input.to_str().unwrap()]);
    let verdicts: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["verdict"].clone())
        .collect();
    assert_eq!(verdicts, ["accept", "accept", "reject"]);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in.jsonl");
    write_transactions(&input, 2_000);
    let mut child = Command::new(env!("CARGO_BIN_EXE_txwarden"))
        .args(["decode", "--format=ethereum_etl", input.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("accept"), "{line}");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn the_schema_names_every_field_of_an_alert() {
    let output = txwarden(&["schema", "alert"]);
    let schema: Value = serde_json::from_str(&stdout(&output)).unwrap();
    for key in ["alert_id", "severity", "score", "reason", "subject", "evidence", "priority"] {
        assert!(schema["properties"].get(key).is_some(), "{key} is missing");
        assert!(schema["required"].as_array().unwrap().contains(&key.into()), "{key}");
    }
}

#[test]
fn the_manual_shows_the_metric_table() {
    let table = txwarden::ops::metrics::table_markdown();
    let page = fs::read_to_string("src/manual/metrics.md").unwrap_or_default();
    let (start, end) = ("<!-- metrics -->\n", "<!-- /metrics -->");
    let Some((before, rest)) = page.split_once(start) else {
        panic!("metrics.md has no such section; it would be:\n{start}{table}{end}");
    };
    let (shown, after) = rest.split_once(end).unwrap();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write("src/manual/metrics.md", format!("{before}{start}{table}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(shown, table, "UPDATE_EXPECT=1 writes the section anew");
}
