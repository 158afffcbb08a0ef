//! What a real bus does to the built binary: codecs, damaged batches, aborted records, topics that
//! grow, and records of which nothing comes; `/readyz` has to tell.

use crate::{
    broker::send,
    cli::signals::{Running, configuration},
    kafka::job::{Job, assert_same, lines},
};
use rdkafka::producer::Producer;
use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A job with a configuration of its own.
struct Case {
    job: Job,
    dir: tempfile::TempDir,
    text: String,
}

impl Case {
    fn new(test: &str) -> Option<Self> {
        let mut job = Job::new(test)?;
        let dir = tempfile::tempdir().unwrap();
        job.params.snapshots.url = dir.path().join("state").display().to_string();
        let text = configuration(&job);
        Some(Self { job, dir, text })
    }

    /// Replaces a part of the configuration.
    fn set(&mut self, before: &str, after: &str) {
        assert!(self.text.contains(before), "{}", self.text);
        self.text = self.text.replace(before, after);
    }

    fn config(&self) -> PathBuf {
        let path = self.dir.path().join("txwarden.yaml");
        fs::write(&path, &self.text).unwrap();
        path
    }

    fn start(&self) -> Running {
        Running::start(&self.config())
    }

    fn start_as(&self, command: &str) -> Running {
        Running::start_as(command, &self.config(), &[])
    }
}

/// Waits until the metrics have a line.
fn await_metric(running: &Running, line: &str) {
    await_answer(line, || running.metrics(), |text| text.lines().any(|found| found == line));
}

/// Waits until `/readyz` has a status and says something.
fn await_ready(running: &Running, status: u16, said: &[&str]) -> String {
    let head = format!("HTTP/1.1 {status} ");
    let is_it = |text: &str| text.starts_with(&head) && said.iter().all(|said| text.contains(said));
    await_answer(&format!("{status} with {said:?}"), || running.readyz(), is_it)
}

fn await_answer(what: &str, ask: impl Fn() -> String, is_it: impl Fn(&str) -> bool) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = ask();
        if is_it(&answer) {
            return answer;
        }
        assert!(Instant::now() < until, "no {what} in\n{answer}");
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

fn stop(running: Running) {
    running.signal("TERM");
    assert_eq!(running.end().0, Some(0));
}

/// Returns the lag's line at a number.
fn lag(topic: &str, partition: i32, n: i64) -> String {
    format!("txwarden_consumer_lag_records{{partition=\"{partition}\",topic=\"{topic}\"}} {n}")
}

fn trouble(topic: &str, kind: &str, n: u8) -> String {
    format!("txwarden_trouble{{kind=\"{kind}\",partition=\"0\",topic=\"{topic}\"}} {n}")
}

/// Returns the codecs of a segment's batches, by their numbers in the protocol.
fn codecs_in(segment: &[u8]) -> BTreeSet<u8> {
    let (mut found, mut rest) = (BTreeSet::new(), segment);
    while rest.len() > 61 {
        let length = u32::from_be_bytes(rest[8..12].try_into().unwrap()) as usize;
        found.insert(rest[22] & 7);
        rest = &rest[(12 + length).min(rest.len())..];
    }
    found
}

#[test]
fn every_codec_of_kafka_is_read() {
    let Some(case) = Case::new("every_codec_of_kafka_is_read") else { return };
    let (job, lines) = (&case.job, lines());
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    for (codec, part) in codecs.iter().zip(lines.chunks(lines.len().div_ceil(codecs.len()))) {
        job.broker.produce_packed(&job.input, codec, part);
    }
    let segment = fs::read(job.broker.segment(&job.input, 0)).unwrap();
    assert_eq!(codecs_in(&segment), BTreeSet::from([0, 1, 2, 3, 4]), "each codec is in the log");
    let running = case.start();
    job.await_committed(lines.len());
    await_metric(&running, &lag(&job.input, 0, 0));
    await_ready(&running, 200, &["\r\n\r\nready\n"]);
    stop(running);
    let written = job.alerts();
    assert!(written.len() > 10, "only {} alerts", written.len());
    assert_same(&written, &job.fold(&lines));
}

#[test]
fn check_and_the_start_say_which_codecs_are_built_in() {
    let test = "check_and_the_start_say_which_codecs_are_built_in";
    let Some(case) = Case::new(test) else { return };
    let check = Command::new(env!("CARGO_BIN_EXE_txwarden"))
        .args(["check", "-c"])
        .arg(case.config())
        .output()
        .unwrap();
    let said = String::from_utf8(check.stdout).unwrap();
    assert!(said.contains("\nkafka codecs built in: none, gzip, snappy, lz4, zstd\n"), "{said}");
    let running = case.start();
    let line = running.await_log("codecs built in");
    assert!(line.contains("\"codecs\":\"none, gzip, snappy, lz4, zstd\""), "{line}");
    stop(running);
}

