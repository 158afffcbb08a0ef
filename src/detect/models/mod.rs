//! The model table: one file and one line a learning detector.

use super::{FitJob, Fitted, Model, ModelMeta, ParamsError};
use serde_json::{Map, Value};

/// A line of the model table.
pub struct Entry {
    pub meta: &'static ModelMeta,
    /// Builds the model from its parameters (an empty map being the defaults), the chain's
    /// feature schema and a seed.
    pub build: fn(
        &Map<String, Value>,
        &'static crate::feature::Schema,
        u64,
    ) -> Result<Box<dyn Model>, ParamsError>,
    pub defaults: fn() -> Value,
    /// The default weight of its surprise in the combined score.
    pub weight: f64,
    /// Runs its background fit, where it has one: pure, on any thread.
    pub fit: Option<fn(&FitJob) -> Fitted>,
}

/// Every model, by id.
pub const TABLE: &[Entry] = &[];
