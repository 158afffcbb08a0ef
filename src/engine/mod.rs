//! The deterministic fold: one record in, actions out, the same for the same log wherever it runs.

mod checks;
mod control;
mod counterfactual;
mod detectors;
mod fits;
mod fold;
mod judge;
mod ledger;
mod mempool;
mod raise;
mod report;
mod seen;
mod snapshot;

use crate::{
    decode,
    detect::ParamsError,
    model::{Alert, Chain, Record, Reference},
};
pub use crate::{
    detect::{FitJob, Fitted, models::run_fit},
    feature::Features,
};
pub use control::Control;
pub use counterfactual::{Assessment, Examination, WhatIf};
pub use fold::Engine;
pub use ledger::{Fates, HeightRange, Ledger, PlaceRow};
pub use report::score_report::{ScoreOutcome, ScoreReport};
pub use report::stats::Stats;
pub use report::{DeadLetter, FindingReport};
use serde::{Deserialize, Serialize};
pub use snapshot::Frozen;
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

impl Params {
    /// Returns the text that a configuration's hash is made of: JSON whose keys are sorted, so that
    /// it does not depend on the order in which anything is declared.
    pub fn canonical(&self) -> String {
        serde_json::to_value(self).unwrap_or_default().to_string()
    }
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
    /// Whether `Action::Scored` is wanted for every transaction that has a focus.
    pub is_reporting_scores: bool,
}

impl Setup {
    /// Returns the setup of a chain with all defaults: no reference data, no hash of a
    /// configuration, and no reports beside alerts and dead letters.
    ///
    /// ```
    /// use txwarden::{engine::{Engine, Params, Setup}, model::Chain};
    ///
    /// let params = Params { seed: 7, ..Params::default() };
    /// let setup = Setup { params, ..Setup::new(Chain::parse("eip155:1")?) };
    /// let engine = Engine::new(setup)?;
    /// assert_eq!(engine.stats().n_records, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(chain: Chain) -> Self {
        Self {
            chain,
            params: Params::default(),
            reference: Arc::default(),
            config_hash: String::new(),
            is_reporting_findings: false,
            is_reporting_scores: false,
        }
    }
}

/// What an engine is told.
pub enum Input<'a> {
    Record(&'a decode::Settings, Record<'a>),
    /// A record that must not be read: doing so brought the process down.
    Poison(&'a decode::Settings, Record<'a>),
    /// The result of a fit that the engine asked for.
    Fitted(Fitted),
    /// A turn taken between two records.
    Control(Control),
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
    /// Only when asked for; before the alert that follows from it.
    Scored(Box<ScoreReport>),
}

/// Why an engine could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    #[error("detector parameters are wrong: {}", list(.0))]
    Params(Vec<ParamsError>),
    #[error("snapshot is damaged")]
    Snapshot(#[from] postcard::Error),
    #[error("snapshot of {what} cannot be restored")]
    Model {
        what: &'static str,
        #[source]
        source: crate::detect::SnapshotError,
    },
    #[error("snapshot was made with another {what}")]
    OtherSetup { what: &'static str },
    #[error(
        "snapshot has layout {found}, written by a newer program; this one reads layouts up to \
         {known}: start the newer program, or remove this snapshot to go back to an older one"
    )]
    Newer { found: u16, known: u16 },
}

fn list(errors: &[ParamsError]) -> String {
    let texts: Vec<String> = errors
        .iter()
        .map(|e| match std::error::Error::source(e) {
            Some(source) => format!("{e}: {source}"),
            None => e.to_string(),
        })
        .collect();
    texts.join("; ")
}
