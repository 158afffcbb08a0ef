//! The closed lists of why a part is dead-lettered or skipped.

use serde::{Deserialize, Serialize};

/// What can still become of a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterDisposition {
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
    DecompressionLimit,
    BadEnvelope,
    EnvelopeIncomplete,
    SchemaUnavailable,
    SchemaMismatch,
    UnexpectedBatch,
    UnknownFormat,
    NotUtf8,
    BadJson,
    DuplicateKey,
    LimitExceeded,
    BadBinary,
    AmbiguousEncoding,
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
    /// Reading the record brought the process down three times.
    CrashLoop,
}

/// Why a part was skipped on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    Tombstone,
    NullResult,
    /// A node, or a connector, answered with an error.
    NodeError,
    UnsupportedType,
    ControlMessage,
    MarketData,
    Duplicate,
}

impl LetterDisposition {
    /// Returns the name used on the wire and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }
}

impl Reason {
    pub const ALL: [Self; 26] = [
        Self::EmptyValue,
        Self::TooLarge,
        Self::DecompressionLimit,
        Self::BadEnvelope,
        Self::EnvelopeIncomplete,
        Self::SchemaUnavailable,
        Self::SchemaMismatch,
        Self::UnexpectedBatch,
        Self::UnknownFormat,
        Self::NotUtf8,
        Self::BadJson,
        Self::DuplicateKey,
        Self::LimitExceeded,
        Self::BadBinary,
        Self::AmbiguousEncoding,
        Self::MissingField,
        Self::BadField,
        Self::AmountOutOfRange,
        Self::AmountLossy,
        Self::BadTime,
        Self::ImplausibleTime,
        Self::ImplausibleHeight,
        Self::ChainMismatch,
        Self::CheckFailed,
        Self::IdentityConflict,
        Self::CrashLoop,
    ];

    /// Returns the name used on the wire and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EmptyValue => "empty_value",
            Self::TooLarge => "too_large",
            Self::DecompressionLimit => "decompression_limit",
            Self::BadEnvelope => "bad_envelope",
            Self::EnvelopeIncomplete => "envelope_incomplete",
            Self::SchemaUnavailable => "schema_unavailable",
            Self::SchemaMismatch => "schema_mismatch",
            Self::UnexpectedBatch => "unexpected_batch",
            Self::UnknownFormat => "unknown_format",
            Self::NotUtf8 => "not_utf8",
            Self::BadJson => "bad_json",
            Self::DuplicateKey => "duplicate_key",
            Self::LimitExceeded => "limit_exceeded",
            Self::BadBinary => "bad_binary",
            Self::AmbiguousEncoding => "ambiguous_encoding",
            Self::MissingField => "missing_field",
            Self::BadField => "bad_field",
            Self::AmountOutOfRange => "amount_out_of_range",
            Self::AmountLossy => "amount_lossy",
            Self::BadTime => "bad_time",
            Self::ImplausibleTime => "implausible_time",
            Self::ImplausibleHeight => "implausible_height",
            Self::ChainMismatch => "chain_mismatch",
            Self::CheckFailed => "check_failed",
            Self::IdentityConflict => "identity_conflict",
            Self::CrashLoop => "crash_loop",
        }
    }

    /// Returns what can still become of a record refused for this reason.
    pub fn disposition(self) -> LetterDisposition {
        match self {
            Self::EnvelopeIncomplete
            | Self::SchemaUnavailable
            | Self::AmbiguousEncoding
            | Self::AmountLossy
            | Self::ImplausibleTime
            | Self::ImplausibleHeight
            | Self::IdentityConflict
            | Self::CrashLoop => LetterDisposition::Quarantine,
            _ => LetterDisposition::Reject,
        }
    }
}

impl SkipReason {
    pub const ALL: [Self; 7] = [
        Self::Tombstone,
        Self::NullResult,
        Self::NodeError,
        Self::UnsupportedType,
        Self::ControlMessage,
        Self::MarketData,
        Self::Duplicate,
    ];

    /// Returns the name used on the wire and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tombstone => "tombstone",
            Self::NullResult => "null_result",
            Self::NodeError => "node_error",
            Self::UnsupportedType => "unsupported_type",
            Self::ControlMessage => "control_message",
            Self::MarketData => "market_data",
            Self::Duplicate => "duplicate",
        }
    }
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
