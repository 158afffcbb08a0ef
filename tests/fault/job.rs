//! One consumer group under test: its topics, its configuration, its processes and its input.

use crate::{
    broker::{self, Broker},
    case::Outcome,
    lab::Lab,
    oracle::{self, BITCOIN, How},
    process::Process,
    traffic::{Chain, EVM_PARTITIONS, Feed, Traffic},
    watch::Watch,
};
use rdkafka::producer::{BaseProducer, Producer};
use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// What differs between the jobs of the cases.
#[derive(Clone, Debug)]
pub struct Options {
    pub batch: usize,
    pub linger_ms: u64,
    pub workers: usize,
    pub session_ms: u32,
    pub is_static: bool,
    pub alert_partitions: i32,
    /// Further lines of the configuration.
    pub more: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            // Small batches: many transactions.
            batch: 200,
            linger_ms: 100,
            workers: 1,
            session_ms: 6_000,
            is_static: false,
            alert_partitions: 3,
            more: String::new(),
        }
    }
}

/// One group on topics of its own.
pub struct Job<'a> {
    pub broker: &'a Broker,
    guarded: &'a Path,
    pub traffic: &'a Traffic,
    pub options: Options,
    pub group: String,
    pub alerts: String,
    pub dead_letters: String,
    pub checkpoints: String,
    pub control: String,
    pub dir: TempDir,
    topics: [String; 2],
    producer: BaseProducer,
    /// How many records of each feed have been written.
    n_fed: Vec<Cell<usize>>,
}

impl<'a> Job<'a> {
    /// Makes a job on the shared broker.
    pub fn new(lab: &'a Lab, traffic: &'a Traffic, name: &str, options: Options) -> Self {
        Self::on(lab, lab.broker(), traffic, name, options)
    }

    /// Makes a job on a broker of its own.
    pub fn on(
        lab: &'a Lab,
        broker: &'a Broker,
        traffic: &'a Traffic,
        name: &str,
        options: Options,
    ) -> Self {
        let topics = ["evm", "utxo"].map(|chain| broker.name(&format!("{name}.{chain}")));
        broker.create_topic(&topics[0], EVM_PARTITIONS);
        broker.create_topic(&topics[1], 1);
        Self::over((broker, lab.guarded()), traffic, name, options, topics)
    }

    /// Makes a group that reads what another one reads, from the start.
    pub fn beside(&self, name: &str, options: Options) -> Self {
        let topics = self.topics.clone();
        let made = Self::over((self.broker, self.guarded), self.traffic, name, options, topics);
        for (ours, theirs) in made.n_fed.iter().zip(&self.n_fed) {
            ours.set(theirs.get());
        }
        made
    }

    fn over(
        (broker, guarded): (&'a Broker, &'a Path),
        traffic: &'a Traffic,
        name: &str,
        options: Options,
        topics: [String; 2],
    ) -> Self {
        let (group, alerts) = (broker.name(name), broker.name(&format!("{name}.alerts")));
        let side = |what: &str| {
            let topic = broker.name(&format!("{name}.{what}"));
            broker.create_topic(&topic, 1);
            topic
        };
        let [dead_letters, checkpoints, control] = ["dead", "checkpoints", "control"].map(side);
        broker.create_topic(&alerts, options.alert_partitions);
        Self {
            broker,
            guarded,
            traffic,
            options,
            group,
            alerts,
            dead_letters,
            checkpoints,
            control,
            dir: tempfile::tempdir().unwrap(),
            topics,
            producer: broker.producer(),
            n_fed: traffic.feeds.iter().map(|_| Cell::new(0)).collect(),
        }
    }

    pub fn topic(&self, chain: Chain) -> &str {
        match chain {
            Chain::Evm => &self.topics[0],
            Chain::Utxo => &self.topics[1],
        }
    }

