//! Tests of the Kafka worker on a real broker: exactly once, through stops, kills and bad input.

use crate::{
    broker::header,
    kafka::job::{Job, assert_contiguous, assert_same, lines},
};
use rdkafka::{
    Message,
    producer::{BaseProducer, BaseRecord, Producer},
};
use std::time::Duration;
use txwarden::{
    engine::DeadLetter,
    model::Alert,
    pipeline::{OnFlood, PartitionPhase},
};

#[test]
fn alerts_are_those_of_the_pure_fold() {
    let Some(job) = Job::new("alerts_are_those_of_the_pure_fold") else { return };
    let lines = lines();
    job.broker.produce(&job.input, &lines);
    let running = job.start();
    running.await_records(lines.len());
    running.stop().unwrap();
    let expected = job.fold(&lines);
    assert!(expected.len() > 10, "only {} alerts", expected.len());
    let written = job.alerts();
    assert_same(&written, &expected);
    assert_contiguous(&written);
    let message = &job.broker.read_committed(&job.params.outputs.alerts)[0];
    let alert: Alert = serde_json::from_slice(message.payload().unwrap()).unwrap();
    assert_eq!(message.key(), Some(alert.key().as_bytes()));
    let id = format!("{}:{}", alert.alert_id, alert.revision);
    assert_eq!(header(message, "ce_id"), Some(id));
    assert_eq!(header(message, "severity").as_deref(), Some(alert.severity.as_str()));
    assert!(header(message, "ce_time").unwrap().starts_with("2025-01-06T"));
    let emitted: i64 = header(message, "emitted_at_ms").unwrap().parse().unwrap();
    assert!(emitted > 1_700_000_000_000);
}

#[test]
fn stops_and_restarts_leave_no_trace() {
    let Some(job) = Job::new("stops_and_restarts_leave_no_trace") else { return };
    let lines = lines();
    let mut n_before = 0;
    for part in lines.chunks(lines.len().div_ceil(3)) {
        job.broker.produce(&job.input, part);
        let running = job.start();
        // The state is rebuilt from the start of the log each time.
        running.await_records(n_before + part.len());
        assert_eq!(running.saw(|p| matches!(p, PartitionPhase::Rebuilding { .. })), n_before > 0);
        running.stop().unwrap();
        n_before += part.len();
    }
    let written = job.alerts();
    assert!(written.len() > 10, "only {} alerts", written.len());
    assert_same(&written, &job.fold(&lines));
    assert_contiguous(&written);
}

#[test]
fn an_abandoned_transaction_is_invisible() {
    let Some(job) = Job::new("an_abandoned_transaction_is_invisible") else { return };
    let lines = lines();
    job.broker.produce(&job.input, &lines);
    // What a worker leaves behind that is killed between begin and commit.
    let victim: BaseProducer = job
        .broker
        .config()
        .set("transactional.id", job.params.kafka.transactional_id(0))
        .set("transaction.timeout.ms", "60000")
        .create()
        .unwrap();
    victim.init_transactions(Duration::from_secs(30)).unwrap();
    victim.begin_transaction().unwrap();
    let half = BaseRecord::<str, str>::to(&job.params.outputs.alerts).key("k").payload("half");
    victim.send(half).map_err(|(e, _)| e).unwrap();
    while victim.in_flight_count() > 0 {
        victim.poll(Duration::from_millis(1));
    }
    let running = job.start();
    running.await_records(lines.len());
    running.stop().unwrap();
    assert!(victim.commit_transaction(Duration::from_secs(10)).is_err(), "it was fenced");
    let written = job.alerts();
    assert!(!written.is_empty());
    assert_same(&written, &job.fold(&lines));
}

