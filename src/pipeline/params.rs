//! The settings of `run`: inputs, outputs, batching, and what to do when something changed.

use crate::{
    audit,
    decode::{Format, Wrapping},
    journal::takeover::OnLostHistory,
    kafka, store,
};
use schemars::JsonSchema;
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
    pub verdicts: VerdictParams,
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
            verdicts: VerdictParams::default(),
            workers: 1,
            on_flood: OnFlood::Pause,
            on_lost_history: OnLostHistory::Refuse,
        }
    }
}

/// One input topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputParams {
    /// The Kafka topic, in one partition unless `allow_partitions` is set.
    #[schemars(length(min = 1, max = 249))]
    pub topic: String,
    pub format: Format,
    /// CAIP-2, e.g. `eip155:1`.
    #[schemars(length(min = 1, max = 128))]
    pub chain: String,
    /// For the format `mapped`: the file that says what records are.
    #[serde(default)]
    #[schemars(length(min = 1, max = 4_096))]
    pub mapping: Option<PathBuf>,
    /// What records are wrapped in: `none`, `auto`, or layers from outside in. Default `none`.
    #[serde(default)]
    pub envelope: Wrapping,
    /// Schemas: for the layers `avro` and `protobuf` the file of the one, for `confluent` a
    /// directory with a file for each id of the registry: `7.avsc`, `8.proto`, `9.json`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 4_096))]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Outputs {
    /// Alerts, and what becomes of them. Default `tx.alerts.v1`.
    #[schemars(length(min = 1, max = 249))]
    pub alerts: String,
    /// Records that cannot be read, each with the reason. Default `tx.deadletter.v1`.
    #[schemars(length(min = 1, max = 249))]
    pub dead_letters: String,
    /// Signed heads of the alerts' hash chains.
    #[schemars(length(min = 1, max = 249))]
    pub checkpoints: String,
    /// What changed an answer apart from the inputs, with the offset at which it applies.
    #[schemars(length(min = 1, max = 249))]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VerdictParams {
    /// The topic, e.g. `tx.verdicts.v1`; without it no verdicts are read. Default none.
    #[schemars(length(min = 1, max = 249))]
    pub topic: Option<String>,
}

/// When a batch ends: at whichever limit is reached first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Batching {
    /// Default 10 000: from there on a transaction costs nothing measurable.
    #[schemars(range(min = 1, max = 10_000_000), extend("x-unit" = "records"))]
    pub records_max: usize,
    /// Default 8 MiB, of input and of output each.
    #[schemars(range(min = 1, max = 1_073_741_824), extend("x-unit" = "bytes"))]
    pub bytes_max: usize,
    /// Default 100, counted from the batch's first record.
    #[schemars(range(min = 0, max = 60_000), extend("x-unit" = "ms"))]
    pub linger_ms: u64,
}

impl Default for Batching {
    fn default() -> Self {
        Self { records_max: 10_000, bytes_max: 8 << 20, linger_ms: 100 }
    }
}

/// What to do with a partition in which format errors pile up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFlood {
    /// Commits the offending records, then stops reading the partition until a restart.
    Pause,
    Continue,
}

impl Params {
    /// Returns every mistake between settings that can be seen without a broker; the range of each
    /// setting is in its schema.
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
        found
    }
}