    /// Writes the input up to a share of it, from 0 to 1, and waits until it is written.
    pub fn feed(&self, share: f64) {
        // In turns of a thousandth, so that all partitions advance together.
        for turn in 0..=1_000 {
            let upto = (f64::from(turn) / 1_000.0).min(share);
            for (feed, n_fed) in self.traffic.feeds.iter().zip(&self.n_fed) {
                let end = (feed.lines.len() as f64 * upto).round() as usize;
                for (value, ms) in &feed.lines[n_fed.get().min(end)..end] {
                    broker::send(
                        &self.producer,
                        self.topic(feed.chain),
                        feed.partition,
                        value,
                        *ms,
                    );
                }
                n_fed.set(n_fed.get().max(end));
            }
            if upto >= share {
                break;
            }
        }
        self.producer.flush(Duration::from_secs(120)).unwrap();
    }

    /// Returns how many records of each partition have been written.
    pub fn fed(&self) -> Vec<i64> {
        self.n_fed.iter().map(|n| n.get() as i64).collect()
    }

    /// Writes the configuration of an instance and returns its path.
    pub fn config(&self, instance: &str) -> PathBuf {
        let path = self.dir.path().join(format!("{instance}.yaml"));
        let Options { batch, linger_ms, workers, session_ms, is_static, more, .. } = &self.options;
        let text = format!(
            "kafka: {{ brokers: \"{}\", group: {}, instance: {instance}, start: earliest, \
             session_timeout_ms: {session_ms}, is_static_member: {is_static} }}
inputs:
  - {{ topic: {}, format: ethereum_etl, chain: \"eip155:1\", allow_partitions: true }}
  - {{ topic: {}, format: bitcoin_etl, chain: \"{BITCOIN}\" }}
outputs: {{ alerts: {}, dead_letters: {}, checkpoints: {}, control: {} }}
batch: {{ records_max: {batch}, linger_ms: {linger_ms} }}
workers: {workers}
log: {{ format: json }}
{more}
{}",
            self.broker.bootstrap(),
            self.group,
            self.topics[0],
            self.topics[1],
            self.alerts,
            self.dead_letters,
            self.checkpoints,
            self.control,
            engine_yaml(),
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// Starts a process of the group.
    pub fn start(&self, instance: &str) -> Process {
        self.start_with(instance, "")
    }

    /// Starts a process with failpoints.
    pub fn start_with(&self, instance: &str, failpoints: &str) -> Process {
        Process::start("run", &self.config(instance), failpoints, self.guarded)
    }

    pub fn watch(&self) -> Watch {
        let feeds = self.traffic.feeds.iter();
        let place = |feed: &Feed| (self.topic(feed.chain).to_owned(), feed.partition);
        Watch::new(self.broker, &self.group, feeds.map(place).collect())
    }

    /// Waits until everything that was written has been answered.
    pub fn await_all(&self, watch: &Watch) -> Duration {
        let fed = self.fed();
        watch.wait(|committed| committed == fed).unwrap()
    }

    /// Compares with the oracle, and reports; panics when anything differs.
    pub fn held(&self, how: How) -> Outcome {
        let compared = oracle::compare(self, how).unwrap_or_else(|why| panic!("{why}"));
        Outcome {
            n_records: self.traffic.n_records(),
            n_alerts: compared.n_alerts,
            n_dead_letters: compared.n_dead_letters,
            ..Outcome::default()
        }
    }
}

/// The part of the configuration that can change an answer: rules that raise many alerts, and a
/// memory that an unoptimised build restores in no time.
pub fn engine_yaml() -> String {
    "version: 1
on_flood: continue
triage: { budget_per_day: 480 }
state: { accounts_max: 50000, edges_max: 100000, transfers_max: 20000, outputs_max: 100000, \
 conflicts_max: 20000, dedup_max: 50000 }
detect: { rules: { large_native: { severity: high, params: { units_min: { ETH: 2.0, BTC: 0.02 } } } } }
"
    .to_owned()
}
