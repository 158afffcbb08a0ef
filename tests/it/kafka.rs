//! Tests of the Kafka worker on a real broker: exactly once, through stops, kills and bad input.

#![cfg(feature = "kafka")]

use crate::broker::{self, Broker, header};
use rdkafka::message::{Message, OwnedMessage};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use txwarden::{
    decode::{Format, Limits, Settings},
    detect::Member,
    engine::{Action, DeadLetter, Params as EngineParams, Setup},
    model::{Alert, Chain, Record, Reference, Severity},
    runtime::{
        Driver, Fits, InputParams, InputSetup, Observer, Outputs, Params, Phase, RuntimeError, run,
    },
    sim::{Evm, Scenario},
    source::kafka::{self, Start},
};

const PATIENCE: Duration = Duration::from_secs(90);

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
        assert_eq!(running.saw(|p| matches!(p, Phase::Rebuilding { .. })), n_before > 0);
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
    let victim: rdkafka::producer::BaseProducer = job
        .broker
        .config()
        .set("transactional.id", job.params.kafka.transactional_id(0))
        .set("transaction.timeout.ms", "60000")
        .create()
        .unwrap();
    use rdkafka::producer::{BaseRecord, Producer};
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
    running.await_phase(Phase::Paused);
    running.stop().unwrap();
    let n_first = job.broker.read_committed(&job.params.outputs.dead_letters).len();
    assert_eq!(n_first, 100, "the offending records commit, and no more are read");
    job.params.on_flood = txwarden::runtime::OnFlood::Continue;
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

/// One group on topics of its own.
#[derive(Clone)]
struct Job {
    broker: &'static Broker,
    input: String,
    params: Params,
    inputs: Vec<InputSetup>,
}

impl Job {
    fn new(test: &str) -> Option<Self> {
        let broker = broker::shared(test)?;
        let (input, alerts) = (broker.name("input"), broker.name("alerts"));
        let (dead_letters, group) = (broker.name("deadletters"), broker.name("group"));
        for topic in [&input, &alerts, &dead_letters] {
            broker.create_topic(topic, 1);
        }
        let setup = setup();
        let settings = Settings {
            format: Format::EthereumEtl,
            chain: setup.chain.clone(),
            is_batch_allowed: true,
            limits: Limits::default(),
        };
        let params = Params {
            kafka: kafka::Params {
                brokers: broker.bootstrap().to_owned(),
                group,
                start: Some(Start::Earliest),
                session_timeout_ms: 6_000,
                ..kafka::Params::default()
            },
            inputs: vec![InputParams {
                topic: input.clone(),
                format: Format::EthereumEtl,
                chain: Chain::ETHEREUM.to_owned(),
                allow_partitions: false,
                allow_batch: true,
            }],
            outputs: Outputs { alerts, dead_letters, create_topics: false },
            // Small batches: many transactions.
            batch: txwarden::runtime::Batching { records_max: 500, ..Default::default() },
            ..Params::default()
        };
        let inputs = vec![InputSetup { topic: input.clone(), settings, setup }];
        Some(Self { broker, input, params, inputs })
    }

    fn start(&self) -> Running {
        let (stop, watch) = (Arc::new(AtomicBool::new(false)), Arc::new(Watch::default()));
        let (params, inputs) = (self.params.clone(), self.inputs.clone());
        let (told, observer) = (Arc::clone(&stop), Arc::clone(&watch));
        let thread = std::thread::spawn(move || {
            let done = run(&params, inputs, told, observer.clone());
            observer.change(|seen| seen.is_done = true);
            done
        });
        Running { stop, watch, thread }
    }

    /// Folds lines without Kafka.
    fn fold(&self, lines: &[(String, i64)]) -> Vec<Alert> {
        let mut driver = Driver::new(setup(), Fits::Inline).unwrap();
        let (mut actions, settings) = (Vec::new(), &self.inputs[0].settings);
        for (offset, (line, ms)) in lines.iter().enumerate() {
            let record = Record {
                topic: "t",
                offset: offset as i64,
                kafka_ms: Some(*ms),
                value: Some(line.as_bytes()),
                ..Record::default()
            };
            driver.feed(settings, record, &mut actions);
        }
        let alert = |action| match action {
            // Through text, as the written ones: serde_json may read a float one bit off.
            Action::Alert(alert) => Some(parse(&serde_json::to_vec(&alert).unwrap())),
            _ => None,
        };
        actions.into_iter().filter_map(alert).collect()
    }

    fn alerts(&self) -> Vec<Alert> {
        let alert = |m: &OwnedMessage| parse(m.payload().unwrap());
        self.broker.read_committed(&self.params.outputs.alerts).iter().map(alert).collect()
    }

