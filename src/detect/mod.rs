//! Opinions: deterministic rules and learning models, each family a table with one line a member.

pub mod bounds;
pub mod ensemble;
pub mod judged_samples;
pub mod models;
pub mod reputation;
pub mod rules;
pub mod rulings;
mod snapshot;
pub mod suggest;
pub mod surprise;

use crate::{
    feature::{Features, Parties},
    model::{Chain, DetectorKind, Event, Finding, LabelKind, Reference, Severity, Signal},
    state::State,
};
use rules::Registry;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use crate::ml::SURPRISE_MAX;
pub use rules::{BuiltinMeta, Evaluate, Rule, RuleMeta};
pub use rulings::Ruling;
pub use suggest::nearest;
pub use surprise::FINDING_SURPRISE_MIN;

/// Everything a detector may look at: the event, and the world as it was before it.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub chain: &'a Chain,
    pub event: &'a Event,
    /// Reorgs and conflicts that the event revealed.
    pub signals: &'a [Signal],
    pub state: &'a State,
    pub reference: &'a Reference,
    /// Who pays whom, where the event is a transaction or a payment in a token.
    pub parties: Parties<'a>,
    /// Present for transactions, and for payments in tokens that are known well enough.
    pub features: Option<&'a Features>,
}

impl Scene<'_> {
    /// Returns the USD value of an amount in whole native units, if the price table has a price.
    pub fn usd_of_native(&self, units: f64) -> Option<f64> {
        let price = self.reference.usd_price(&self.chain.native.symbol, self.event.time)?;
        Some(units * price)
    }
}

/// Data beside the stream that a rule cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A price of the native asset.
    NativePrice,
    /// At least one watched account.
    WatchList,
    /// At least one label of this kind.
    Labels(LabelKind),
    /// Logs or token transfers in the input.
    Logs,
    /// Receipt fields on transactions.
    Outcomes,
    /// A price of the native asset, or a threshold for it among the rule's parameters.
    Threshold,
    /// Levels for the chain or its namespace among the rule's parameters.
    Levels,
    /// A greatest value of dust that nodes of the chain relay at all.
    Dust,
    /// A dollar token: a listed one, or one that the price table puts near a dollar.
    DollarToken,
    /// Transactions that are numbered by their sender, or orders by its client.
    Nonces,
    /// Transactions that bid for gas.
    GasPrices,
    /// Addresses of hex digits.
    HexAddresses,
}

/// How surprising an event is to a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Opinion {
    /// −log10 of the p-value under the model's own null; 0 … [`SURPRISE_MAX`], finite.
    pub surprise: f64,
    /// The measured value, in the unit of the model's metadata.
    pub value: f64,
}

/// What a model says about itself.
#[derive(Debug)]
pub struct ModelMeta {
    pub id: &'static str,
    pub kind: DetectorKind,
    pub title: &'static str,
    pub description: &'static str,
    /// Unit of `Opinion::value`.
    pub unit: &'static str,
    pub references: &'static [&'static str],
}

/// A learning detector. Scoring never changes it; learning happens after scoring.
pub trait Model: Send {
    /// Returns what the model says about itself.
    fn meta(&self) -> &'static ModelMeta;

