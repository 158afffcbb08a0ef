//! The settings of the repartition stage.

use crate::order::MergeWindow;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is merged into what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// The stage's own consumer group. Default: that of `kafka`, with `-route` behind it.
    #[schemars(length(min = 1, max = 249))]
    pub group: Option<String>,
    /// Each makes one ordered topic of several.
    #[schemars(length(max = STREAMS_MAX))]
    pub streams: Vec<StreamParams>,
}

/// The topics of one chain and the topic that they become.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamParams {
    /// An input of `run`, whose chain, format and envelope say how records are read.
    #[schemars(length(min = 1, max = 249))]
    pub output: String,
    /// The topics to be merged, each with any number of partitions.
    #[schemars(length(min = 1, max = 1_000), inner(length(min = 1, max = 249)))]
    pub inputs: Vec<String>,
    /// How many blocks a record may be late in its own partition, and how deep a reorg is set in
    /// order. Default 8.
    #[serde(default = "window_blocks")]
    #[schemars(range(min = 0, max = 10_000), extend("x-unit" = "blocks"))]
    pub window_blocks: u64,
    /// A partition without a record for so long is not waited for; when all are silent, everything
    /// goes out. Default 5 000.
    #[serde(default = "idle_ms")]
    #[schemars(range(min = 1, max = 3_600_000), extend("x-unit" = "ms"))]
    pub idle_ms: u64,
    /// Records held at most. Default 100 000.
    #[serde(default = "records_max")]
    #[schemars(range(min = 2, max = 100_000_000), extend("x-unit" = "records"))]
    pub records_max: usize,
    /// Their bytes at most. Default 64 MiB.
    #[serde(default = "bytes_max")]
    #[schemars(range(min = 1, max = 68_719_476_736_i64), extend("x-unit" = "bytes"))]
    pub bytes_max: usize,
}

/// The most streams of one process: each may hold its window's bytes.
const STREAMS_MAX: usize = 64;

fn window_blocks() -> u64 {
    // Deeper than ordinary reorgs; while blocks come seconds apart the idle time ends it before.
    8
}

fn idle_ms() -> u64 {
    // Less than the twelve seconds between Ethereum's blocks, more than an exporter's pauses.
    5_000
}

fn records_max() -> usize {
    100_000
}

fn bytes_max() -> usize {
    64 << 20
}

impl StreamParams {
    /// Makes a stream with the default window.
    pub fn new(output: &str, inputs: Vec<String>) -> Self {
        Self {
            output: output.to_owned(),
            inputs,
            window_blocks: window_blocks(),
            idle_ms: idle_ms(),
            records_max: records_max(),
            bytes_max: bytes_max(),
        }
    }

    /// Returns the bounds of the merge.
    pub fn window(&self) -> MergeWindow {
        MergeWindow {
            blocks: self.window_blocks,
            idle_ms: i64::try_from(self.idle_ms).unwrap_or(i64::MAX),
            records_max: self.records_max,
            bytes_max: self.bytes_max,
        }
    }
}

impl Params {
    /// Returns every mistake that can be seen without a broker; `inputs` are the topics of `run`.
    pub fn problems(&self, inputs: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        for stream in &self.streams {
            let output = &stream.output;
            if !inputs.contains(&output.as_str()) {
                found.push(format!(
                    "streams: output {output} is no topic of inputs, which say how it is read"
                ));
            }
            for topic in stream.inputs.iter().chain([output]) {
                if topic.is_empty() {
                    found.push("streams: a topic has no name".to_owned());
                } else if !seen.insert(topic) {
                    found.push(format!("streams: topic {topic} is named twice"));
                } else if topic != output && inputs.contains(&topic.as_str()) {
                    found.push(format!(
                        "streams: {topic} is an input itself: it would be judged twice"
                    ));
                }
            }
        }
        found
    }
}