#[test]
fn a_batch_that_cannot_be_read_is_told_with_its_place() {
    let test = "a_batch_that_cannot_be_read_is_told_with_its_place";
    let Some(mut case) = Case::new(test) else { return };
    // A second input, in order, of the same group: it is not accused.
    let sound = case.job.broker.name("sound");
    case.job.broker.create_topic(&sound, 1);
    let input = format!("topic: {}, ", case.job.input);
    let more = "format: ethereum_etl, chain: \"eip155:10\"";
    case.set("inputs: [{", &format!("inputs: [{{ topic: {sound}, {more} }}, {{"));
    assert!(case.text.contains(&input));
    let job = &case.job;
    let lines = lines();
    job.broker.produce_packed(&job.input, "none", &lines[..200]);
    job.broker.produce_packed(&job.input, "zstd", &lines[200..400]);
    job.broker.produce(&sound, &lines[..50]);
    let path = job.broker.segment(&job.input, 0);
    let mut segment = fs::read(&path).unwrap();
    let magic = segment.windows(4).rposition(|w| w == [0x28, 0xb5, 0x2f, 0xfd]).unwrap();
    segment[magic + 8..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    fs::write(&path, segment).unwrap();
    let running = case.start();
    let place = format!("not ready: {}/0: a batch cannot be read (", job.input);
    let said = await_ready(&running, 503, &[&place, "txwarden check"]);
    assert!(!said.contains(&sound), "{said}");
    let metrics = running.metrics();
    assert!(metrics.contains(&trouble(&job.input, "unreadable", 1)), "{metrics}");
    assert!(metrics.contains(&trouble(&sound, "unreadable", 0)), "{metrics}");
    assert!(metrics.contains("\ntxwarden_ready 0\n"), "{metrics}");
    let line = running.await_log("nothing is judged");
    assert!(line.contains("\"level\":\"ERROR\"") && line.contains("a batch cannot be read"));
    job.await_offset(|offset| (200..400).contains(&offset));
    stop(running);
}

#[test]
fn lag_is_zero_behind_markers_and_aborted_records() {
    let test = "lag_is_zero_behind_markers_and_aborted_records";
    let Some(case) = Case::new(test) else { return };
    let (job, lines) = (&case.job, lines());
    job.broker.produce_transaction(&job.input, &lines[..200], true);
    job.broker.produce_transaction(&job.input, &lines[..500], false);
    // Markers and aborted records count; the broker writes the last marker a little later.
    let end = || format!("{:?}", job.broker.end(&job.input, 0));
    await_answer("end at 702", end, |end| end == "Some(702)");
    let running = case.start();
    job.await_committed(200);
    await_metric(&running, &lag(&job.input, 0, 0));
    // In the middle, a marker alone, and aborted records alone.
    job.broker.produce_transaction(&job.input, &lines[200..300], true);
    await_metric(&running, "txwarden_records_total 300");
    await_metric(&running, &lag(&job.input, 0, 0));
    job.broker.produce_transaction(&job.input, &lines[..50], false);
    job.broker.produce_transaction(&job.input, &lines[..50], false);
    await_metric(&running, &lag(&job.input, 0, 0));
    stop(running);
    // A start that has nothing to read but what nobody can read.
    let running = case.start();
    let live = format!("txwarden_partition_live{{partition=\"0\",topic=\"{}\"}} 1", job.input);
    await_metric(&running, &live);
    await_metric(&running, &lag(&job.input, 0, 0));
    await_ready(&running, 200, &["ready\n"]);
    stop(running);
    assert_eq!(job.alerts().len(), job.fold(&lines[..300]).len());
}

#[test]
fn the_lag_of_a_topic_of_aborted_records_is_zero() {
    let test = "the_lag_of_a_topic_of_aborted_records_is_zero";
    let Some(case) = Case::new(test) else { return };
    let job = &case.job;
    job.broker.produce_transaction(&job.input, &lines()[..20], false);
    let running = case.start();
    await_metric(&running, &lag(&job.input, 0, 0));
    let metrics = running.metrics();
    assert!(metrics.contains("\ntxwarden_records_total 0\n"), "{metrics}");
    stop(running);
}

#[test]
fn a_topic_that_grows_is_refused_as_at_a_start() {
    let test = "a_topic_that_grows_is_refused_as_at_a_start";
    let Some(case) = Case::new(test) else { return };
    let (job, lines) = (&case.job, lines());
    job.broker.produce(&job.input, &lines[..200]);
    let running = case.start();
    job.await_committed(200);
    job.broker.widen_topic(&job.input, 2);
    let producer = job.broker.producer();
    for (line, ms) in &lines[200..300] {
        send(&producer, &job.input, 1, line.as_bytes(), *ms);
    }
    producer.flush(Duration::from_secs(60)).unwrap();
    let sentence = format!("input topic {} has 2 partitions: a chain's accounts need", job.input);
    running.await_log(&sentence);
    assert_eq!(running.end().0, Some(1));
    assert_eq!(job.alerts().len(), job.fold(&lines[..200]).len(), "nothing of the second one");
    // What a start says.
    let again = Running::start(&case.config());
    again.await_log(&sentence);
    assert_eq!(again.end().0, Some(1));
}

#[test]
fn a_topic_that_may_grow_is_read_and_counted() {
    let test = "a_topic_that_may_grow_is_read_and_counted";
    let Some(mut case) = Case::new(test) else { return };
    case.set("chain: \"eip155:1\" }", "chain: \"eip155:1\", allow_partitions: true }");
    let (job, lines) = (&case.job, lines());
    job.broker.produce(&job.input, &lines[..200]);
    let running = case.start();
    job.await_committed(200);
    await_metric(&running, "txwarden_chain_partitions{chain=\"eip155:1\"} 1");
    job.broker.widen_topic(&job.input, 3);
    let producer = job.broker.producer();
    for (line, ms) in &lines[200..300] {
        send(&producer, &job.input, 2, line.as_bytes(), *ms);
    }
    producer.flush(Duration::from_secs(60)).unwrap();
    await_metric(&running, "txwarden_chain_partitions{chain=\"eip155:1\"} 3");
    await_metric(&running, "txwarden_records_total 300");
    await_metric(&running, &lag(&job.input, 2, 0));
    await_ready(&running, 200, &["ready\n"]);
    stop(running);
}

/// Adds a stage before the input, of one topic; returns that topic.
fn routed(case: &mut Case) -> String {
    let etl = case.job.broker.name("etl");
    case.job.broker.create_topic(&etl, 1);
    let output = &case.job.input;
    let stream = format!("{{ output: {output}, inputs: [{etl}], idle_ms: 500 }}");
    case.text += &format!("route: {{ streams: [{stream}] }}\n");
    etl
}

#[test]
fn the_stage_reads_partitions_that_are_added_and_its_lag_is_true() {
    let test = "the_stage_reads_partitions_that_are_added_and_its_lag_is_true";
    let Some(mut case) = Case::new(test) else { return };
    let etl = routed(&mut case);
    // A new partition is read from its beginning, whatever the first start said.
    case.set("start: earliest", "start: latest");
    let (job, lines) = (&case.job, lines());
    let running = case.start_as("route");
    running.await_log("stream taken over");
    job.broker.produce_transaction(&etl, &lines[..100], true);
    job.broker.produce_transaction(&etl, &lines[..60], false);
    let routed = |n: usize| format!("txwarden_routed_records_total{{topic=\"{}\"}} {n}", job.input);
    await_metric(&running, &routed(100));
    await_metric(&running, &lag(&etl, 0, 0));
    job.broker.widen_topic(&etl, 2);
    let producer = job.broker.producer();
    for (n, (line, ms)) in lines[100..200].iter().enumerate() {
        send(&producer, &etl, n as i32 % 2, line.as_bytes(), *ms);
    }
    producer.flush(Duration::from_secs(60)).unwrap();
    running.await_log("inputs have grown");
    await_metric(&running, &routed(200));
    await_metric(&running, &lag(&etl, 1, 0));
    await_ready(&running, 200, &["ready\n"]);
    stop(running);
    assert_eq!(job.broker.read_committed(&job.input).len(), 200, "each record once");
}

#[test]
fn an_output_of_the_stage_that_grows_is_refused() {
    let test = "an_output_of_the_stage_that_grows_is_refused";
    let Some(mut case) = Case::new(test) else { return };
    let etl = routed(&mut case);
    let (job, lines) = (&case.job, lines());
    job.broker.produce(&etl, &lines[..100]);
    let running = case.start_as("route");
    await_metric(
        &running,
        &format!("txwarden_routed_records_total{{topic=\"{}\"}} 100", job.input),
    );
    job.broker.widen_topic(&job.input, 2);
    running.await_log(&format!("{} has 2 partitions: what is merged needs one order", job.input));
    assert_eq!(running.end().0, Some(1));
}

#[test]
fn a_partition_paused_for_good_is_not_ready_until_its_format_is_right() {
    let test = "a_partition_paused_for_good_is_not_ready_until_its_format_is_right";
    let Some(mut case) = Case::new(test) else { return };
    let bad: Vec<_> = (0..120).map(|i| (format!("not json {i}"), 1_736_121_600_000)).collect();
    case.job.broker.produce(&case.job.input, &bad);
    let running = case.start();
    let place = format!("not ready: {}/0: paused: too many records", case.job.input);
    let said = [place.as_str(), "bad_json", "correct the input's format"];
    await_ready(&running, 503, &said);
    await_metric(&running, &trouble(&case.job.input, "paused", 1));
    await_metric(&running, "txwarden_ready 0");
    let line = running.await_log("nothing is judged");
    assert!(line.contains("\"level\":\"ERROR\"") && line.contains("bad_json"), "{line}");
    stop(running);
    // A restart alone changes nothing.
    let running = case.start();
    await_ready(&running, 503, &[&place]);
    stop(running);
    // Reading on is told too: nothing comes of it.
    case.set("batch: {", "on_flood: continue\nbatch: {");
    let running = case.start();
    case.job.broker.produce(&case.job.input, &bad);
    await_ready(&running, 503, &["records in a row cannot be decoded (the last: bad_json"]);
    await_metric(&running, &trouble(&case.job.input, "paused", 0));
    case.job.broker.produce(&case.job.input, &lines()[..10]);
    await_ready(&running, 200, &["\r\n\r\nready\n"]);
    await_metric(&running, &trouble(&case.job.input, "undecodable", 0));
    stop(running);
}

/// Returns blocks as a node answers them, each with a hash that is another header's.
fn refuted_blocks(n: usize) -> Vec<(String, i64)> {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/decode/evm_rpc");
    let text = fs::read_to_string(fixtures.join("valid.jsonl")).unwrap();
    let block = text.lines().find(|line| line.contains("\"name\": \"new head\"")).unwrap();
    let block: serde_json::Value = serde_json::from_str(block).unwrap();
    let block = block["payload"].as_str().unwrap().replace('\'', "\"");
    let at = block.find("\"hash\": \"0x").unwrap() + "\"hash\": \"0x".len();
    let forged = |i: usize| format!("{}{i:064x}{}", &block[..at], &block[at + 64..]);
    (0..n).map(|i| (forged(i + 1), 1_736_121_600_000)).collect()
}

#[test]
fn blocks_that_one_check_refuses_are_told_with_the_cure() {
    let test = "blocks_that_one_check_refuses_are_told_with_the_cure";
    let Some(mut case) = Case::new(test) else { return };
    case.set("format: ethereum_etl", "format: evm_rpc");
    let blocks = refuted_blocks(25);
    case.job.broker.produce(&case.job.input, &blocks);
    let running = case.start();
    let place = format!("not ready: {}/0: a check refused 25 records in a row", case.job.input);
    await_ready(&running, 503, &[&place, "checks: { hash: flag }"]);
    await_metric(&running, &trouble(&case.job.input, "refused", 1));
    running.await_log("nothing is judged");
    stop(running);
    // The cure is one.
    case.text += "limits: { checks: { hash: flag } }\n";
    let running = case.start();
    case.job.broker.produce(&case.job.input, &blocks[..1]);
    await_metric(&running, "txwarden_events_total 1");
    await_ready(&running, 200, &["ready\n"]);
    stop(running);
}

#[test]
fn a_node_that_answers_with_errors_is_told() {
    let Some(mut case) = Case::new("a_node_that_answers_with_errors_is_told") else { return };
    case.set("format: ethereum_etl", "format: evm_rpc");
    let error = r#"{"jsonrpc": "2.0", "id": 7, "error": {"code": -32000, "message": "no"}}"#;
    let errors: Vec<_> = (0..30).map(|_| (error.to_owned(), 1_736_121_600_000)).collect();
    case.job.broker.produce(&case.job.input, &errors);
    let running = case.start();
    await_ready(&running, 503, &["30 records in a row hold a node's error"]);
    await_metric(&running, "txwarden_skipped_parts_total{reason=\"node_error\"} 30");
    await_metric(&running, "txwarden_skipped_parts_total{reason=\"null_result\"} 0");
    stop(running);
}