    /// Returns its opinion; `None` in warm-up and where it does not apply.
    fn score(&self, scene: &Scene<'_>) -> Option<Opinion>;

    /// Puts an opinion into a sentence with numbers, and names the least change that would have
    /// brought its surprise down to `bar`. Called only for events worth explaining.
    fn explain(&self, scene: &Scene<'_>, opinion: &Opinion, bar: f64) -> Finding;

    /// Returns the least change of a single feature (position and value) that would have brought
    /// the surprise down to `bar`; `None` where no single one would, or no feature is at issue.
    fn quieted_by(
        &self,
        _scene: &Scene<'_>,
        _opinion: &Opinion,
        _bar: f64,
    ) -> Option<(usize, f64)> {
        None
    }

    /// Learns the scene. `own` is what [`Model::score`] said of it, for what need not be worked out
    /// twice.
    fn learn(&mut self, scene: &Scene<'_>, own: Option<&Opinion>);

    /// Returns the share of the combined score that it claims beyond its weight, 0–1: what verdicts
    /// have earned it. The others share the rest.
    fn share(&self, _scene: &Scene<'_>) -> f64 {
        0.0
    }

    /// Learns that the score lane raised an alert on the scene. Called before `learn`.
    fn on_alert(&mut self, _scene: &Scene<'_>) {}

    /// Learns what an analyst concluded.
    fn judge(&mut self, _ruling: &Ruling) {}

    /// Asks for a background fit after this record, if one is due. `n_records` counts the records
    /// of the partition that said anything new, so that a replay asks at the same place, and so
    /// does a stream in which records come twice.
    fn request_fit(&mut self, _n_records: u64) -> Option<FitJob> {
        None
    }

    /// Takes over a finished fit.
    fn install(&mut self, _fitted: Fitted) {}

    /// Goes back to the fit before the present one, by order of an operator; returns whether there
    /// is one.
    fn roll_back(&mut self) -> bool {
        false
    }

    /// Returns the identity of what was fitted in the background, for provenance.
    fn fitted_id(&self) -> Option<u64> {
        None
    }

    /// Writes everything the model has learned.
    fn snapshot(&self) -> Vec<u8>;

    /// Copies everything the model has learned, to be written as [`Model::snapshot`] would, on
    /// another thread. What is large is copied or shared here and encoded there.
    fn freeze(&self) -> FrozenModel {
        let bytes = self.snapshot();
        Box::new(move || bytes.clone())
    }

    /// Restores what [`Model::snapshot`] wrote.
    ///
    /// # Errors
    /// When the bytes are not a snapshot of this model and version.
    fn restore(&mut self, bytes: &[u8]) -> Result<(), SnapshotError>;
}

/// Writes what a model had learned when it was frozen.
pub type FrozenModel = Box<dyn Fn() -> Vec<u8> + Send>;

/// Why a snapshot was refused.
#[derive(Debug, thiserror::Error)]
#[error("not a snapshot of {what}")]
pub struct SnapshotError {
    pub what: &'static str,
    #[source]
    pub source: postcard::Error,
}

/// A background fit, complete with its data and seed: running it is a pure function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitJob {
    /// Id of the model that asked.
    pub model: String,
    /// Counts the fits of that model from 1.
    pub id: u64,
    /// The record count before which the result takes over.
    pub takeover_at: u64,
    pub seed: u64,
    /// Row-major samples.
    ///
    /// # Shape
    /// `(data.len() / n_columns, n_columns)`
    pub data: Vec<f64>,
    pub n_columns: usize,
    /// The model's own settings for the fit, e.g. the number of cells.
    pub settings: Vec<u64>,
}

/// The result of a [`FitJob`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    pub model: String,
    pub id: u64,
    /// What the model needs to take over, in its own encoding.
    pub bytes: Vec<u8>,
}

/// Which rules and models run, and with what parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// By rule id; a rule that is not listed runs with its defaults.
    pub rules: BTreeMap<String, DetectorSettings>,
    /// By model id; likewise.
    pub models: BTreeMap<String, DetectorSettings>,
    /// Whether models must do without every feature that is computed from the value moved: what
    /// the others achieve alone is what evaluation has to know. Default false.
    #[serde(skip_serializing_if = "is_off")]
    pub is_value_blind: bool,
    /// Which rules there are. Default: those of the program.
    #[serde(skip)]
    pub registry: Registry,
}

/// Keeps a switch that is off out of what is hashed: configurations written before it exist.
fn is_off(switch: &bool) -> bool {
    !switch
}

/// The settings of one rule or model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorSettings {
    /// Whether it runs. Default true.
    pub enabled: bool,
    /// Overrides a rule's severity.
    pub severity: Option<Severity>,
    /// Overrides a model's weight in the combined score.
    #[schemars(range(min = 0.0, max = 100.0), extend("x-unit" = "weight"))]
    pub weight: Option<f64>,
    /// The member's own parameters, checked by its own type.
    pub params: serde_json::Map<String, serde_json::Value>,
}

impl Default for DetectorSettings {
    fn default() -> Self {
        Self { enabled: true, severity: None, weight: None, params: serde_json::Map::new() }
    }
}

/// Why parameters were refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    #[error("unknown {family} {id:?}{}", did_you_mean(.suggestion))]
    Unknown { family: &'static str, id: String, suggestion: Option<&'static str> },
    #[error("bad parameters of {id}")]
    Bad {
        id: &'static str,
        #[source]
        source: serde_json::Error,
    },
}

fn did_you_mean(suggestion: &Option<&'static str>) -> String {
    suggestion.map(|s| format!(" (did you mean {s:?}?)")).unwrap_or_default()
}
