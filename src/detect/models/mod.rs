//! The model table: one file and one line a learning detector.

use super::{FitJob, Fitted, Model, ModelMeta, ParamsError};
use crate::feature::Schema;
use serde_json::{Map, Value};

/// Builds a model from its parameters (an empty map being the defaults), the chain's feature
/// schema and a seed.
pub type Build =
    fn(&Map<String, Value>, &'static Schema, u64) -> Result<Box<dyn Model>, ParamsError>;

/// A line of the model table.
pub struct Entry {
    pub meta: &'static ModelMeta,
    pub build: Build,
    pub defaults: fn() -> Value,
    /// The default weight of its surprise in the combined score.
    pub weight: f64,
    /// Runs its background fit, where it has one: pure, on any thread.
    pub fit: Option<fn(&FitJob) -> Fitted>,
}

/// Every model, by id.
pub const TABLE: &[Entry] = &[];

/// Runs a background fit: a pure function of the job.
///
/// # Panics
/// When the job's model has no fit: only models of the table ask for one.
pub fn run_fit(job: &FitJob) -> Fitted {
    let entry = TABLE.iter().find(|entry| entry.meta.id == job.model);
    let fit = entry.and_then(|entry| entry.fit);
    assert!(fit.is_some(), "model {} has no fit", job.model);
    match fit {
        Some(fit) => fit(job),
        None => Fitted { model: job.model.clone(), id: job.id, bytes: Vec::new() },
    }
}
