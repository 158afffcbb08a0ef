//! Bytes to events: the format table, per-topic settings and the verdict on every part of a record.

pub mod account;
mod check;
pub mod envelope;
mod evm;
mod formats;
pub mod inspect;
mod json;
mod node;
mod reason;
mod record;
mod utxo;
mod value;

use crate::model::{Chain, Event};
pub use check::{Checks, Policy, Refuted};
pub use envelope::{Envelope, Wrapping};
pub use evm::recipe::is_known as is_recipe_known;
pub use formats::Format;
pub use formats::mapped::Mapping;
pub use json::field::DETAIL_BYTES_MAX;
pub use reason::{LetterDisposition, Reason, Refusal, SkipReason};
pub use record::decode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{ops::Range, sync::Arc};
pub use value::calendar::day;

/// How one topic is read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    pub format: Format,
    pub chain: Chain,
    /// Whether a JSON array is read as a batch of parts.
    pub is_batch_allowed: bool,
    pub limits: Limits,
    /// For the format `mapped`: what its records are.
    pub mapping: Option<Arc<Mapping>>,
    /// What records are wrapped in.
    #[serde(default, skip_serializing_if = "Envelope::is_none")]
    pub envelope: Envelope,
}

impl Settings {
    /// Returns the settings of a format with all defaults: batches are allowed, nothing is mapped
    /// and nothing is wrapped.
    ///
    /// ```
    /// use txwarden::{decode::{Format, Settings}, model::Chain};
    ///
    /// let chain = Chain::parse("eip155:1")?;
    /// let settings =
    ///     Settings { is_batch_allowed: false, ..Settings::new(Format::EthereumEtl, chain) };
    /// assert!(settings.mapping.is_none());
    /// # Ok::<(), txwarden::model::ChainError>(())
    /// ```
    pub fn new(format: Format, chain: Chain) -> Self {
        Self {
            format,
            chain,
            is_batch_allowed: true,
            limits: Limits::default(),
            mapping: None,
            envelope: Envelope::default(),
        }
    }
}

/// Bounds on hostile input, checked before anything is parsed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Of the value, and of what its envelopes hold, in bytes.
    #[schemars(range(min = 1, max = 1_073_741_824), extend("x-unit" = "bytes"))]
    pub value_bytes_max: usize,
    /// Bytes that one compressed byte may unpack to; real records reach 31.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-unit" = "bytes a byte"))]
    pub ratio_max: usize,
    /// Of the record's key, in bytes.
    #[schemars(range(min = 0, max = 1_073_741_824), extend("x-unit" = "bytes"))]
    pub key_bytes_max: usize,
    /// Headers of one record.
    #[schemars(range(min = 0, max = 100_000), extend("x-unit" = "headers"))]
    pub headers_max: usize,
    /// Of all header names and values together.
    #[schemars(range(min = 0, max = 1_073_741_824), extend("x-unit" = "bytes"))]
    pub header_bytes_max: usize,
    /// Nesting of a document, never more than 128.
    #[schemars(range(min = 1, max = 128), extend("x-unit" = "levels"))]
    pub depth_max: usize,
    /// Items of one array.
    #[schemars(range(min = 1, max = 100_000_000), extend("x-unit" = "items"))]
    pub items_max: usize,
    /// Keys of one object.
    #[schemars(range(min = 1, max = 100_000_000), extend("x-unit" = "keys"))]
    pub keys_max: usize,
    /// Digits of one number: 2^256 has 78.
    #[schemars(range(min = 1, max = 10_000), extend("x-unit" = "digits"))]
    pub digits_max: usize,
    /// How far event time may be ahead of the record's Kafka time, in milliseconds.
    #[schemars(range(min = 0, max = 315_360_000_000_i64), extend("x-unit" = "ms"))]
    pub future_ms_max: i64,
    /// The same for block times, in milliseconds: Bitcoin's rule allows a block two hours.
    #[schemars(range(min = 0, max = 315_360_000_000_i64), extend("x-unit" = "ms"))]
    pub future_block_ms_max: i64,
    /// Signatures checked in one record: at 100 µs each, they and not its bytes are what it costs.
    #[schemars(range(min = 0, max = 100_000_000), extend("x-unit" = "signatures"))]
    pub signatures_max: usize,
    /// What becomes of records whose hash or sender is not what their bytes say.
    pub checks: Checks,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            value_bytes_max: 16 << 20,
            ratio_max: 200,
            key_bytes_max: 4 << 10,
            headers_max: 64,
            header_bytes_max: 16 << 10,
            depth_max: 32,
            items_max: 100_000,
            keys_max: 4_096,
            digits_max: 78,
            future_ms_max: 10 * 60 * 1_000,
            future_block_ms_max: 130 * 60 * 1_000,
            // Blocks of the busiest chains have some thousand transactions.
            signatures_max: 10_000,
            checks: Checks::default(),
        }
    }
}

/// The parts of one record and what became of each; reused from record to record.
#[derive(Debug, Default)]
pub struct Batch {
    pub events: Vec<Event>,
    pub parts: Vec<Part>,
    /// The node that the record says it comes from, where that matters: something is pending.
    pub node: Option<Box<str>>,
    /// Scratch of the scanner.
    keys: Vec<json::SeenKey>,
    /// What the scanner expects, from the records before.
    guides: json::guide::Guides,
}

/// One part of a record: the record itself, or one element of a batch array. What is refused inside
/// of one, without the rest of it, is a further part with the same index.
#[derive(Debug)]
pub struct Part {
    pub index: u32,
    pub verdict: Result<Range<usize>, Refusal>,
}
