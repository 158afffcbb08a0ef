//! The enabled rules and models of one chain, built from the two tables and the parameters.

use crate::{
    detect::{
        self, FINDING_SURPRISE_MIN, FitJob, Fitted, Model, Need, Opinion, ParamsError, Ruling,
        Scene, models, rules,
    },
    feature::Schema,
    model::{Chain, Family, Finding, Reference},
    triage::Vote,
};

/// What would have kept a score quiet that is loud without the model in question.
const ENOUGH_WITHOUT: &str = "no change of what it looks at: the other models are enough";

/// A model with how it counts in the combined score.
pub(super) struct ActiveModel {
    pub(super) model: Box<dyn Model>,
    pub(super) weight: f64,
    counts_from: f64,
}

impl ActiveModel {
    /// Returns the model's id.
    pub(super) fn id(&self) -> &'static str {
        self.model.meta().id
    }
}

/// Everything that holds opinions.
pub(super) struct Detectors {
    pub(super) rules: Vec<rules::Enabled>,
    pub(super) models: Vec<ActiveModel>,
    /// Sum of all models' weights, silent ones included.
    pub(super) weight_total: f64,
}

impl Detectors {
    /// Builds what the parameters enable, collecting every mistake.
    pub(super) fn build(
        params: &detect::Params,
        schema: &'static Schema,
        seed: u64,
    ) -> Result<Self, Vec<ParamsError>> {
        let mut errors = Vec::new();
        let rules = rules::build(params, schema.family).unwrap_or_else(|mut mistakes| {
            errors.append(&mut mistakes);
            Vec::new()
        });
        let models = models::build(params, schema, seed).unwrap_or_else(|mut mistakes| {
            errors.append(&mut mistakes);
            Vec::new()
        });
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            rules,
            weight_total: models.iter().map(|m| m.weight).sum(),
            models: models
                .into_iter()
                .map(|models::EnabledModel { model, weight, counts_from }| ActiveModel {
                    model,
                    weight,
                    counts_from,
                })
                .collect(),
        })
    }

    /// Evaluates every rule that applies to the family.
    pub(super) fn findings(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        for active in &self.rules {
            let before = out.len();
            active.rule.evaluate(scene, out);
            if let Some(severity) = active.severity {
                for finding in &mut out[before..] {
                    finding.severity = severity;
                }
            }
        }
    }

    /// Asks every model.
    pub(super) fn votes(
        &self,
        scene: &Scene<'_>,
        votes: &mut Vec<Vote>,
        opinions: &mut Vec<Opinion>,
    ) {
        votes.clear();
        opinions.clear();
        for (model_idx, active) in self.models.iter().enumerate() {
            let Some(opinion) = active.model.score(scene) else { continue };
            // INVARIANT: the conformance suite holds every model to it; a NaN would poison the sum.
            assert!(opinion.surprise.is_finite() && opinion.surprise >= 0.0);
            let surprise = (opinion.surprise - active.counts_from).max(0.0);
            votes.push(Vote { model_idx, weight: active.weight, surprise });
            opinions.push(opinion);
        }
        self.grant_shares(scene, votes);
    }

    /// Gives models the share that they claim, the others keeping the rest in proportion: the total
    /// weight stays what it is.
    fn grant_shares(&self, scene: &Scene<'_>, votes: &mut [Vote]) {
        for claimant in 0..votes.len() {
            let share = self.models[votes[claimant].model_idx].model.share(scene);
            if share <= 0.0 {
                continue;
            }
            for (at, vote) in votes.iter_mut().enumerate() {
                vote.weight *= 1.0 - share;
                if at == claimant {
                    vote.weight += share * self.weight_total;
                }
            }
        }
    }

    /// Puts the opinions that are findings on their own into words.
    pub(super) fn explain_remarkable(
        &self,
        scene: &Scene<'_>,
        votes: &[Vote],
        opinions: &[Opinion],
        out: &mut Vec<Finding>,
    ) {
        for (vote, opinion) in votes.iter().zip(opinions) {
            if opinion.surprise >= FINDING_SURPRISE_MIN {
                out.push(self.models[vote.model_idx].model.explain(
                    scene,
                    opinion,
                    FINDING_SURPRISE_MIN,
                ));
            }
        }
    }

    /// Explains the votes behind a score, in the order of their shares. `bars` are the surprises to
    /// which each vote has to fall for the score to be quiet.
    pub(super) fn explain_shares(
        &self,
        scene: &Scene<'_>,
        shares: &[(usize, f64)],
        votes: &[Vote],
        opinions: &[Opinion],
        bars: &[Option<f64>],
    ) -> Vec<(Finding, f64)> {
        let explain = |(model_idx, share): &(usize, f64)| {
            let at = votes.iter().position(|v| v.model_idx == *model_idx)?;
            let active = &self.models[*model_idx];
            let bar = bars[at].map_or(FINDING_SURPRISE_MIN, |bar| active.counts_from + bar);
            let mut finding = active.model.explain(scene, &opinions[at], bar);
            if bars[at].is_none() {
                finding.quiet_if = ENOUGH_WITHOUT.to_owned();
            }
            Some((finding, *share))
        };
        shares.iter().filter_map(explain).collect()
    }

    /// Returns, for each vote that can keep a score quiet by itself, the model and the change of
    /// one feature (position and value) that it names.
    pub(super) fn named_changes(
        &self,
        scene: &Scene<'_>,
        votes: &[Vote],
        opinions: &[Opinion],
        bars: &[Option<f64>],
    ) -> Vec<(&'static str, usize, f64)> {
        let voices = votes.iter().zip(opinions).zip(bars);
        let named = |((vote, opinion), bar): ((&Vote, &Opinion), &Option<f64>)| {
            let active = &self.models[vote.model_idx];
            let bar = active.counts_from + (*bar)?;
            let (position, value) = active.model.quieted_by(scene, opinion, bar)?;
            Some((active.id(), position, value))
        };
        voices.filter_map(named).collect()
    }

    /// Lets every model learn the scene that it gave its opinion on.
    pub(super) fn learn(&mut self, scene: &Scene<'_>, votes: &[Vote], opinions: &[Opinion]) {
        let mut own = votes.iter().zip(opinions).peekable();
        for (model_idx, active) in self.models.iter_mut().enumerate() {
            let opinion = own.next_if(|(vote, _)| vote.model_idx == model_idx);
            active.model.learn(scene, opinion.map(|(_, opinion)| opinion));
        }
    }

    /// Tells every model of an alert of the score lane.
    pub(super) fn on_alert(&mut self, scene: &Scene<'_>) {
        for active in &mut self.models {
            active.model.on_alert(scene);
        }
    }

    /// Tells every model what an analyst concluded.
    pub(super) fn judge(&mut self, ruling: &Ruling) {
        for active in &mut self.models {
            active.model.judge(ruling);
        }
    }

    /// Restores the previous fit of a model; returns whether there was one.
    pub(super) fn roll_back(&mut self, id: &str) -> bool {
        let owner = self.models.iter_mut().find(|m| m.id() == id);
        owner.is_some_and(|owner| owner.model.roll_back())
    }

    /// Returns which fits are in force, as one number that changes with any of them.
    pub(super) fn in_force(&self) -> u64 {
        let ids = self.models.iter().map(|m| m.model.fitted_id().map_or(0, |id| id + 1));
        ids.fold(0, |sum: u64, id| sum.wrapping_mul(1_000_003).wrapping_add(id))
    }

    /// Collects the fits that are due after a record.
    pub(super) fn request_fits(&mut self, n_records: u64) -> Vec<FitJob> {
        self.models.iter_mut().filter_map(|m| m.model.request_fit(n_records)).collect()
    }

    /// Hands a finished fit to its model.
    pub(super) fn install(&mut self, fitted: Fitted) {
        let owner = self.models.iter_mut().find(|m| m.model.meta().id == fitted.model);
        if let Some(owner) = owner {
            owner.model.install(fitted);
        }
    }

    /// Names the fits in force, e.g. `dbscan@2+kmeans@3`.
    pub(super) fn model_id(&self) -> String {
        let ids: Vec<String> = self
            .models
            .iter()
            .filter_map(|m| Some(format!("{}@{}", m.model.meta().id, m.model.fitted_id()?)))
            .collect();
        if ids.is_empty() { "unfitted".to_owned() } else { ids.join("+") }
    }

    /// Lists the enabled rules that cannot work, with what they miss.
    pub(super) fn not_evaluable(
        &self,
        chain: &Chain,
        reference: &Reference,
        has_seen: impl Fn(Need) -> bool,
    ) -> Vec<(&'static str, Need)> {
        let missing = |active: &rules::Enabled| {
            let meta = &active.meta;
            let of_input = |n: &&Need| matches!(n, Need::Logs | Need::Outcomes);
            let unseen = || meta.needs.iter().find(|n| of_input(n) && !has_seen(**n)).copied();
            let need = rules::missing(&meta.needs, chain, reference)
                .or_else(|| active.rule.misses(chain, reference))
                .or_else(unseen)?;
            Some((meta.id.as_str(), need))
        };
        self.rules.iter().filter_map(missing).collect()
    }

    /// Hashes the ids of what runs; the parameters are in the configuration's hash.
    pub(super) fn rules_hash(&self, family: Family) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{family:?}").as_bytes());
        for active in &self.rules {
            hasher.update(active.meta.id.as_str().as_bytes());
            hasher.update(&[0]);
        }
        for active in &self.models {
            hasher.update(active.model.meta().id.as_bytes());
            hasher.update(&active.weight.to_le_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}
