//! The settings of checkpoints: how often, and signed with which key.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How often checkpoints are written, and who signs them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// File with an Ed25519 private key, `openssl genpkey -algorithm ed25519`. Without it
    /// checkpoints are unsigned: whoever can write to the topics can forge both.
    pub key_file: Option<PathBuf>,
    /// Alerts of a partition from one checkpoint to the next. Default 1000.
    pub checkpoint_alerts: u64,
    /// Milliseconds from one checkpoint of a partition to the next, idle or not. Default 60 000.
    pub checkpoint_ms: u64,
}

/// The shortest time between checkpoints that may be asked for: each costs a transaction when idle.
pub const CHECKPOINT_MS_MIN: u64 = 100;

impl Default for Params {
    fn default() -> Self {
        Self { key_file: None, checkpoint_alerts: 1_000, checkpoint_ms: 60_000 }
    }
}

impl Params {
    /// Returns every mistake that can be seen without reading the key.
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.checkpoint_alerts == 0 {
            found.push("checkpoint_alerts: must be positive".to_owned());
        }
        if self.checkpoint_ms < CHECKPOINT_MS_MIN {
            found.push(format!(
                "checkpoint_ms: {} is less than {CHECKPOINT_MS_MIN}",
                self.checkpoint_ms
            ));
        }
        found
    }
}
