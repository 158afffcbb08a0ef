//! The stage `route` under test: several topics and partitions of a chain, one output, its oracle.

use crate::{
    broker::{Broker, header},
    case::{Form, Outcome},
    lab::Lab,
    process::Process,
    watch::Watch,
};
use rand::Rng;
use rdkafka::{
    Message as _,
    message::{Header, OwnedHeaders, OwnedMessage},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use std::{
    cell::{Cell, RefCell},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;
use txwarden::sim::{Evm, Scenario};

/// The topics that are merged, with their partitions.
const INPUTS: [(&str, i32); 3] = [("blocks", 1), ("transactions", 2), ("rest", 2)];

/// Blocks that a record comes late in its own partition: less than the stage's window of eight.
const JITTER_BLOCKS: u64 = 3;

/// Records that are written only when all others are out.
const N_LATE: usize = 24;

/// The header that tells a record's place in the clean stream.
const SERIAL: &str = "serial";

/// What differs between the cases.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    batch: usize,
    linger_ms: u64,
    session_ms: u32,
    is_static: bool,
}

impl Default for Options {
    /// Small batches, so that there are many transactions, and members that come back at once.
    fn default() -> Self {
        Self { batch: 100, linger_ms: 50, session_ms: 6_000, is_static: true }
    }
}

impl Options {
    /// A batch that is nearly always open, so that whoever is frozen wakes up with records in hand.
    pub fn slow() -> Self {
        Self { batch: 20_000, linger_ms: 500, session_ms: 2_000, is_static: false }
    }
}

/// A record with its place.
struct Written {
    serial: usize,
    lane: usize,
}

/// One stage on topics of its own.
pub struct Stage<'a> {
    broker: &'a Broker,
    guarded: &'a Path,
    options: Options,
    group: String,
    output: String,
    lanes: Vec<(String, i32)>,
    /// The clean stream, with Kafka times.
    lines: Vec<(String, i64)>,
    /// In the order of writing; those that are held back apart.
    queue: Vec<Written>,
    late: Vec<Written>,
    n_written: RefCell<Vec<i64>>,
    n_fed: Cell<usize>,
    /// How long the stage waits for silent partitions.
    idle_ms: Cell<u64>,
    dir: TempDir,
    producer: BaseProducer,
    watch: Watch,
}

impl<'a> Stage<'a> {
    /// Makes the topics and the traffic.
    pub fn new(lab: &'a Lab, name: &str, options: Options) -> Self {
        let broker = lab.broker();
        let (group, output) = (broker.name(name), broker.name(&format!("{name}.ordered")));
        broker.create_topic(&output, 1);
        let lanes: Vec<(String, i32)> = INPUTS
            .iter()
            .flat_map(|(kind, n)| {
                let topic = broker.name(&format!("{name}.{kind}"));
                broker.create_topic(&topic, *n);
                (0..*n).map(move |partition| (topic.clone(), partition))
            })
            .collect();
        let n = if lab.form == Form::Full { 40_000 } else { 12_000 };
        let lines = lines(n);
        let (queue, late) = deal(&lines, &mut lab.rng(name));
        // That of the stage has `-route` behind it.
        let watch = Watch::new(broker, &format!("{group}-route"), lanes.clone());
        Self {
            broker,
            guarded: lab.guarded(),
            options,
            group,
            output,
            n_written: RefCell::new(vec![0; lanes.len()]),
            lanes,
            lines,
            queue,
            late,
            n_fed: Cell::new(0),
            // Only what all partitions have passed goes out.
            idle_ms: Cell::new(600_000),
            dir: tempfile::tempdir().unwrap(),
            producer: broker.producer(),
            watch,
        }
    }

    pub fn n_records(&self) -> usize {
        self.lines.len()
    }

