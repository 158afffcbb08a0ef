//! A record that aborts the process, on a real broker: set aside alone, once, and for good.

use crate::{
    cli::signals::configuration,
    kafka::job::{Job, assert_contiguous, assert_same, lines},
};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};
use txwarden::{
    engine::Action,
    model::{Alert, Record},
    pipeline::{Driver, Fits},
};

/// Processes that may end: three at one committed offset, and before them those that still commit
/// something because their batches end elsewhere on a slow machine.
const PROCESSES_MAX: usize = 8;

/// A process that aborts when it folds a record with the text; killed when the test fails.
struct Running(Child);

impl Running {
    fn start(config: &Path, poison: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_txwarden"))
            .args(["run", "--http-listen", "127.0.0.1:0", "--log-level", "info", "-c"])
            .arg(config)
            .env("TXWARDEN_FAILPOINTS", format!("record=abort:{poison}"))
            .stderr(Stdio::from(fs::File::create(config.with_extension("log")).unwrap()))
            .spawn()
            .unwrap();
        Self(child)
    }

    fn stop(mut self) {
        let sent = Command::new("kill").args(["-s", "TERM", &self.0.id().to_string()]).status();
        assert!(sent.unwrap().success());
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the alerts are when one record is set aside.
fn expected(job: &Job, lines: &[(String, i64)], aside: usize) -> Vec<Alert> {
    let input = &job.inputs[0];
    let mut driver = Driver::new(input.setup.clone(), Fits::Inline).unwrap();
    let mut actions = Vec::new();
    for (offset, (line, ms)) in lines.iter().enumerate() {
        let record = Record {
            topic: "t",
            offset: offset as i64,
            kafka_ms: Some(*ms),
            value: Some(line.as_bytes()),
            ..Record::default()
        };
        match offset == aside {
            true => driver.set_aside(&input.settings, record, &mut actions),
            false => driver.feed(&input.settings, record, &mut actions),
        }
    }
    let alert = |action| match action {
        Action::Alert(alert) => Some(*alert),
        _ => None,
    };
    actions.into_iter().filter_map(alert).collect()
}

#[test]
fn the_record_that_aborts_the_process_is_set_aside_and_nothing_else() {
    let Some(job) = Job::new("the_record_that_aborts_the_process_is_set_aside_and_nothing_else")
    else {
        return;
    };
    let lines = lines();
    let (aside, poison) = unique(&lines);
    let (last, first) = lines.split_last().unwrap();
    job.broker.produce(&job.input, first);

    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("txwarden.yaml");
    let state = format!("snapshots: {{ url: {:?} }}", dir.path().join("state"));
    let text = configuration(&job).replace("snapshots: { url: none }", &state);
    // Nobody waits for the session of a process that has ended.
    let text = text.replace("kafka: {", "kafka: { is_static_member: true, instance: a,");
    assert!(text.contains(&state) && text.contains("instance: a"));
    fs::write(&config, text).unwrap();

    let mut n_ended = 0;
    let survivor = loop {
        assert!(n_ended <= PROCESSES_MAX, "it still ends: {}", log(&config));
        let mut running = Running::start(&config, &poison);
        let committed = job.await_offset(|committed| {
            committed == first.len() as i64 || running.0.try_wait().unwrap().is_some()
        });
        if committed == first.len() as i64 {
            break running;
        }
        assert_eq!(running.0.wait().unwrap().code(), None, "aborted: {}", log(&config));
        n_ended += 1;
    };
    assert!(n_ended >= 3, "only {n_ended} processes ended");
    survivor.stop();

    // Neither does a later process read it when all that was kept here is gone: the control log
    // says so as well. And it leaves no marker behind.
    let place = dir.path().join(format!("state/v1/{}/{}/0", job.params.kafka.group, job.input));
    assert!(place.join("skipped.json").exists() && !place.join("inflight.json").exists());
    fs::remove_dir_all(&place).unwrap();
    job.broker.produce(&job.input, std::slice::from_ref(last));
    let again = Running::start(&config, &poison);
    job.await_committed(lines.len());
    again.stop();
    assert!(log(&config).contains("the state is rebuilt from the log"), "{}", log(&config));
    assert!(!place.join("inflight.json").exists());

    let letters = job.broker.read_committed(&job.params.outputs.dead_letters);
    let body = |m: &rdkafka::message::OwnedMessage| -> Value {
        serde_json::from_slice(rdkafka::Message::payload(m).unwrap()).unwrap()
    };
    let crashed: Vec<_> =
        letters.iter().map(body).filter(|letter| letter["reason"] == "crash_loop").collect();
    assert_eq!(crashed.len(), 1);
    assert_eq!(crashed[0]["offset"], aside);
    let written = job.alerts();
    assert!(written.len() > 20, "only {} alerts", written.len());
    assert_same(&written, &expected(&job, &lines, aside));
    assert_contiguous(&written);
}

/// Returns a record from the middle with a text that only it contains.
fn unique(lines: &[(String, i64)]) -> (usize, String) {
    let hash = |line: &str| -> Option<String> {
        let record: Value = serde_json::from_str(line).unwrap();
        record["hash"].as_str().map(str::to_owned)
    };
    let from = lines.len() / 2;
    let mut hashes =
        (from..).zip(&lines[from..]).filter_map(|(i, (line, _))| Some((i, hash(line)?)));
    let is_unique = |text: &str| lines.iter().filter(|(line, _)| line.contains(text)).count() == 1;
    hashes.find(|(_, text)| is_unique(text)).unwrap()
}

fn log(config: &Path) -> String {
    fs::read_to_string(config.with_extension("log")).unwrap_or_default()
}
