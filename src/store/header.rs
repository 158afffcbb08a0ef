//! What is said about a snapshot in front of it, in a form that older versions can read too.

use crate::model::GroupPartition;
use serde::{Deserialize, Serialize};

/// The layout of the bodies that this version writes; a reader refuses what is newer.
pub const BODY_FORMAT: u16 = 1;

/// The JSON in front of a snapshot's body. Unknown fields are ignored and absent ones default, so
/// that every version can say what a file is even when it cannot use it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SnapshotHeader {
    /// The layout of the body, [`BODY_FORMAT`] at its writer.
    pub format: u16,
    /// The version of the program that wrote it.
    pub program: String,
    #[serde(flatten)]
    pub place: GroupPartition,
    /// The next record to fold.
    pub offset: i64,
    /// CAIP-2.
    pub chain: String,
    /// Of the engine's settings, as in alerts.
    pub config_hash: String,
    /// The bundle in force, by its hash.
    pub bundle: String,
    /// The last alert's sequence number.
    pub seq: u64,
    /// Records folded, ever.
    pub n_records: u64,
    pub n_accounts: u64,
    /// Of the newest event, since the epoch.
    pub event_time_ms: i64,
    /// When it was taken, by the wall clock; for people only.
    pub taken_ms: i64,
    /// Of the body before compression; set by the store.
    pub body_bytes: u64,
}
