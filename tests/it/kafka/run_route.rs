//! `run --route` on a real broker: split topics in, the alerts of the clean stream out, and the
//! ledger of the same run.

use crate::{
    broker::send,
    cli::signals::{Running, STOP_MAX, configuration},
    kafka::job::{Job, assert_contiguous, assert_same, lines},
};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rdkafka::{Message, producer::Producer};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// What is no record of the chain: a dead letter each.
const GARBAGE: [&str; 3] = ["not json", "{\"type\": \"transaction\"}", "{\"no\": json"];

/// A height that the exporter has left out.
const GAP: u64 = 60;

/// The topics of an exporter, with their partitions.
const TOPICS: [(&str, i32); 3] = [("blocks", 1), ("transactions", 2), ("rest", 2)];

/// Returns the height of a record.
fn height(line: &str) -> Option<u64> {
    let value: Value = serde_json::from_str(line).ok()?;
    value.get("number").or_else(|| value.get("block_number"))?.as_u64()
}

/// The chain in its order, without pending transactions and one height.
fn clean() -> Vec<(String, i64)> {
    let mut lines = lines();
    let first = height(&lines[0].0).unwrap();
    let n_before = lines.len();
    lines.retain(|(line, _)| height(line).is_some_and(|height| height != first + GAP));
    assert!(lines.len() < n_before);
    lines
}

/// Writes each record to its kind's topic, at random over partitions, with garbage in between.
fn produce(job: &Job, topics: &[String], lines: &[(String, i64)]) {
    let (mut rng, producer) = (Xoshiro256PlusPlus::seed_from_u64(9), job.broker.producer());
    for (n, (line, ms)) in lines.iter().enumerate() {
        let is = |kind: &str| line.starts_with(&format!("{{\"type\": \"{kind}\""));
        let kinds = [is("block"), is("transaction"), true];
        let kind = kinds.iter().position(|is_it| *is_it).unwrap();
        let partition = rng.gen_range(0..TOPICS[kind].1);
        send(&producer, &topics[kind], partition, line.as_bytes(), *ms);
        let every = lines.len() / GARBAGE.len();
        if n % every == every / 2 {
            send(&producer, &topics[kind], partition, GARBAGE[n / every].as_bytes(), *ms);
        }
    }
    producer.flush(Duration::from_secs(60)).unwrap();
}

/// Reads the ledger from the newest snapshot that a run has written so far.
fn coverage(config: &Path, dir: &Path) -> Option<Value> {
    let done = Command::new(env!("CARGO_BIN_EXE_txwarden"))
        .args(["coverage", "--json", "-c"])
        .arg(config)
        .current_dir(dir)
        .output()
        .unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() || text.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    text.lines().next().map(|line| serde_json::from_str(line).unwrap())
}

fn sum(fates: &Value) -> u64 {
    fates.as_object().unwrap().values().filter_map(Value::as_u64).sum()
}