#[test]
fn two_instances_share_partitions_and_one_failing_over_repeats_nothing() {
    let test = "two_instances_share_partitions_and_one_failing_over_repeats_nothing";
    let Some(job) = Job::new(test) else { return };
    let lines = lines();
    let (early, late) = lines.split_at(lines.len() / 2);
    job.broker.produce(&job.input, early);
    let mut other = job.clone();
    other.params.kafka.instance = Some("b".to_owned());
    let first = job.start();
    first.await_records(early.len());
    let second = other.start();
    job.broker.produce(&job.input, late);
    first.stop().unwrap();
    // Whichever of them folded the second half, the survivor ends with all of it.
    job.await_committed(lines.len());
    second.stop().unwrap();
    let written = job.alerts();
    assert!(written.len() > 10, "only {} alerts", written.len());
    assert_same(&written, &job.fold(&lines));
    assert_contiguous(&written);
}

#[test]
fn what_cannot_be_decoded_is_dead_lettered_with_its_coordinates() {
    let test = "what_cannot_be_decoded_is_dead_lettered_with_its_coordinates";
    let Some(job) = Job::new(test) else { return };
    let mut lines = lines();
    lines.insert(5, ("{\"no\": json".to_owned(), lines[5].1));
    job.broker.produce(&job.input, &lines);
    let running = job.start();
    running.await_records(lines.len());
    running.stop().unwrap();
    let letters = job.broker.read_committed(&job.params.outputs.dead_letters);
    assert_eq!(letters.len(), 1);
    let letter: DeadLetter = serde_json::from_slice(letters[0].payload().unwrap()).unwrap();
    assert_eq!((letter.topic.as_str(), letter.partition, letter.offset), (&*job.input, 0, 5));
    assert_eq!(letters[0].key(), Some(&b"original key"[..]));
    assert_eq!(header(&letters[0], "dlq-offset").as_deref(), Some("5"));
    assert_eq!(header(&letters[0], "dlq-reason").as_deref(), Some("bad_json"));
    lines.remove(5);
    assert_same(&job.alerts(), &job.fold(&lines));
}

#[test]
fn a_flood_of_format_errors_commits_and_pauses() {
    let Some(job) = Job::new("a_flood_of_format_errors_commits_and_pauses") else { return };
    let mut job = job;
    job.params.batch.records_max = 50;
    job.broker
        .produce(&job.input, &(0..1_000).map(|i| (format!("not json {i}"), i)).collect::<Vec<_>>());
    let running = job.start();
    running.await_phase(PartitionPhase::Paused);
    running.stop().unwrap();
    let n_first = job.broker.read_committed(&job.params.outputs.dead_letters).len();
    assert_eq!(n_first, 100, "the offending records commit, and no more are read");
    job.params.on_flood = OnFlood::Continue;
    let running = job.start();
    running.await_records(1_000);
    running.stop().unwrap();
    let letters = job.broker.read_committed(&job.params.outputs.dead_letters);
    let offsets: Vec<_> = letters.iter().map(|m| header(m, "dlq-offset").unwrap()).collect();
    assert_eq!(offsets, (0..1_000).map(|i| i.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_first_start_without_start_is_refused() {
    let Some(mut job) = Job::new("a_first_start_without_start_is_refused") else { return };
    job.params.kafka.start = None;
    job.broker.produce(&job.input, &[("{}".to_owned(), 0)]);
    let refused = job.start().stop_when_done().unwrap_err();
    assert_eq!(refused.code(), "refused");
    assert!(refused.to_string().contains("the first start of a group needs start:"), "{refused}");
    assert!(!refused.is_retryable());
}

#[test]
fn topics_are_checked_before_the_start() {
    let Some(mut job) = Job::new("topics_are_checked_before_the_start") else { return };
    let refusal = |job: &Job| job.start().stop_when_done().unwrap_err().to_string();
    job.params.outputs.alerts = job.broker.name("missing");
    assert!(refusal(&job).contains("create_topics: true"));
    job.params.outputs.create_topics = true;
    let wide = job.broker.name("wide");
    job.broker.create_topic(&wide, 2);
    job.params.inputs[0].topic = wide.clone();
    job.inputs[0].topic = wide;
    assert!(refusal(&job).contains("has 2 partitions"), "{}", refusal(&job));
    job.params.inputs[0].topic = "absent".to_owned();
    job.inputs[0].topic = "absent".to_owned();
    assert!(refusal(&job).contains("input topic absent does not exist"));
}
