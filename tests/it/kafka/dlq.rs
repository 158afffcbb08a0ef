//! `dlq` on a real broker: what is listed, shown and written back, and that nothing goes twice.

use crate::{
    broker::header,
    kafka::job::{Job, lines},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rdkafka::Message;
use serde_json::Value;
use std::process::{Command, Output};
use txwarden::{engine::DeadLetter, store};

const BROKEN: &str = "{\"no\": json";

/// A job whose input held a batch where none was allowed, and what is no JSON at all.
struct Letters {
    job: Job,
    batch: String,
    /// Where the batch is, and behind it the broken record.
    batch_at: usize,
    dir: tempfile::TempDir,
}

impl Letters {
    fn new(test: &str) -> Option<Self> {
        let mut job = Job::new(test)?;
        job.inputs[0].settings.is_batch_allowed = false;
        let dir = tempfile::tempdir().unwrap();
        let url = dir.path().join("state").display().to_string();
        job.params.snapshots = store::Params { url, ..store::Params::default() };
        let mut lines = lines();
        lines.truncate(30);
        let batch_at = lines.len();
        // Longer than what a letter keeps of it.
        let batch = format!("[{}{}]", lines[3].0, format!(",{}", lines[4].0).repeat(3));
        assert!(batch.len() > 1_024);
        lines.push((batch.clone(), lines[29].1));
        lines.push((BROKEN.to_owned(), lines[29].1));
        job.broker.produce(&job.input, &lines);
        let running = job.start();
        running.await_records(lines.len());
        running.stop().unwrap();
        let outputs = &job.params.outputs;
        let config = format!(
            "version: 1\nkafka:\n  brokers: {}\n  group: {}\ninputs:\n  - topic: {}\n    format: \
             ethereum_etl\n    chain: eip155:1\noutputs:\n  alerts: {}\n  dead_letters: {}\n  \
             checkpoints: {}\n  control: {}\n",
            job.broker.bootstrap(),
            job.params.kafka.group,
            job.input,
            outputs.alerts,
            outputs.dead_letters,
            outputs.checkpoints,
            outputs.control,
        );
        std::fs::write(dir.path().join("txwarden.yaml"), config).unwrap();
        Some(Self { job, batch, batch_at, dir })
    }

    fn dlq(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_txwarden"));
        let config = self.dir.path().join("txwarden.yaml");
        command.arg("dlq").args(args).arg("-c").arg(config).output().unwrap()
    }

    fn json(&self, args: &[&str], code: i32) -> Value {
        let output = self.dlq(&[args, &["--json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn place(&self, offset: usize) -> String {
        format!("{}/0/{offset}", self.job.input)
    }

    fn n_input(&self) -> usize {
        self.job.broker.read_committed(&self.job.input).len()
    }
}

#[test]
fn letters_are_counted_filtered_and_shown_with_their_bytes() {
    let test = "letters_are_counted_filtered_and_shown_with_their_bytes";
    let Some(letters) = Letters::new(test) else { return };
    let all = letters.json(&["list"], 0);
    assert_eq!((&all["n_letters"], &all["n_foreign"]), (&2.into(), &0.into()));
    let reasons: Vec<_> = all["counts"].as_array().unwrap().iter().map(|c| &c["reason"]).collect();
    assert_eq!(reasons, ["unexpected_batch", "bad_json"]);
    assert_eq!(all["letters"][0]["letter_offset"], 0);
    assert_eq!(all["letters"][0]["offset"], letters.batch_at);
    assert_eq!(letters.json(&["list", "--reason", "bad_json"], 0)["n_letters"], 1);
    assert_eq!(letters.json(&["list", "--since", "2999"], 0)["n_letters"], 0);
    assert_eq!(letters.json(&["list", "--limit", "0"], 0)["letters"], serde_json::json!([]));
    let text = letters.dlq(&["list"]);
    assert!(String::from_utf8(text.stdout).unwrap().contains("2 dead letters"));

    let raw = letters.dlq(&["show", &letters.place(letters.batch_at), "--raw"]);
    assert_eq!(raw.stdout, letters.batch.as_bytes());
    let shown = letters.json(&["show", "1"], 0);
    assert_eq!(shown["letter"]["reason"], "bad_json");
    assert_eq!(shown["original"]["value_b64"], STANDARD.encode(BROKEN));
    assert_eq!(shown["now"]["verdict"], "reject");
    assert_eq!(letters.dlq(&["show", "99"]).status.code(), Some(1));
    assert_eq!(letters.dlq(&["show", "x/y"]).status.code(), Some(2));
    let text = String::from_utf8(letters.dlq(&["show", "0"]).stdout).unwrap();
    assert!(text.contains("unexpected_batch (reject)") && text.contains("now        accept"));
}

#[test]
fn what_can_be_read_now_goes_back_once() {
    let Some(letters) = Letters::new("what_can_be_read_now_goes_back_once") else { return };
    let n_before = letters.n_input();
    let dry = letters.json(&["replay"], 3);
    assert_eq!((&dry["is_dry_run"], &dry["n_replayed"]), (&true.into(), &1.into()));
    assert_eq!(dry["records"][1]["reason"], "bad_json");
    assert_eq!(letters.n_input(), n_before, "a dry run writes nothing");

    let done = letters.json(&["replay", "--yes"], 3);
    assert_eq!((&done["n_replayed"], &done["n_not_replayed"]), (&1.into(), &1.into()));
    let written = letters.job.broker.read_committed(&letters.job.input);
    assert_eq!(written.len(), n_before + 1);
    let (old, new) = (&written[letters.batch_at], written.last().unwrap());
    assert_eq!((new.payload(), new.key()), (old.payload(), old.key()));
    assert_eq!(new.timestamp(), old.timestamp());
    assert_eq!(header(new, "dlq-replay-of"), Some(letters.place(letters.batch_at)));

    let again = letters.json(&["replay", "--yes"], 3);
    assert_eq!((&again["n_replayed"], &again["n_replayed_before"]), (&0.into(), &1.into()));
    assert_eq!(letters.n_input(), n_before + 1, "nothing goes twice");
    assert_eq!(letters.json(&["list"], 0)["counts"][0]["n_replayed"], 1);

    // Repaired by hand: it needs a name.
    let file = letters.dir.path().join("repaired.json");
    std::fs::write(&file, &lines()[6].0).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(letters.dlq(&["replay", "--value", file]).status.code(), Some(2));
    let broken = letters.place(letters.batch_at + 1);
    let repaired = letters.json(&["replay", &broken, "--value", file, "--yes"], 0);
    assert_eq!(repaired["n_replayed"], 1);
    assert_eq!(letters.n_input(), n_before + 2);
}

#[test]
fn the_worker_reads_what_came_back_and_its_evidence_is_its_own() {
    let test = "the_worker_reads_what_came_back_and_its_evidence_is_its_own";
    let Some(mut letters) = Letters::new(test) else { return };
    letters.json(&["replay", "--yes", "--reason", "unexpected_batch"], 0);
    letters.job.inputs[0].settings.is_batch_allowed = true;
    let n = letters.n_input();
    let running = letters.job.start();
    // The transaction's marker takes an offset too.
    letters.job.await_offset(|committed| committed as usize >= n);
    running.stop().unwrap();
    let topic = &letters.job.params.outputs.dead_letters;
    let written = letters.job.broker.read_committed(topic);
    let is_letter = |m: &&rdkafka::message::OwnedMessage| {
        serde_json::from_slice::<DeadLetter>(m.payload().unwrap()).is_ok()
    };
    assert_eq!(written.iter().filter(is_letter).count(), 2, "it was read");
    assert_eq!(written.len(), 3, "two letters and a note");
}

/// A letter took half a second once, each with a consumer's way to its record of its own.
#[test]
fn hundreds_of_letters_are_one_way_through_their_partition() {
    let test = "hundreds_of_letters_are_one_way_through_their_partition";
    let Some(mut letters) = Letters::new(test) else { return };
    const N: usize = 400;
    let at = letters.n_input() as i64;
    let records = vec![(letters.batch.clone(), lines()[29].1); N];
    letters.job.broker.produce(&letters.job.input, &records);
    letters.job.params.on_flood = txwarden::pipeline::OnFlood::Continue;
    let running = letters.job.start();
    letters.job.await_offset(|committed| committed == at + N as i64);
    running.stop().unwrap();
    let since = std::time::Instant::now();
    let done = letters.json(&["replay", "--yes", "--reason", "unexpected_batch"], 0);
    let took = since.elapsed();
    eprintln!("dlq replay: {} letters in {took:?}", N + 1);
    assert_eq!((&done["n_replayed"], &done["n_left"]), (&(N + 1).into(), &0.into()));
    assert!(took < std::time::Duration::from_secs(20), "{took:?}");
    let written = letters.job.broker.read_committed(&letters.job.input);
    let of = |m: &rdkafka::message::OwnedMessage| header(m, "dlq-replay-of");
    let replayed: Vec<_> = written.iter().filter_map(of).collect();
    let offsets = [letters.batch_at].into_iter().chain(at as usize..at as usize + N);
    assert_eq!(replayed, offsets.map(|o| letters.place(o)).collect::<Vec<_>>(), "in their order");
    assert_eq!(letters.json(&["replay", "--reason", "unexpected_batch"], 0)["n_replayed"], 0);
}
