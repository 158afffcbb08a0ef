//! The settings of snapshots: where, how often, how many.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The section `snapshots:`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// A directory (relative to where the process was started), `file:///…`, `s3://bucket/…`,
    /// `gs://bucket/…`, `az://container/…`, `memory:`, or `none`: no snapshots, the state is
    /// rebuilt from the log. Credentials come from the cloud's usual environment variables and
    /// instance roles, never from here. Default `txwarden-state`.
    #[schemars(length(min = 1, max = 4_096))]
    pub url: String,
    /// Records of a partition between two snapshots. Default 500 000: replaying as many takes a
    /// few seconds.
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64), extend("x-unit" = "records"))]
    pub every_records: u64,
    /// Wall-clock milliseconds between two snapshots of a partition in which something moved.
    /// Default 60 000.
    #[schemars(range(min = 1_000, max = 315_360_000_000_i64), extend("x-unit" = "ms"))]
    pub every_ms: u64,
    /// Snapshots kept of each partition. Default 2: a damaged one has a predecessor.
    #[schemars(range(min = 1, max = KEEP_MAX), extend("x-unit" = "snapshots"))]
    pub keep: usize,
    /// Of zstd. Default 1: higher levels save a tenth of the size for several times the time.
    #[schemars(range(min = ZSTD_LEVEL_MIN, max = ZSTD_LEVEL_MAX), extend("x-unit" = "level of zstd"))]
    pub zstd_level: i32,
    /// Allows an endpoint without TLS (`AWS_ENDPOINT=http://…`). Default false.
    pub allow_http: bool,
}

/// The URL of no store at all.
const OFF: &str = "none";

/// The most snapshots kept of one partition.
const KEEP_MAX: usize = 1_000;

/// The first and last level of zstd that need no memory beyond the ordinary.
const ZSTD_LEVEL_MIN: i32 = 1;
const ZSTD_LEVEL_MAX: i32 = 19;

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
}