    fn await_committed(&self, n_records: usize) {
        use rdkafka::consumer::{BaseConsumer, Consumer};
        let mut config = self.broker.config();
        let consumer: BaseConsumer =
            config.set("group.id", &self.params.kafka.group).create().unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            let mut list = rdkafka::TopicPartitionList::new();
            list.add_partition(&self.input, 0);
            let found = consumer.committed_offsets(list, Duration::from_secs(5)).unwrap();
            if found.elements()[0].offset() == rdkafka::Offset::Offset(n_records as i64) {
                return;
            }
            assert!(Instant::now() < until, "committed {found:?}, not {n_records}");
        }
    }
}

/// A worker under way.
struct Running {
    stop: Arc<AtomicBool>,
    watch: Arc<Watch>,
    thread: JoinHandle<Result<(), RuntimeError>>,
}

impl Running {
    fn stop(self) -> Result<(), RuntimeError> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }

    /// Waits for `run` to return by itself.
    fn stop_when_done(self) -> Result<(), RuntimeError> {
        self.watch.wait("the end", |seen| seen.is_done);
        self.thread.join().unwrap()
    }

    /// Waits until so many records were folded and committed.
    fn await_records(&self, n: usize) {
        self.watch.wait("records", |seen| seen.n_records >= n || seen.is_done);
    }

    fn await_phase(&self, phase: Phase) {
        self.watch.wait("a phase", |seen| seen.phases.contains(&phase) || seen.is_done);
    }

    fn saw(&self, is_it: impl Fn(&Phase) -> bool) -> bool {
        self.watch.seen.lock().unwrap().phases.iter().any(is_it)
    }
}

#[derive(Default)]
struct Watch {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Seen {
    n_records: usize,
    phases: Vec<Phase>,
    is_done: bool,
}

impl Watch {
    fn change(&self, how: impl FnOnce(&mut Seen)) {
        how(&mut self.seen.lock().unwrap());
        self.changed.notify_all();
    }

    fn wait(&self, what: &str, is_over: impl Fn(&Seen) -> bool) {
        let seen = self.seen.lock().unwrap();
        let (seen, waited) =
            self.changed.wait_timeout_while(seen, PATIENCE, |seen| !is_over(seen)).unwrap();
        assert!(!waited.timed_out(), "no {what} in time: {seen:?}");
    }
}

impl Observer for Watch {
    fn phase(&self, _: &str, _: i32, phase: Phase) {
        self.change(|seen| {
            if seen.phases.last() != Some(&phase) {
                seen.phases.push(phase);
            }
        });
    }

    fn batch(&self, n_records: usize, _: usize) {
        self.change(|seen| seen.n_records += n_records);
    }
}

fn setup() -> Setup {
    let mut params = EngineParams::default();
    // An information about 100 ETH by default: here it has to raise alerts, and many.
    let loud = Member {
        severity: Some(Severity::High),
        params: serde_json::from_str(r#"{"units_min": {"ETH": 2.0}}"#).unwrap(),
        ..Member::default()
    };
    params.detect.rules = BTreeMap::from([("large_native".to_owned(), loud)]);
    Setup {
        chain: Chain::parse(Chain::ETHEREUM).unwrap(),
        params,
        reference: Arc::new(Reference::default()),
        config_hash: "test".to_owned(),
        is_reporting_findings: false,
    }
}

/// Exporter lines with their Kafka time, which is the event time of pending transactions.
fn lines() -> Vec<(String, i64)> {
    let evm = Evm { n_blocks: 200, ..Evm::default() };
    let (lines, _) = Scenario::new(7).evm(evm).generate();
    lines.into_iter().map(|line| (line.json, line.event_time.millis())).collect()
}

fn parse(body: &[u8]) -> Alert {
    serde_json::from_slice(body).unwrap()
}

/// Compares canonical bodies, and shows the first pair that differs.
fn assert_same(written: &[Alert], expected: &[Alert]) {
    let body = |alert: &Alert| alert.canonical_body().unwrap();
    let differs = written.iter().zip(expected).position(|(a, b)| body(a) != body(b));
    if let Some(i) = differs {
        panic!("alert {i}:\n{}\n{}", body(&written[i]), body(&expected[i]));
    }
    assert_eq!(written.len(), expected.len());
}

fn assert_contiguous(alerts: &[Alert]) {
    let seqs: Vec<_> = alerts.iter().map(|alert| alert.provenance.seq).collect();
    assert_eq!(seqs, (1..=alerts.len() as u64).collect::<Vec<_>>());
}
