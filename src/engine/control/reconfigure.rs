//! Another setup for an engine with a history: what it knows stays, as far as it still applies.

use crate::{
    detect::{self, models},
    engine::{Engine, EngineError, Setup, detectors::Detectors},
    feature,
    triage::Identity,
};
use serde_json::{Map, Value};

impl Engine {
    /// Returns whether the engine can go on with a setup.
    ///
    /// # Errors
    /// When it is another chain's, or parameters of its detectors are wrong.
    pub fn check_setup(&self, setup: &Setup) -> Result<(), EngineError> {
        self.detectors_for(setup).map(drop)
    }

    /// Goes on with another setup from the next record on.
    ///
    /// - Account state and the sequence of alerts are kept. Bounds of `state` keep their old
    ///   values, and account keys the old seed: tables are sized when a history begins.
    ///   [`Engine::unapplied`] lists what therefore has to wait for a new history.
    /// - A model whose seed and parameters are unchanged keeps what it has learned and its pending
    ///   fit; any other starts anew, and fits that nobody waits for are dropped.
    /// - Triage keeps open alerts, cool-downs, verdicts and budget, and its calibration when
    ///   neither models nor weights changed.
    ///
    /// It depends on the engine and the setup alone, so every replay takes the same turn.
    ///
    /// # Errors
    /// As [`Engine::check_setup`]; the engine is then unchanged.
    pub fn reconfigure(&mut self, mut setup: Setup) -> Result<(), EngineError> {
        let fresh = self.detectors_for(&setup)?;
        let (old, new) = (&self.setup.params, &setup.params);
        let is_same_score = fresh.weights() == self.detectors.weights();
        let is_kept =
            |id: &str| old.seed == new.seed && is_same_model(&old.detect, &new.detect, id);
        let known = std::mem::replace(&mut self.detectors, fresh);
        let n_kept = self.detectors.adopt(known, is_kept);
        self.fits.retain(|id| is_kept(id) && self.detectors.models.iter().any(|m| m.id() == id));
        let is_same_score = is_same_score && n_kept == self.detectors.models.len();
        let family = setup.chain.family;
        let identity = self.detectors.identity(&setup);
        self.triage.reconfigure(setup.params.triage.clone(), identity, family, is_same_score);
        self.state.set_learns_unincluded(setup.params.state.learns_unincluded);
        // How to report is the caller's affair and no part of an answer.
        setup.is_reporting_findings = self.setup.is_reporting_findings;
        setup.is_reporting_scores = self.setup.is_reporting_scores;
        self.setup = setup;
        Ok(())
    }

    /// Returns the short hash of the configuration, as in alerts.
    pub fn config_hash(&self) -> &str {
        &self.setup.config_hash
    }

    /// Lists the settings of the present setup that wait for a new history: the tables of account
    /// state keep the size they were made with.
    pub fn unapplied(&self) -> Vec<&'static str> {
        self.state.unapplied(&self.setup.params.state)
    }

    fn detectors_for(&self, setup: &Setup) -> Result<Detectors, EngineError> {
        if setup.chain != self.setup.chain {
            return Err(EngineError::OtherSetup { what: "chain" });
        }
        let schema = feature::schema(setup.chain.family);
        Detectors::build(&setup.params.detect, schema, setup.params.seed)
            .map_err(EngineError::Params)
    }
}

impl Detectors {
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