#[test]
fn split_topics_give_the_alerts_and_the_ledger_of_the_clean_stream() {
    let test = "split_topics_give_the_alerts_and_the_ledger_of_the_clean_stream";
    let Some(mut job) = Job::new(test) else { return };
    let dir = tempfile::tempdir().unwrap();
    job.params.snapshots.url = dir.path().join("state").display().to_string();
    let topics: Vec<String> = TOPICS
        .iter()
        .map(|(kind, n)| {
            let topic = job.broker.name(kind);
            job.broker.create_topic(&topic, *n);
            topic
        })
        .collect();
    let streams = format!(
        "route: {{ streams: [{{ output: {}, inputs: [{}], idle_ms: 2000 }}] }}\n",
        job.input,
        topics.join(", ")
    );
    let config = dir.path().join("txwarden.yaml");
    let text = configuration(&job).replace(" }\ndetect", ", every_ms: 1000 }\ndetect");
    assert!(text.contains("every_ms"));
    fs::write(&config, text + &streams).unwrap();
    let lines = clean();
    let running = Running::start_with(&config, &["--route"]);
    produce(&job, &topics, &lines);

    let n_parts = (lines.len() + GARBAGE.len()) as u64;
    let until = Instant::now() + PATIENCE;
    let ledger = loop {
        let ledger = coverage(&config, dir.path());
        if let Some(ledger) = ledger.filter(|ledger| ledger["n_records"] == n_parts) {
            break ledger;
        }
        assert!(Instant::now() < until, "not all were judged");
        std::thread::park_timeout(Duration::from_millis(200));
    };
    let metrics = running.metrics();
    running.signal("TERM");
    let (code, took) = running.end();
    assert_eq!(code, Some(0));
    assert!(took < STOP_MAX, "{took:?}");

    // The order is that of the clean stream, but for garbage, which has no place.
    let ordered = job.broker.read_committed(&job.input);
    assert_eq!(ordered.len() as u64, n_parts);
    let merged: Vec<(String, i64)> = ordered
        .iter()
        .map(|m| (String::from_utf8_lossy(m.payload().unwrap()).into_owned(), m))
        .map(|(text, m)| (text, m.timestamp().to_millis().unwrap()))
        .collect();
    let placed: Vec<_> = merged.iter().filter(|(line, _)| height(line).is_some()).collect();
    assert!(placed.iter().copied().eq(&lines), "another order");
    let written = job.alerts();
    assert!(written.len() > 10, "only {} alerts", written.len());
    assert_same(&written, &job.fold(&merged));
    assert_same(&written, &job.fold(&lines));
    assert_contiguous(&written);
    assert_eq!(job.broker.read_committed(&job.params.outputs.dead_letters).len(), GARBAGE.len());
    let told = format!("txwarden_routed_records_total{{topic=\"{}\"}} {n_parts}\n", job.input);
    assert!(metrics.contains(&told), "{metrics}");

    let n_offsets = (ordered.last().unwrap().offset() + 1) as u64;
    assert_ledger(&ledger, n_parts, n_offsets);
    let gap = height(&lines[0].0).unwrap() + GAP;
    assert_eq!(ledger["gaps"], json!([[gap, gap]]));
    // A stop keeps what it ends with: nothing came since.
    assert_eq!(coverage(&config, dir.path()).unwrap()["parts"], ledger["parts"]);
}

/// Every column sums to what was delivered; transaction markers are offsets, and no records.
fn assert_ledger(ledger: &Value, n_parts: u64, n_offsets: u64) {
    let n = |name: &str| ledger[name].as_u64().unwrap();
    assert_eq!((n("n_records"), n("n_parts"), sum(&ledger["parts"])), (n_parts, n_parts, n_parts));
    let dead: u64 = sum(&ledger["dead_letters"]);
    assert_eq!((dead, &ledger["parts"]["n_dead_letters"]), (3, &json!(3)));
    assert!(ledger["parts"]["n_scored"].as_u64().unwrap() > n_parts / 2, "{ledger}");
    let heights = ledger["heights"].as_array().unwrap();
    let by_height: u64 = heights.iter().map(|row| sum(&row["fates"])).sum();
    assert_eq!(by_height + sum(&ledger["orphaned"]) + sum(&ledger["unplaced"]), n_parts);
    assert_eq!(ledger["unplaced"]["n_dead_letters"], 3);
    assert!(n("n_orphaned_heights") > 0, "no reorg was seen");
    let rows = ledger["partitions"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    let row = |name: &str| rows[0][name].as_u64().unwrap();
    assert_eq!((row("first_offset"), row("next_offset")), (0, n_offsets));
    assert_eq!((row("n_records"), sum(&rows[0]["fates"])), (n_parts, n_parts));
    let n_holes = n_offsets - n_parts;
    assert!(n_holes > 0, "no transaction ended in between");
    assert_eq!((row("n_holes"), n("n_offset_holes")), (n_holes, n_holes));
}
