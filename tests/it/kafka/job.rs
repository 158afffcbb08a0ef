//! One consumer group under test: its topics, its worker in a thread, and the pure fold beside it.

use crate::broker::{self, Broker};
use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    message::{Message, OwnedMessage},
};
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
    decode::{Format, Settings},
    detect::DetectorSettings,
    engine::{Action, Params as EngineParams, Setup},
    kafka::{self, ReadObserver},
    model::{Alert, Chain, Record, Severity, Start},
    pipeline::{
        Batching, Driver, Fits, InputParams, InputSetup, Observer, Outputs, Params, PartitionPhase,
        RestoreOutcome, RuntimeError, control::Inputs, run_reloadable,
    },
    sim::{Evm, Scenario},
    store,
};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// One group on topics of its own.
#[derive(Clone)]
pub struct Job {
    pub broker: &'static Broker,
    pub input: String,
    pub params: Params,
    pub inputs: Vec<InputSetup>,
}

impl Job {
    pub fn new(test: &str) -> Option<Self> {
        let broker = broker::shared(test)?;
        let (input, alerts) = (broker.name("input"), broker.name("alerts"));
        let (dead_letters, group) = (broker.name("deadletters"), broker.name("group"));
        let (checkpoints, control) = (broker.name("checkpoints"), broker.name("control"));
        let outputs = Outputs { alerts, dead_letters, checkpoints, control, create_topics: false };
        for topic in outputs.topics().into_iter().chain([input.as_str()]) {
            broker.create_topic(topic, 1);
        }
        let setup = setup();
        let settings = Settings::new(Format::EthereumEtl, setup.chain.clone());
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
                mapping: None,
                envelope: Default::default(),
                schemas: None,
                allow_partitions: false,
                allow_batch: true,
            }],
            outputs,
            // Small batches: many transactions.
            batch: Batching { records_max: 500, ..Default::default() },
            snapshots: store::Params::off(),
            ..Params::default()
        };
        let inputs = vec![InputSetup { topic: input.clone(), settings, setup }];
        Some(Self { broker, input, params, inputs })
    }

    pub fn start(&self) -> Running {
        self.start_with(Inputs::new(&self.inputs).unwrap())
    }

    /// Starts with inputs that the test may replace.
    pub fn start_with(&self, inputs: Inputs) -> Running {
        let (stop, watch) = (Arc::new(AtomicBool::new(false)), Arc::new(Watch::default()));
        let params = self.params.clone();
        let (told, observer) = (Arc::clone(&stop), Arc::clone(&watch));
        let thread = std::thread::spawn(move || {
            let done = run_reloadable(&params, &inputs, told, observer.clone());
            observer.change(|seen| seen.is_done = true);
            done
        });
        Running { stop, watch, thread }
    }

    /// Folds lines without Kafka.
    pub fn fold(&self, lines: &[(String, i64)]) -> Vec<Alert> {
        let mut driver = Driver::new(self.inputs[0].setup.clone(), Fits::Inline).unwrap();
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

    pub fn alerts(&self) -> Vec<Alert> {
        let alert = |m: &OwnedMessage| parse(m.payload().unwrap());
        self.broker.read_committed(&self.params.outputs.alerts).iter().map(alert).collect()
    }

    pub fn await_committed(&self, n_records: usize) {
        let n = n_records as i64;
        self.await_offset(|committed| committed == n);
    }

    /// Waits until the group's committed offset is as wanted, and returns it.
    pub fn await_offset(&self, is_wanted: impl FnMut(i64) -> bool) -> i64 {
        self.await_offset_of(0, is_wanted)
    }

    /// As [`Self::await_offset`], of one partition among several.
    pub fn await_offset_of(&self, partition: i32, mut is_wanted: impl FnMut(i64) -> bool) -> i64 {
        let mut config = self.broker.config();
        let consumer: BaseConsumer =
            config.set("group.id", &self.params.kafka.group).create().unwrap();
        let until = Instant::now() + PATIENCE;
        loop {
            let mut list = rdkafka::TopicPartitionList::new();
            list.add_partition(&self.input, partition);
            let found = consumer.committed_offsets(list, Duration::from_secs(5)).unwrap();
            match found.elements()[0].offset() {
                rdkafka::Offset::Offset(offset) if is_wanted(offset) => return offset,
                _ => assert!(Instant::now() < until, "committed: {found:?}"),
            }
        }
    }
}

