//! The settings of snapshots: where, how often, how many.

use serde::{Deserialize, Serialize};

/// The section `snapshots:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// A directory (relative to where the process was started), `file:///…`, `s3://bucket/…`,
    /// `gs://bucket/…`, `az://container/…`, `memory:`, or `none`: no snapshots, the state is
    /// rebuilt from the log. Credentials come from the cloud's usual environment variables and
    /// instance roles, never from here. Default `txwarden-state`.
    pub url: String,
    /// Records of a partition between two snapshots. Default 500 000: replaying as many takes a
    /// few seconds.
    pub every_records: u64,
    /// Wall-clock milliseconds between two snapshots of a partition in which something moved.
    /// Default 60 000.
    pub every_ms: u64,
    /// Snapshots kept of each partition. Default 2: a damaged one has a predecessor.
    pub keep: usize,
    /// Of zstd. Default 1: higher levels save a tenth of the size for several times the time.
    pub zstd_level: i32,
    /// Allows an endpoint without TLS (`AWS_ENDPOINT=http://…`). Default false.
    pub allow_http: bool,
}

/// The URL of no store at all.
const OFF: &str = "none";

/// The most snapshots kept of one partition.
const KEEP_MAX: usize = 1_000;

/// The levels of zstd that need no memory beyond the ordinary.
const ZSTD_LEVELS: std::ops::RangeInclusive<i32> = 1..=19;

impl Default for Params {
    fn default() -> Self {
        Self {
            url: "txwarden-state".to_owned(),
            every_records: 500_000,
            every_ms: 60_000,
            keep: 2,
            zstd_level: 1,
            allow_http: false,
        }
    }
}

impl Params {
    /// Returns the settings of a run without snapshots.
    pub fn off() -> Self {
        Self { url: OFF.to_owned(), ..Self::default() }
    }

    /// Returns whether snapshots are written and read at all.
    pub fn is_enabled(&self) -> bool {
        self.url != OFF
    }

    /// Returns every mistake, each beginning with the key.
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.url.is_empty() {
            found.push("url: is empty; write none to do without snapshots".to_owned());
        }
        if self.every_records == 0 {
            found.push("every_records: must be positive".to_owned());
        }
        if self.every_ms < 1_000 {
            found.push(format!("every_ms: {} is less than a second", self.every_ms));
        }
        if !(1..=KEEP_MAX).contains(&self.keep) {
            found.push(format!("keep: {} is not between 1 and {KEEP_MAX}", self.keep));
        }
        if !ZSTD_LEVELS.contains(&self.zstd_level) {
            found.push(format!("zstd_level: {} is not between 1 and 19", self.zstd_level));
        }
        found
    }
}
