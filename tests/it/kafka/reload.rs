//! The control log on a real broker: reloads, restarts and verdicts, repeated by every replay.

use crate::kafka::job::{Job, Running, lines};
use rdkafka::{
    Message,
    producer::{BaseProducer, BaseRecord, Producer},
};
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use txwarden::{
    audit,
    engine::Action,
    journal::{Change, ControlEntry, Position, Why, check, turns},
    model::{Judgement, Record, Verdict},
    pipeline::{
        Driver, Fits,
        control::{InputSetup, Inputs, bundles_of},
    },
    store::{self, Store},
};

const PATIENCE: Duration = Duration::from_secs(90);

/// A job that keeps bundles in a directory of its own and reads verdicts.
fn job(test: &str) -> Option<(Job, tempfile::TempDir)> {
    let mut job = Job::new(test)?;
    let dir = tempfile::tempdir().unwrap();
    job.params.snapshots =
        store::Params { url: dir.path().display().to_string(), ..store::Params::default() };
    let topic = job.broker.name("verdicts");
    job.broker.create_topic(&topic, 2);
    job.params.verdicts.topic = Some(topic);
    Some((job, dir))
}

/// The job's inputs under another name and with other thresholds.
fn renamed(job: &Job, hash: &str, eth: f64) -> Vec<InputSetup> {
    let mut inputs = job.inputs.clone();
    let setup = &mut inputs[0].setup;
    setup.config_hash = hash.to_owned();
    let loud = setup.params.detect.rules.get_mut("large_native").unwrap();
    loud.params = serde_json::from_value(serde_json::json!({"units_min": {"ETH": eth}})).unwrap();
    inputs
}

fn entries(job: &Job) -> Vec<ControlEntry> {
    let messages = job.broker.read_committed(&job.params.outputs.control);
    let entries = messages.iter().map(|m| {
        let entry = ControlEntry::parse(m.payload().unwrap()).unwrap();
        assert_eq!(m.key(), Some(entry.key().as_bytes()));
        entry
    });
    entries.collect()
}

fn await_entries(job: &Job, n: usize) -> Vec<ControlEntry> {
    let until = Instant::now() + PATIENCE;
    loop {
        let found = entries(job);
        if found.len() >= n {
            return found;
        }
        assert!(Instant::now() < until, "no entry {n}: {found:?}");
    }
}

/// Folds lines without Kafka, taking the turns of the control log; returns exact bodies.
fn fold(job: &Job, lines: &[(String, i64)]) -> Vec<Vec<u8>> {
    let entries = entries(job);
    let place = entries[0].place.clone();
    check(&place, &entries).unwrap();
    let store = Store::open(&job.params.snapshots).unwrap();
    let turns = turns(&place, entries, &[], bundles_of(store.as_ref())).unwrap();
    let mut position = Position::begin(place, turns).unwrap();
    let mut driver = Driver::new(position.bundle().setup.clone(), Fits::Inline).unwrap();
    let mut chain = audit::HashChain::new(&job.input, 0);
    let (mut actions, mut bodies) = (Vec::new(), Vec::new());
    for (offset, (line, ms)) in (0..).zip(lines) {
        while let Some(turn) = position.take_due(offset) {
            driver.control(turn.step.control().unwrap()).unwrap();
        }
        let value = Some(line.as_bytes());
        let topic = job.input.as_str();
        let record = Record { topic, offset, kafka_ms: Some(*ms), value, ..Record::default() };
        driver.feed(&position.bundle().settings, record, &mut actions);
        for action in actions.drain(..) {
            if let Action::Alert(mut alert) = action {
                bodies.push(chain.seal(&mut alert).unwrap());
            }
        }
    }
    bodies
}

fn written(job: &Job) -> Vec<Vec<u8>> {
    let messages = job.broker.read_committed(&job.params.outputs.alerts);
    messages.iter().map(|m| m.payload().unwrap().to_vec()).collect()
}

