//! What the file of a model defines, and how models are made from parameters.

use super::TABLE;
use crate::{
    detect::{
        FINDING_SURPRISE_MIN, FitJob, Fitted, Model, ModelMeta, Params, ParamsError, bounds,
        nearest,
    },
    feature::Schema,
};
use schemars::{JsonSchema, Schema as JsonShape, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// Everything a model's file defines: with it, the line in the table is one line.
pub trait ModelDefinition: Model + Sized + 'static {
    /// Its parameters: serde, `default`, `deny_unknown_fields`; `Default` holds the defaults.
    ///
    /// Its schema has the range and unit of each.
    type Params: Default + Serialize + DeserializeOwned + JsonSchema;

    const META: &'static ModelMeta;

    /// Runs its background fit, where it has one: pure, on any thread.
    const FIT: Option<fn(&FitJob) -> Fitted> = None;

    /// Makes the model from checked parameters, the chain's features and a seed.
    fn new(params: Self::Params, schema: &'static Schema, seed: u64) -> Self;

    /// Returns what is wrong between parameters each of which is right.
    ///
    /// # Errors
    /// A lower-case sentence that names the field.
    fn check(_params: &Self::Params) -> Result<(), String> {
        Ok(())
    }
}

/// Builds a model from its parameters (an empty map being the defaults), the chain's feature
/// schema and a seed.
pub type BuildModel =
    fn(&Map<String, Value>, &'static Schema, u64) -> Result<Box<dyn Model>, ParamsError>;

/// A line of the model table.
pub struct ModelEntry {
    pub meta: &'static ModelMeta,
    pub build: BuildModel,
    pub defaults: fn() -> Value,
    /// The JSON Schema of its parameters: what each is, its range and its unit.
    pub shape: fn(&mut SchemaGenerator) -> JsonShape,
    /// The default weight of its surprise in the combined score.
    pub weight: f64,
    /// The surprise from which on it counts in the combined score.
    pub counts_from: f64,
    /// Whether it claims a share of the score beyond its weight, once it has earned one.
    pub is_claimant: bool,
    /// Runs its background fit, where it has one: pure, on any thread.
    pub fit: Option<fn(&FitJob) -> Fitted>,
}

/// A model that runs, and how its surprise counts in the combined score.
pub struct EnabledModel {
    pub model: Box<dyn Model>,
    pub weight: f64,
    /// As [`ModelEntry::counts_from`].
    pub counts_from: f64,
}

/// Makes every enabled model, in the order of the table.
///
/// # Errors
/// All mistakes at once: ids that are not in the table, parameters that a model refuses (also
/// those of disabled models).
pub fn build(
    params: &Params,
    schema: &'static Schema,
    seed: u64,
) -> Result<Vec<EnabledModel>, Vec<ParamsError>> {
    let ids = || TABLE.iter().map(|e| e.meta.id);
    let mut mistakes: Vec<ParamsError> = params
        .models
        .keys()
        .filter(|id| !ids().any(|known| known == id.as_str()))
        .map(|id| ParamsError::Unknown {
            family: "model",
            id: id.clone(),
            suggestion: nearest(id, ids()),
        })
        .collect();
    let mut models = Vec::new();
    let nothing = Map::new();
    for entry in TABLE {
        let member = params.models.get(entry.meta.id);
        match (entry.build)(member.map_or(&nothing, |m| &m.params), schema, seed) {
            Ok(model) if member.is_none_or(|m| m.enabled) => {
                let weight = member.and_then(|m| m.weight).unwrap_or(entry.weight);
                models.push(EnabledModel { model, weight, counts_from: entry.counts_from });
            }
            Ok(_) => {}
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(models) } else { Err(mistakes) }
}

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

/// Makes the table line of a model that ranks: all of its surprise counts.
pub(super) const fn entry<M: ModelDefinition>(weight: f64) -> ModelEntry {
    ModelEntry {
        meta: M::META,
        build: build_one::<M>,
        defaults: defaults_of::<M>,
        shape: <M::Params as JsonSchema>::json_schema,
        weight,
        counts_from: 0.0,
        is_claimant: false,
        fit: M::FIT,
    }
}

/// Makes the table line of a model that has no weight and claims the share that it has earned.
pub(super) const fn claimant<M: ModelDefinition>() -> ModelEntry {
    ModelEntry { is_claimant: true, ..entry::<M>(0.0) }
}

/// Makes the table line of a model that guards: it counts where it would be a finding on its own.
pub(super) const fn guard<M: ModelDefinition>(weight: f64) -> ModelEntry {
    ModelEntry { counts_from: FINDING_SURPRISE_MIN, ..entry::<M>(weight) }
}

fn build_one<M: ModelDefinition>(
    params: &Map<String, Value>,
    schema: &'static Schema,
    seed: u64,
) -> Result<Box<dyn Model>, ParamsError> {
    let refuse = |source| ParamsError::Bad { id: M::META.id, source };
    let params: M::Params = bounds::read(params).map_err(refuse)?;
    M::check(&params).map_err(|text| refuse(serde::de::Error::custom(text)))?;
    Ok(Box::new(M::new(params, schema, seed)))
}

fn defaults_of<M: ModelDefinition>() -> Value {
    // A Params type that JSON cannot hold would be a bug; the conformance suite asserts an object.
    serde_json::to_value(M::Params::default()).unwrap_or_default()
}
