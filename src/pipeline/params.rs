//! The settings of `run`: inputs, outputs, batching, and what to do when something changed.

use crate::{
    audit,
    decode::{Format, Wrapping},
    journal::takeover::OnLostHistory,
    kafka, store,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, path::PathBuf};

/// What `run` reads, where it writes, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    pub kafka: kafka::Params,
    pub inputs: Vec<InputParams>,
    pub outputs: Outputs,
    pub batch: Batching,
    pub snapshots: store::Params,
    /// Checkpoints of the alerts' chains.
    pub audit: audit::Params,
    pub verdicts: Verdicts,
    /// Worker threads of this process; more than there are partitions stay idle. Default 1.
    pub workers: usize,
    /// What to do with a partition in which format errors pile up. Default `pause`.
    pub on_flood: OnFlood,
    /// What to do when the log no longer holds the records the group started with. Default
    /// `refuse`.
    pub on_lost_history: OnLostHistory,
}

/// The most worker threads of one process: each holds a consumer, a producer and their buffers.
pub const WORKERS_MAX: usize = 64;

impl Default for Params {
    fn default() -> Self {
        Self {
            kafka: kafka::Params::default(),
            inputs: Vec::new(),
            outputs: Outputs::default(),
            batch: Batching::default(),
            snapshots: store::Params::default(),
            audit: audit::Params::default(),
            verdicts: Verdicts::default(),
            workers: 1,
            on_flood: OnFlood::Pause,
            on_lost_history: OnLostHistory::Refuse,
        }
    }
}

/// One input topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputParams {
    pub topic: String,
    pub format: Format,
    /// CAIP-2, e.g. `eip155:1`.
    pub chain: String,
    /// For the format `mapped`: the file that says what records are.
    #[serde(default)]
    pub mapping: Option<PathBuf>,
    /// What records are wrapped in: `none`, `auto`, or layers from outside in. Default `none`.
    #[serde(default)]
    pub envelope: Wrapping,
    /// Schemas: for the layers `avro` and `protobuf` the file of the one, for `confluent` a
    /// directory with a file for each id of the registry: `7.avsc`, `8.proto`, `9.json`.
    #[serde(default)]
    pub schemas: Option<PathBuf>,
    /// Accepts more than one partition, each then judged on its own: an account's history is
    /// split between them. Default false.
    #[serde(default)]
    pub allow_partitions: bool,
    /// Whether a JSON array is read as a batch of parts. Default true.
    #[serde(default = "yes")]
    pub allow_batch: bool,
}

fn yes() -> bool {
    true
}

/// The output topics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outputs {
    pub alerts: String,
    pub dead_letters: String,
    /// Signed heads of the alerts' hash chains.
    pub checkpoints: String,
    /// What changed an answer apart from the inputs, with the offset at which it applies.
    pub control: String,
    /// Creates missing output topics. Default false: topics are usually an administrator's.
    pub create_topics: bool,
}

impl Outputs {
    /// Returns the names of all output topics.
    pub fn topics(&self) -> [&str; 4] {
        [&self.alerts, &self.dead_letters, &self.checkpoints, &self.control]
    }
}

impl Default for Outputs {
    fn default() -> Self {
        Self {
            alerts: "tx.alerts.v1".to_owned(),
            dead_letters: "tx.deadletter.v1".to_owned(),
            checkpoints: "tx.checkpoints.v1".to_owned(),
            control: "tx.control.v1".to_owned(),
            create_topics: false,
        }
    }
}

/// Where analysts' verdicts come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Verdicts {
    /// The topic, e.g. `tx.verdicts.v1`; without it no verdicts are read. Default none.
    pub topic: Option<String>,
}

/// When a batch ends: at whichever limit is reached first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Batching {
    /// Default 10 000: from there on a transaction costs nothing measurable.
    pub records_max: usize,
    /// Default 8 MiB, of input and of output each.
    pub bytes_max: usize,
    /// Default 100, counted from the batch's first record.
    pub linger_ms: u64,
}

impl Default for Batching {
    fn default() -> Self {
        Self { records_max: 10_000, bytes_max: 8 << 20, linger_ms: 100 }
    }
}

/// What to do with a partition in which format errors pile up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFlood {
    /// Commits the offending records, then stops reading the partition until a restart.
    Pause,
    Continue,
}

impl Params {
    /// Returns every mistake that can be seen without a broker.
    pub fn problems(&self) -> Vec<String> {
        let mut found: Vec<String> =
            self.kafka.problems().into_iter().map(|p| format!("kafka.{p}")).collect();
        if self.inputs.is_empty() {
            found.push("inputs: no input topic is named".to_owned());
        }
        let mut seen = BTreeSet::new();
        let inputs = self.inputs.iter().map(|i| i.topic.as_str());
        for topic in inputs.chain(self.outputs.topics()) {
            if topic.is_empty() {
                found.push("inputs, outputs: a topic has no name".to_owned());
            } else if !seen.insert(topic) {
                found.push(format!("inputs, outputs: topic {topic} is named twice"));
            }
        }
        found.extend(self.audit.problems().into_iter().map(|p| format!("audit.{p}")));
        if !(1..=WORKERS_MAX).contains(&self.workers) {
            found.push(format!("workers: {} is not between 1 and {WORKERS_MAX}", self.workers));
        }
        if self.batch.records_max == 0 || self.batch.bytes_max == 0 {
            found.push("batch: records_max and bytes_max must be positive".to_owned());
        }
        let snapshots = self.snapshots.problems();
        found.extend(snapshots.into_iter().map(|p| format!("snapshots.{p}")));
        if self.batch.linger_ms > 60_000 {
            found.push(format!("batch.linger_ms: {} is more than a minute", self.batch.linger_ms));
        }
        found
    }
}