    /// Deletes the output, and waits until the broker has done so.
    pub fn delete_output(&self) {
        self.broker.delete_topic(&self.output);
        let until = std::time::Instant::now() + crate::process::PATIENCE;
        while self.broker.end(&self.output, 0).is_some() {
            assert!(std::time::Instant::now() < until, "{} is still there", self.output);
        }
    }

    /// Makes the output anew.
    pub fn create_output(&self) {
        self.broker.create_topic(&self.output, 1);
    }

    /// Writes the input up to a share of it, but for what is to be late.
    pub fn feed(&self, share: f64) {
        let end = (self.queue.len() as f64 * share.min(1.0)).round() as usize;
        self.write(&self.queue[self.n_fed.get().min(end)..end]);
        self.n_fed.set(self.n_fed.get().max(end));
    }

    /// Writes what comes after its window.
    pub fn feed_late(&self) {
        self.write(&self.late);
    }

    fn write(&self, records: &[Written]) {
        for Written { serial, lane } in records {
            let ((topic, partition), (line, ms)) = (&self.lanes[*lane], &self.lines[*serial]);
            let text = serial.to_string();
            let named = Header { key: SERIAL, value: Some(&text) };
            let mut record = BaseRecord::<[u8], [u8]>::to(topic)
                .partition(*partition)
                .key(text.as_bytes())
                .timestamp(*ms)
                .headers(OwnedHeaders::new().insert(named))
                .payload(line.as_bytes());
            while let Err((_, back)) = self.producer.send(record) {
                record = back;
                self.producer.poll(Duration::from_millis(1));
            }
            self.n_written.borrow_mut()[*lane] += 1;
        }
        self.producer.flush(Duration::from_secs(120)).unwrap();
    }

    /// From the next start on a silent partition is not waited for.
    pub fn close_idle(&self) {
        self.idle_ms.set(1_000);
    }

    /// Starts a process of the stage's group.
    pub fn start(&self, instance: &str) -> Process {
        self.start_with(instance, "")
    }

    /// Starts a process with failpoints.
    pub fn start_with(&self, instance: &str, failpoints: &str) -> Process {
        Process::start("route", &self.config(instance), failpoints, self.guarded)
    }

