//! `envelope: auto` on a real broker: decided by one record, written down, never decided again.

use crate::{
    broker::{header, send},
    kafka::job::{Job, assert_contiguous, assert_same, lines},
};
use rdkafka::{Message, producer::Producer};
use std::time::Duration;
use txwarden::{
    decode::{Wrapping, envelope::Layer},
    journal::{Change, ControlEntry, Why},
    store,
};

/// Lines as change events of their rows; the first shows nothing.
fn changes() -> Vec<(String, i64)> {
    let mut lines = lines();
    for (line, _) in &mut lines {
        *line = format!(r#"{{"op": "c", "before": null, "after": {line}}}"#);
    }
    lines.insert(0, ("\u{e9} shows nothing".to_owned(), lines[0].1));
    lines
}

fn auto(test: &str) -> Option<Job> {
    let mut job = Job::new(test)?;
    job.inputs[0].settings.envelope.wrapping = Wrapping::Auto;
    Some(job)
}

fn entries(job: &Job) -> Vec<ControlEntry> {
    let messages = job.broker.read_committed(&job.params.outputs.control);
    messages.iter().map(|m| ControlEntry::parse(m.payload().unwrap()).unwrap()).collect()
}

/// The setups of a partition: offsets and reasons.
fn setups(entries: &[ControlEntry], partition: i32) -> Vec<(i64, Why)> {
    let its = entries.iter().filter(|entry| entry.place.partition == partition);
    let why = |entry: &ControlEntry| match entry.change {
        Change::Setup { why, .. } => (entry.offset, why),
        _ => panic!("{entry:?}"),
    };
    its.map(why).collect()
}

/// What the topic as a whole agreed upon: offset, envelope, partition.
fn agreed(entries: &[ControlEntry]) -> Vec<(i64, Wrapping, i32)> {
    let envelope = |entry: &ControlEntry| match &entry.change {
        Change::Envelope { envelope, shown_in } => {
            Some((entry.offset, envelope.clone(), *shown_in))
        }
        _ => None,
    };
    entries.iter().filter_map(envelope).collect()
}

#[test]
fn one_record_decides_and_restarts_agree() {
    let Some(mut job) = auto("one_record_decides_and_restarts_agree") else { return };
    let dir = tempfile::tempdir().unwrap();
    job.params.snapshots =
        store::Params { url: dir.path().display().to_string(), ..store::Params::default() };
    let lines = changes();
    let mut n_before = 0;
    for part in lines.chunks(lines.len().div_ceil(2)) {
        job.broker.produce(&job.input, part);
        let running = job.start();
        n_before += part.len();
        job.await_committed(n_before);
        running.stop().unwrap();
    }
    let entries = entries(&job);
    assert_eq!(setups(&entries, 0), [(0, Why::FirstStart), (1, Why::Decided)]);
    assert_eq!(agreed(&entries), [(1, Wrapping::Layers(vec![Layer::Debezium]), 0)]);
    let written = job.alerts();
    assert!(written.len() > 10, "only {} alerts", written.len());
    job.inputs[0].settings.envelope.wrapping = Wrapping::Layers(vec![Layer::Debezium]);
    assert_same(&written, &job.fold(&lines));
    assert_contiguous(&written);
    assert_eq!(job.broker.read_committed(&job.params.outputs.dead_letters).len(), 1);
}

#[test]
fn the_first_record_decides_for_all_partitions_in_all_processes() {
    let test = "the_first_record_decides_for_all_partitions_in_all_processes";
    let Some(mut job) = auto(test) else { return };
    let dir = tempfile::tempdir().unwrap();
    job.params.snapshots =
        store::Params { url: dir.path().display().to_string(), ..store::Params::default() };
    job.params.inputs[0].allow_partitions = true;
    job.input = job.broker.name("wide");
    job.broker.create_topic(&job.input, 2);
    (job.params.inputs[0].topic, job.inputs[0].topic) = (job.input.clone(), job.input.clone());
    let (bare, rows) = (lines(), changes());
    job.broker.produce(&job.input, &rows);
    let running = job.start();
    job.await_committed(rows.len());
    running.stop().unwrap();
    // Another process, and in the other partition a first record that shows something else.
    let producer = job.broker.producer();
    let other = bare[..1].iter().chain(&rows[1..]);
    let n_other = other.clone().count();
    other.for_each(|(line, ms)| send(&producer, &job.input, 1, line.as_bytes(), *ms));
    producer.flush(Duration::from_secs(60)).unwrap();
    let running = job.start();
    job.await_offset_of(1, |offset| offset == n_other as i64);
    running.stop().unwrap();
    let entries = entries(&job);
    assert_eq!(agreed(&entries), [(1, Wrapping::Layers(vec![Layer::Debezium]), 0)]);
    assert_eq!(setups(&entries, 0), [(0, Why::FirstStart), (1, Why::Decided)]);
    assert_eq!(setups(&entries, 1), [(0, Why::FirstStart), (0, Why::Decided)]);
    // The rows are those of a clean stream in both; what shows something else is a dead letter.
    job.inputs[0].settings.envelope.wrapping = Wrapping::Layers(vec![Layer::Debezium]);
    let expected = job.fold(&rows);
    let written = job.alerts();
    let of = |partition: i32| -> Vec<_> {
        written.iter().filter(|a| a.provenance.partition == partition).cloned().collect()
    };
    assert!(expected.len() > 10, "only {} alerts", expected.len());
    assert_same(&of(0), &expected);
    assert_same(&of(1), &expected);
    let letters = job.broker.read_committed(&job.params.outputs.dead_letters);
    let reasons: Vec<_> = letters.iter().map(|m| header(m, "dlq-reason").unwrap()).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons.contains(&"bad_envelope".to_owned()), "{reasons:?}");
}

#[test]
fn without_a_place_for_the_decision_the_setting_to_write_is_named() {
    let test = "without_a_place_for_the_decision_the_setting_to_write_is_named";
    let Some(job) = auto(test) else { return };
    job.broker.produce(&job.input, &changes());
    let refused = job.start().stop_when_done().unwrap_err().to_string();
    assert!(refused.contains("write `envelope: debezium`"), "{refused}");
    assert_eq!(job.alerts(), []);
}
