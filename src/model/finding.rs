//! Findings: one detector's opinion on one event, with the evidence for it.

use super::{
    account::Address,
    chain::Chain,
    event::OutPoint,
    id::{BlockHash, TxId},
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// How bad it is if it is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Returns the name used on the wire and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The family of detector that holds an opinion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DetectorKind {
    Rule,
    Statistical,
    Cluster,
}

/// Which way a finding becomes an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// Deterministic; each rule is a lane of its own and outside the statistical budget.
    Rule,
    /// Statistical and clustering opinions, combined, calibrated and budgeted.
    Score,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    Account(Address),
    Tx(TxId),
    OutPoint(OutPoint),
    Block(u64, BlockHash),
    Chain,
}

impl Subject {
    /// Writes the subject as text: CAIP-10 for accounts, prefixed ids for the rest.
    pub fn render(&self, chain: &Chain) -> String {
        match self {
            Self::Account(address) => format!("{chain}:{address}"),
            Self::Tx(id) => format!("{chain}/tx/{}", chain.hash_text(id)),
            Self::OutPoint(o) => format!("{chain}/outpoint/{}:{}", o.tx, o.index),
            Self::Block(height, hash) => {
                format!("{chain}/block/{height}:{}", chain.hash_text(hash))
            }
            Self::Chain => format!("{chain}/chain"),
        }
    }
}

/// The range in which a value would have been unremarkable; an absent end is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Band {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

impl Band {
    /// Returns the band of everything below `high`.
    pub fn below(high: f64) -> Self {
        Self { low: None, high: Some(high) }
    }

    /// Returns the band of everything above `low`.
    pub fn above(low: f64) -> Self {
        Self { low: Some(low), high: None }
    }

    /// Returns the band from `low` to `high`.
    pub fn between(low: f64, high: f64) -> Self {
        Self { low: Some(low), high: Some(high) }
    }
}

/// One detector's opinion that an event is remarkable.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Finding {
    /// The rule's or model's id, e.g. `fan_out`.
    pub detector: &'static str,
    pub kind: DetectorKind,
    pub severity: Severity,
    /// Written in rendered form by whoever knows the chain.
    #[serde(skip_serializing)]
    #[cfg_attr(feature = "cli", schemars(skip))]
    pub subject: Subject,
    /// The measured value.
    pub value: f64,
    /// What would have been unremarkable.
    pub expected: Band,
    /// The unit of `value` and `expected`, e.g. `ETH`, `sigma`, `receivers`.
    pub unit: Cow<'static, str>,
    /// One plain sentence with the numbers.
    pub explanation: String,
    /// The smallest single change that would have kept the detector quiet, or the score that it is
    /// part of.
    pub quiet_if: String,
    /// What else is part of the evidence, bounded: each begins with `tx:`, `account:`, `outpoint:`,
    /// `block:` or `variant:`, and the prefix of an id ends with `…`.
    pub refs: Vec<String>,
    /// How surprising the event is to this detector: −log10 of its p-value; 0 for rules.
    pub surprise: f64,
}
