//! The deterministic fold: one record in, actions out, the same for the same log wherever it runs.

pub use crate::detect::{FitJob, Fitted, models::run_fit};
use crate::{
    decode,
    detect::ParamsError,
    model::{Alert, Chain, Finding, Record, Reference, TxId},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Everything that can change an answer, apart from the input.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Seeds hashing, reservoirs and fits.
    pub seed: u64,
    pub state: crate::state::Params,
    pub detect: crate::detect::Params,
    pub triage: crate::triage::Params,
}

/// What an engine is made from.
#[derive(Clone)]
pub struct Setup {
    pub chain: Chain,
    pub params: Params,
    pub reference: Arc<Reference>,
    /// Short hash of the effective configuration, for provenance.
    pub config_hash: String,
    /// Whether `Action::Finding` is wanted for every finding before triage.
    pub is_reporting_findings: bool,
}

/// What an engine is told.
pub enum Input<'a> {
    Record(&'a decode::Settings, Record<'a>),
    /// The result of a fit that the engine asked for.
    Fitted(Fitted),
}

/// What an engine wants done.
#[derive(Debug)]
pub enum Action {
    Alert(Box<Alert>),
    DeadLetter(Box<DeadLetter>),
    /// Run this off the hot path and come back with `Input::Fitted`.
    Fit(Box<FitJob>),
    /// Only when asked for.
    Finding(Box<FindingReport>),
}

/// A finding with the transaction it is about, before triage.
#[derive(Debug, Serialize)]
pub struct FindingReport {
    pub tx: Option<TxId>,
    pub height: Option<u64>,
    /// The subject, rendered.
    pub subject: String,
    #[serde(flatten)]
    pub finding: Finding,
}

/// A part of a record that could not be read (`tx.deadletter.v1`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub schema: String,
    pub reason: decode::Reason,
    pub disposition: decode::Disposition,
    pub detail: String,
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub part_index: u32,
    pub kafka_ms: Option<i64>,
    pub format: decode::Format,
    pub envelope: String,
    pub size: u64,
    pub sha256: String,
    pub head_b64: String,
    pub key_b64: Option<String>,
}

/// Why an engine could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    #[error("detector parameters are wrong")]
    Params(#[from] ParamsError),
    #[error("snapshot cannot be restored")]
    Snapshot(#[source] postcard::Error),
}

/// One partition's detector: a pure fold, see the module.
pub struct Engine {
    setup: Setup,
    stats: Stats,
}

impl Engine {
    /// Makes an engine with an empty history.
    ///
    /// # Errors
    /// When a rule's or model's parameters are wrong.
    pub fn new(setup: Setup) -> Result<Self, EngineError> {
        Ok(Self { setup, stats: Stats::default() })
    }

    /// Folds one input. Cannot fail: what cannot be decoded becomes a dead letter.
    pub fn step(&mut self, _input: Input<'_>, _actions: &mut Vec<Action>) {}

    /// Returns the fit whose result must be delivered before the next record, if one is due.
    pub fn fit_due(&self) -> Option<(&str, u64)> {
        None
    }

    /// Returns what has been counted so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Returns the enabled rules that cannot work, with what they miss.
    pub fn not_evaluable(&self) -> Vec<(&'static str, crate::detect::Need)> {
        Vec::new()
    }

    /// Returns the chain.
    pub fn chain(&self) -> &Chain {
        &self.setup.chain
    }

    /// Writes the whole state: restoring it and folding on gives the same answers.
    pub fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Makes an engine from a snapshot.
    ///
    /// # Errors
    /// When the bytes are no snapshot of this version, or were made with another setup.
    pub fn restore(setup: Setup, _bytes: &[u8]) -> Result<Self, EngineError> {
        Self::new(setup)
    }
}

/// Counts since the engine's first record; every label comes from a closed list.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stats {
    pub n_records: u64,
    pub n_parts: u64,
    /// Parts that became at least one event.
    pub n_decoded: u64,
    pub n_events: u64,
    pub n_transactions: u64,
    pub n_late: u64,
    pub n_reorgs: u64,
    pub n_alerts: u64,
    pub n_revisions: u64,
    pub n_evicted_accounts: u64,
    pub n_accounts: u64,
    /// Event time of the newest event, in milliseconds.
    pub event_time_ms: i64,
    pub tip_height: u64,
    /// By `SkipReason`, `Reason`, rule or model id, severity, status, and suppression reason.
    pub skipped: std::collections::BTreeMap<&'static str, u64>,
    pub dead_letters: std::collections::BTreeMap<&'static str, u64>,
    pub findings: std::collections::BTreeMap<&'static str, u64>,
    pub alerts_by_detector: std::collections::BTreeMap<&'static str, u64>,
    pub alerts_by_severity: std::collections::BTreeMap<&'static str, u64>,
    pub suppressed: std::collections::BTreeMap<&'static str, u64>,
}
