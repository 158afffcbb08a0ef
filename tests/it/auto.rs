//! `envelope: auto` on a real broker: decided by one record, written down, never decided again.

use crate::job::{Job, assert_contiguous, assert_same, lines};
use rdkafka::Message;
use txwarden::{
    decode::{Wrapping, envelope::Layer},
    runtime::{
        control::{Change, Entry, Why},
        snapshot,
    },
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

#[test]
fn one_record_decides_and_restarts_agree() {
    let Some(mut job) = auto("one_record_decides_and_restarts_agree") else { return };
    let dir = tempfile::tempdir().unwrap();
    job.params.snapshots =
        snapshot::Params { url: dir.path().display().to_string(), ..snapshot::Params::default() };
    let lines = changes();
    let mut n_before = 0;
    for part in lines.chunks(lines.len().div_ceil(2)) {
        job.broker.produce(&job.input, part);
        let running = job.start();
        n_before += part.len();
        job.await_committed(n_before);
        running.stop().unwrap();
    }
    let messages = job.broker.read_committed(&job.params.outputs.control);
    let entries: Vec<Entry> =
        messages.iter().map(|m| Entry::parse(m.payload().unwrap()).unwrap()).collect();
    let why = |entry: &Entry| match entry.change {
        Change::Setup { why, .. } => (entry.offset, why),
        _ => panic!("{entry:?}"),
    };
    let turns: Vec<_> = entries.iter().map(why).collect();
    assert_eq!(turns, [(0, Why::FirstStart), (1, Why::Decided)]);
    let written = job.alerts();
    assert!(written.len() > 10, "only {} alerts", written.len());
    job.inputs[0].settings.envelope.wrapping = Wrapping::Layers(vec![Layer::Debezium]);
    assert_same(&written, &job.fold(&lines));
    assert_contiguous(&written);
    assert_eq!(job.broker.read_committed(&job.params.outputs.dead_letters).len(), 1);
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
