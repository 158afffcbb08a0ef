//! The closed lists of why a part is dead-lettered or skipped (FORMATS §4).

use serde::{Deserialize, Serialize};

/// What can still become of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// Replayable after a change of configuration.
    Quarantine,
    /// Wrong for good.
    Reject,
}

/// Why a part was dead-lettered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    EmptyValue,
    TooLarge,
    UnexpectedBatch,
    UnknownFormat,
    NotUtf8,
    BadJson,
    DuplicateKey,
    LimitExceeded,
    MissingField,
    BadField,
    AmountOutOfRange,
    AmountLossy,
    BadTime,
    ImplausibleTime,
    ImplausibleHeight,
    ChainMismatch,
    CheckFailed,
    IdentityConflict,
}

/// Why a part was skipped on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    Tombstone,
    NullResult,
    UnsupportedType,
    Duplicate,
}

/// Why a part did not become events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    Skip(SkipReason),
    DeadLetter {
        reason: Reason,
        /// What exactly, at most 256 bytes, escaped for logs and JSON.
        detail: String,
    },
}