fn send(job: &Job, topic: &str, key: &str, body: &str) {
    let producer: BaseProducer = job.broker.config().create().unwrap();
    let record = BaseRecord::to(topic).key(key).payload(body);
    producer.send(record).map_err(|(e, _)| e).unwrap();
    producer.flush(Duration::from_secs(30)).unwrap();
}

fn judge(job: &Job, verdict: Judgement) {
    let alert = &job.alerts()[0];
    let verdict = Verdict {
        schema: Verdict::SCHEMA.to_owned(),
        alert_id: Some(alert.alert_id.clone()),
        subject: alert.subject.clone(),
        verdict,
        analyst: "ann".to_owned(),
        weight: 1.0,
        time_ms: 5,
        until_ms: None,
        note: None,
    };
    let topic = job.params.verdicts.topic.clone().unwrap();
    send(job, &topic, "bad", "no verdict");
    send(job, &topic, "a", &serde_json::to_string(&verdict).unwrap());
}

fn refusal(job: &Job) -> String {
    let refused = job.start().stop_when_done().unwrap_err();
    assert_eq!(refused.code(), "refused", "{refused}");
    refused.to_string()
}

fn forget_snapshots(dir: &Path) -> usize {
    let mut n = 0;
    for group in fs::read_dir(dir.join("v1")).unwrap().flatten() {
        if group.file_name() != "bundles" {
            fs::remove_dir_all(group.path()).unwrap();
            n += 1;
        }
    }
    n
}

fn run_to(job: &Job, running: Running, n_records: usize) {
    job.await_committed(n_records);
    running.stop().unwrap();
}

#[test]
fn reloads_and_verdicts_are_repeated_by_every_replay() {
    let Some((mut job, dir)) = job("reloads_and_verdicts_are_repeated_by_every_replay") else {
        return;
    };
    // In a file a pending transaction has no time.
    let mut lines = lines();
    lines.retain(|(line, _)| {
        !line.contains("\"block_hash\": null") || line.contains("\"block_hash\":null")
    });
    let ends = [1, 2, 3, 4].map(|i| lines.len() * i / 4);
    job.broker.produce(&job.input, &lines[..ends[0]]);
    let inputs = Inputs::new(&job.inputs).unwrap();
    let running = job.start_with(inputs.clone());
    job.await_committed(ends[0]);
    judge(&job, Judgement::TruePositive);
    await_entries(&job, 2);
    let reloaded = renamed(&job, "reloaded", 0.5);
    assert_eq!(inputs.replace(&reloaded), Ok(1));
    assert_eq!(inputs.replace(&reloaded), Ok(0), "the same again is no change");
    await_entries(&job, 3);
    job.broker.produce(&job.input, &lines[ends[0]..ends[1]]);
    run_to(&job, running, ends[1]);

    // Started with what was reloaded, then without snapshots, then with other settings.
    job.inputs = reloaded;
    let running = job.start();
    job.broker.produce(&job.input, &lines[ends[1]..ends[2]]);
    run_to(&job, running, ends[2]);
    assert!(forget_snapshots(dir.path()) > 0);
    job.inputs = renamed(&job, "restarted", 3.0);
    let running = job.start();
    judge(&job, Judgement::FalsePositive);
    await_entries(&job, 5);
    job.broker.produce(&job.input, &lines[ends[2]..]);
    run_to(&job, running, ends[3]);

    let entries = entries(&job);
    let story: Vec<_> = entries.iter().map(|entry| (entry.offset as usize, kind(entry))).collect();
    let told = [
        (0, Some(Why::FirstStart)),
        (ends[0], None),
        (ends[0], Some(Why::Reload)),
        (ends[2], Some(Why::Restart)),
        (ends[2], None),
    ];
    assert_eq!(story, told);
    let (written, expected) = (written(&job), fold(&job, &lines));
    assert!(expected.len() > 20, "only {} alerts", expected.len());
    assert_eq!(written.len(), expected.len());
    assert!(written == expected, "an alert differs");
    let hashes: Vec<_> = job.alerts().into_iter().map(|a| a.provenance.config_hash).collect();
    for hash in ["test", "reloaded", "restarted"] {
        assert!(hashes.iter().any(|h| h == hash), "no alert under {hash}");
    }
    assert!(job.alerts().iter().any(|a| a.confidence.is_some()));
    let replayed = replayed(&job, dir.path(), &lines);
    assert_eq!(replayed.len(), expected.len());
    for (ours, theirs) in replayed.iter().zip(&expected) {
        assert_eq!(String::from_utf8_lossy(ours), String::from_utf8_lossy(theirs));
    }
    // Control: a fold that ignores the log answers otherwise.
    assert_ne!(job.fold(&lines).len(), expected.len());
}