/// A worker under way.
pub struct Running {
    stop: Arc<AtomicBool>,
    watch: Arc<Watch>,
    thread: JoinHandle<Result<(), RuntimeError>>,
}

impl Running {
    pub fn stop(self) -> Result<(), RuntimeError> {
        self.stop.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }

    /// Waits for `run` to return by itself.
    pub fn stop_when_done(self) -> Result<(), RuntimeError> {
        self.watch.wait("the end", |seen| seen.is_done);
        self.thread.join().unwrap()
    }

    /// Waits until so many records were folded and committed.
    pub fn await_records(&self, n: usize) {
        self.watch.wait("records", |seen| seen.n_records >= n || seen.is_done);
    }

    /// Waits until a snapshot at this offset, or beyond it, was published.
    pub fn await_snapshot(&self, offset: usize) {
        self.watch.wait("a snapshot", |seen| seen.kept >= offset as i64 || seen.is_done);
    }

    pub fn await_phase(&self, phase: PartitionPhase) {
        self.watch.wait("a phase", |seen| seen.phases.contains(&phase) || seen.is_done);
    }

    /// Returns how many records were folded, those of a replay included.
    pub fn n_records(&self) -> usize {
        self.watch.seen.lock().unwrap().n_records
    }

    /// Returns what became of the snapshots that were tried.
    pub fn restored(&self) -> Vec<RestoreOutcome> {
        self.watch.seen.lock().unwrap().restored.clone()
    }

    pub fn saw(&self, is_it: impl Fn(&PartitionPhase) -> bool) -> bool {
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
    phases: Vec<PartitionPhase>,
    restored: Vec<RestoreOutcome>,
    /// Offset of the newest snapshot.
    kept: i64,
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

impl ReadObserver for Watch {}

impl Observer for Watch {
    fn phase(&self, _: &str, _: i32, phase: PartitionPhase) {
        self.change(|seen| {
            if seen.phases.last() != Some(&phase) {
                seen.phases.push(phase);
            }
        });
    }

    fn snapshot(&self, _: &str, _: i32, report: &store::SnapshotReport) {
        if report.outcome == store::PublishOutcome::Published {
            self.change(|seen| seen.kept = report.offset);
        }
    }

    fn restored(&self, _: &str, _: i32, outcome: RestoreOutcome) {
        self.change(|seen| seen.restored.push(outcome));
    }

    fn batch(&self, n_records: usize, _: usize) {
        self.change(|seen| seen.n_records += n_records);
    }
}

fn setup() -> Setup {
    let mut params = EngineParams::default();
    // An information about 100 ETH by default: here it has to raise alerts, and many.
    let loud = DetectorSettings {
        severity: Some(Severity::High),
        params: serde_json::from_str(r#"{"units_min": {"ETH": 2.0}}"#).unwrap(),
        ..DetectorSettings::default()
    };
    params.detect.rules = BTreeMap::from([("large_native".to_owned(), loud)]);
    Setup {
        params,
        config_hash: "test".to_owned(),
        ..Setup::new(Chain::parse(Chain::ETHEREUM).unwrap())
    }
}

/// Exporter lines with their Kafka time, which is the event time of pending transactions.
pub fn lines() -> Vec<(String, i64)> {
    let evm = Evm { n_blocks: 200, ..Evm::default() };
    let (lines, _) = Scenario::new(7).evm(evm).generate();
    lines.into_iter().map(|line| (line.json, line.event_time.millis())).collect()
}

fn parse(body: &[u8]) -> Alert {
    serde_json::from_slice(body).unwrap()
}

/// Compares canonical bodies, and shows the first pair that differs.
pub fn assert_same(written: &[Alert], expected: &[Alert]) {
    let body = |alert: &Alert| alert.canonical_body().unwrap();
    let differs = written.iter().zip(expected).position(|(a, b)| body(a) != body(b));
    if let Some(i) = differs {
        panic!("alert {i}:\n{}\n{}", body(&written[i]), body(&expected[i]));
    }
    assert_eq!(written.len(), expected.len());
}

pub fn assert_contiguous(alerts: &[Alert]) {
    let seqs: Vec<_> = alerts.iter().map(|alert| alert.provenance.seq).collect();
    assert_eq!(seqs, (1..=alerts.len() as u64).collect::<Vec<_>>());
}