    fn config(&self, instance: &str) -> PathBuf {
        let path = self.dir.path().join(format!("{instance}.yaml"));
        let Options { batch, linger_ms, session_ms, is_static } = self.options;
        let mut topics: Vec<&str> = self.lanes.iter().map(|(topic, _)| topic.as_str()).collect();
        topics.dedup();
        let text = format!(
            "version: 1
kafka: {{ brokers: \"{}\", group: {}, instance: {instance}, start: earliest, \
             session_timeout_ms: {session_ms}, is_static_member: {is_static} }}
inputs: [{{ topic: {}, format: ethereum_etl, chain: \"eip155:1\" }}]
route: {{ streams: [{{ output: {}, inputs: [{}], idle_ms: {} }}] }}
batch: {{ records_max: {batch}, linger_ms: {linger_ms} }}
log: {{ format: json }}
",
            self.broker.bootstrap(),
            self.group,
            self.output,
            self.output,
            topics.join(", "),
            self.idle_ms.get(),
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// Returns how many input records are committed as passed on, those aside that wait for one.
    pub fn n_committed(&self) -> Option<i64> {
        self.watch.committed().map(|offsets| offsets.iter().sum())
    }

    /// Waits until more is committed than was.
    pub fn await_more(&self, before: i64) -> Result<(), String> {
        self.watch.wait(|offsets| offsets.iter().sum::<i64>() > before).map(drop)
    }

    /// Waits until everything that was written is passed on.
    pub fn await_all(&self) {
        self.watch.wait(|offsets| offsets == self.n_written.borrow().as_slice()).unwrap();
    }

    /// Compares, and reports; panics when anything differs.
    pub fn held(&self) -> Outcome {
        self.compare().unwrap_or_else(|why| panic!("{why}"));
        let outcome = Outcome { n_records: self.lines.len(), ..Outcome::default() };
        outcome.noting(format!("{} late", self.late.len()))
    }

    /// Checks that the output holds each record once and unchanged, late ones marked and all others
    /// in the order of the clean stream.
    pub fn compare(&self) -> Result<(), String> {
        let mut n_seen = vec![0; self.lines.len()];
        let mut last = None;
        for message in self.broker.read_committed(&self.output) {
            let (offset, serial) = (message.offset(), self.serial(&message)?);
            n_seen[serial] += 1;
            if n_seen[serial] > 1 {
                return Err(format!("record {serial} again at offset {offset}"));
            }
            let is_marked = header(&message, "txwarden-late").is_some();
            if is_marked != self.late.iter().any(|late| late.serial == serial) {
                return Err(format!("record {serial} at offset {offset}: late is {is_marked}"));
            }
            if !is_marked && last > Some(serial) {
                return Err(format!("record {serial} at offset {offset} comes after {last:?}"));
            }
            last = if is_marked { last } else { Some(serial) };
        }
        match n_seen.iter().position(|n| *n == 0) {
            Some(lost) => Err(format!("record {lost} is missing")),
            None => Ok(()),
        }
    }

    /// Returns which record it is, once it is found to be the one that was written.
    fn serial(&self, message: &OwnedMessage) -> Result<usize, String> {
        let text = header(message, SERIAL).unwrap_or_default();
        let offset = message.offset();
        let serial: usize = text.parse().map_err(|e| format!("offset {offset}: {e}"))?;
        let (line, ms) = self.lines.get(serial).ok_or_else(|| format!("no record {serial}"))?;
        let is_same = message.payload() == Some(line.as_bytes())
            && message.key() == Some(text.as_bytes())
            && message.timestamp().to_millis() == Some(*ms);
        if is_same { Ok(serial) } else { Err(format!("record {serial} at {offset} is changed")) }
    }
}

/// Returns the records of a chain in its order, a reorg among them; none is pending.
fn lines(n: usize) -> Vec<(String, i64)> {
    // A block makes some 19 records.
    let evm = Evm { n_blocks: 40 + n as u64 / 15, ..Evm::default() };
    let lines = Scenario::new(5).evm(evm).lines().filter(|line| !line.is_pending);
    lines.take(n).map(|line| (line.json, line.event_time.millis())).collect()
}

/// Deals records to partitions by their kind, moves each back a little, and holds some back.
fn deal(lines: &[(String, i64)], rng: &mut impl Rng) -> (Vec<Written>, Vec<Written>) {
    let is = |line: &str, kind: &str| line.starts_with(&format!("{{\"type\": \"{kind}\""));
    let mut n_blocks = 0u64;
    let mut keyed = Vec::with_capacity(lines.len());
    for (serial, (line, _)) in lines.iter().enumerate() {
        n_blocks += u64::from(is(line, "block"));
        let kinds = [is(line, "block"), is(line, "transaction"), true];
        let kind = kinds.iter().position(|is_it| *is_it).unwrap();
        let n_before: i32 = INPUTS[..kind].iter().map(|(_, n)| n).sum();
        let lane = (n_before + rng.gen_range(0..INPUTS[kind].1)) as usize;
        let slot = (n_blocks + rng.gen_range(0..=JITTER_BLOCKS), rng.r#gen::<u32>());
        keyed.push((slot, Written { serial, lane }));
    }
    keyed.sort_by_key(|(slot, _)| *slot);
    let every = lines.len() / N_LATE;
    // Neither a header, nor of the last blocks, whose window is still open.
    let is_late = |written: &Written| {
        written.serial % every == every / 2
            && written.lane > 0
            && written.serial < lines.len() - 1_000
    };
    let all = keyed.into_iter().map(|(_, written)| written);
    let (late, queue): (Vec<_>, Vec<_>) = all.partition(is_late);
    assert!(late.len() > N_LATE / 2, "only {} are late", late.len());
    (queue, late)
}