/// Repeats the run with the command line, from files; returns the lines it writes.
fn replayed(job: &Job, dir: &Path, lines: &[(String, i64)]) -> Vec<Vec<u8>> {
    let path = |name: &str| dir.join(name).display().to_string();
    let entries: String =
        entries(job).iter().map(|e| serde_json::to_string(e).unwrap() + "\n").collect();
    fs::write(path("control.jsonl"), entries).unwrap();
    let text: String = lines.iter().map(|(line, _)| format!("{line}\n")).collect();
    fs::write(path("input.jsonl"), text).unwrap();
    let (control, bundles) = (path("control.jsonl"), job.params.snapshots.url.clone());
    let (alerts, input) = (path("alerts.jsonl"), path("input.jsonl"));
    let done = Command::new(env!("CARGO_BIN_EXE_txwarden"))
        .args(["replay", "-q", "--format", "ethereum_etl", "--chain", "eip155:1"])
        .args(["--control", &control, "--bundles", &bundles, "--alerts", &alerts, &input])
        .output()
        .unwrap();
    assert!(done.status.success(), "{done:?}");
    fs::read_to_string(alerts).unwrap().lines().map(|line| line.as_bytes().to_vec()).collect()
}

fn kind(entry: &ControlEntry) -> Option<Why> {
    match entry.change {
        Change::Setup { why, .. } => Some(why),
        Change::Verdict { .. } | Change::SetAside | Change::Envelope { .. } => None,
    }
}

#[test]
fn a_log_or_bundle_that_is_not_whole_is_refused() {
    let Some((mut job, dir)) = job("a_log_or_bundle_that_is_not_whole_is_refused") else { return };
    let lines = lines();
    job.broker.produce(&job.input, &lines[..100]);
    let running = job.start();
    run_to(&job, running, 100);
    let first = entries(&job);
    assert_eq!((first.len(), first[0].n, first[0].offset), (1, 1, 0));

    // The bundle of that time is gone, and the settings are others now.
    job.inputs = renamed(&job, "other", 1.0);
    let Change::Setup { bundle, .. } = &first[0].change else { panic!("{first:?}") };
    let file = dir.path().join("v1/bundles").join(bundle);
    let kept = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let said = refusal(&job);
    assert!(said.contains(bundle) && said.contains("restore v1/bundles/"), "{said}");
    fs::write(&file, b"other").unwrap();
    assert!(refusal(&job).contains("damaged"));
    fs::write(&file, kept).unwrap();

    // Entries were deleted with their topic.
    let control = job.params.outputs.control.clone();
    let mut emptied = job.clone();
    emptied.params.outputs.control = job.broker.name("empty");
    emptied.params.kafka.transaction_timeout_ms = 1_000;
    job.broker.create_topic(&emptied.params.outputs.control, 1);
    let said = refusal(&emptied);
    assert!(said.contains("holds 0 control entries"), "{said}");

    // What was refused was left as it was.
    let running = job.start();
    await_entries(&job, 2);
    running.stop().unwrap();

    // An entry that nobody wrote.
    let mut forged = first[0].clone();
    (forged.n, forged.offset) = (5, 100);
    send(&job, &control, &forged.key(), &serde_json::to_string(&forged).unwrap());
    let said = refusal(&job);
    assert!(said.contains("entry 5 stands where entry 3 should be"), "{said}");
    assert_eq!(job.broker.read_committed(&control).len(), 3);
}
