//! Other parameters for detectors with a history: what they know stays, as far as it applies.

use crate::{
    detect::{self, models},
    engine::{EngineError, Params, Setup, detectors::Detectors, fits::FitsUnderWay},
    feature,
    triage::Identity,
};
use serde_json::{Map, Value};

impl Detectors {
    /// Makes the detectors of a setup.
    pub(in crate::engine) fn of(setup: &Setup) -> Result<Self, EngineError> {
        let schema = feature::schema(setup.chain.family);
        Self::build(&setup.params.detect, schema, setup.params.seed).map_err(EngineError::Params)
    }

    /// Goes on with the detectors of another setup; a model whose seed and parameters are unchanged
    /// keeps what it has learned, and its pending fits. Returns whether the score still means the
    /// same.
    pub(in crate::engine) fn replace(
        &mut self,
        fresh: Self,
        (old, new): (&Params, &Params),
        fits: &mut FitsUnderWay,
    ) -> bool {
        let is_same_score = fresh.weights() == self.weights();
        let is_kept =
            |id: &str| old.seed == new.seed && is_same_model(&old.detect, &new.detect, id);
        let known = std::mem::replace(self, fresh);
        let n_kept = self.adopt(known, is_kept);
        fits.retain(|id| is_kept(id) && self.models.iter().any(|m| m.id() == id));
        is_same_score && n_kept == self.models.len()
    }

    /// Returns what alerts say about who decided.
    pub(in crate::engine) fn identity(&self, setup: &Setup) -> Identity {
        Identity {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_hash: setup.config_hash.clone(),
            rules_hash: self.rules_hash(setup.chain.family),
            model_id: self.model_id(),
            features_hash: feature::schema(setup.chain.family).hash(),
        }
    }

    /// Takes over the models of `old` that are wanted here and kept; returns how many.
    fn adopt(&mut self, old: Detectors, is_kept: impl Fn(&str) -> bool) -> usize {
        let mut n_kept = 0;
        for known in old.models.into_iter().filter(|known| is_kept(known.id())) {
            if let Some(place) = self.models.iter_mut().find(|m| m.id() == known.id()) {
                place.model = known.model;
                n_kept += 1;
            }
        }
        n_kept
    }

    /// Returns the models with their weights.
    fn weights(&self) -> Vec<(&'static str, f64)> {
        self.models.iter().map(|m| (m.id(), m.weight)).collect()
    }
}

/// Returns whether a model's own parameters are the same, defaults written out.
fn is_same_model(old: &detect::Params, new: &detect::Params, id: &str) -> bool {
    if old.is_value_blind != new.is_value_blind {
        return false;
    }
    let Some(entry) = models::TABLE.iter().find(|entry| entry.meta.id == id) else { return false };
    let full = |params: &detect::Params| -> Map<String, Value> {
        let mut all = match (entry.defaults)() {
            Value::Object(defaults) => defaults,
            _ => Map::new(),
        };
        let own = params.models.get(id).map(|member| member.params.clone());
        all.extend(own.unwrap_or_default());
        all
    };
    full(old) == full(new)
}
