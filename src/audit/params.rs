//! The settings of checkpoints: how often, and signed with which key.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How often checkpoints are written, and who signs them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// File with an Ed25519 private key, `openssl genpkey -algorithm ed25519`. Without it
    /// checkpoints are unsigned: whoever can write to the topics can forge both.
    #[schemars(length(min = 1, max = 4_096))]
    pub key_file: Option<PathBuf>,
    /// Alerts of a partition from one checkpoint to the next. Default 1000.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "alerts"))]
    pub checkpoint_alerts: u64,
    /// Milliseconds from one checkpoint of a partition to the next, idle or not. Default 60 000.
    #[schemars(range(min = CHECKPOINT_MS_MIN, max = 315_360_000_000_i64), extend("x-unit" = "ms"))]
    pub checkpoint_ms: u64,
}

/// The shortest time between checkpoints that may be asked for: each costs a transaction when idle.
pub const CHECKPOINT_MS_MIN: u64 = 100;

impl Default for Params {
    fn default() -> Self {
        Self { key_file: None, checkpoint_alerts: 1_000, checkpoint_ms: 60_000 }
    }
}
