//! What would have kept a transaction quiet: single changes, each scored again in the engine as it
//! was before that transaction.

mod edits;

use super::{Engine, Setup, detectors::Detectors, raise, report::summary};
use crate::{
    detect::{
        Scene,
        models::{TYPICAL_UNIT, write_feature},
    },
    feature::{self, Features},
    model::{Body, Event, EventId, EventTime, Finding, Signal},
    state::State,
    triage::{Triage, Via},
};
use edits::Ladder;
use serde::Serialize;

/// The lane of the combined score, beside those of the rules.
const SCORE: &str = "score";
/// Transactions that must be known before a feature's ranks mean something.
const TYPICAL_MIN: usize = 100;
/// Changes of features that are told, the smallest first.
const FEATURE_CHANGES_MAX: usize = 5;

/// What the detectors say of a transaction, as it is or with one thing changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Assessment {
    /// What the rules found.
    pub findings: Vec<Finding>,
    /// The combined score; `None` while no model has an opinion.
    pub score: Option<f64>,
    /// Its calibrated p-value; `None` in warm-up.
    pub p_value: Option<f64>,
    /// The models' surprises, by id.
    pub surprises: Vec<(&'static str, f64)>,
    /// The rules that found something, and `score` where it is beyond the threshold.
    pub lanes: Vec<&'static str>,
}

/// One change and what the detectors say with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhatIf {
    /// The feature, or the part of the transaction.
    pub input: String,
    pub from: String,
    pub to: String,
    /// Of a feature: how much of the recent transactions lies between the two values, 0–1.
    pub rank_distance: Option<f64>,
    pub score: Option<f64>,
    pub p_value: Option<f64>,
    /// The lanes that fall silent with it.
    pub quiets: Vec<&'static str>,
}

/// A transaction, what was said of it, and what would have kept that quiet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Examination {
    pub tx: String,
    pub event_time_ms: i64,
    pub subject: String,
    /// The greatest p-value at which the score lane raised an alert then.
    pub p_threshold: f64,
    pub judgement: Assessment,
    /// The opinions behind the score with their shares, which sum to 1: the score is additive.
    pub evidence: Vec<(Finding, f64)>,
    /// The changes that models name in the evidence, each tried.
    pub named: Vec<(&'static str, WhatIf)>,
    /// Changes of one feature that keep the score quiet, the smallest first.
    pub features: Vec<WhatIf>,
    /// Changes of the transaction itself that keep any lane quiet.
    pub inputs: Vec<WhatIf>,
}

/// A model, and the position and value of the feature that it names.
type Named = (&'static str, usize, f64);

/// An event with what its admission revealed, and one feature to be replaced.
#[derive(Clone, Copy)]
struct Experiment<'a> {
    event: &'a Event,
    signals: &'a [Signal],
    replaced: Option<(usize, f64)>,
}

/// Looks at events where they are judged: all that stands before them is folded, nothing of them
/// is learned. May end the fold there.
pub(super) trait Stop {
    /// Returns whether the fold ends at this event.
    fn is_here(&mut self, engine: &Engine, event: &Event, signals: &[Signal]) -> bool;
}

/// Folds everything.
pub(super) struct Never;

impl Stop for Never {
    fn is_here(&mut self, _: &Engine, _: &Event, _: &[Signal]) -> bool {
        false
    }
}

/// Examines one event where the fold judges it.
pub(super) struct Examiner<'a> {
    pub wanted: &'a EventId,
    pub typical: &'a [Features],
    pub found: Option<Examination>,
}

impl Stop for Examiner<'_> {
    fn is_here(&mut self, engine: &Engine, event: &Event, signals: &[Signal]) -> bool {
        let is_here = event.id(&engine.setup.chain.id) == *self.wanted;
        if is_here {
            let Engine { setup, state, detectors, triage, .. } = engine;
            let trial = Experiment { event, signals, replaced: None };
            let counterfactual = Counterfactual { setup, state, detectors, triage };
            self.found = Some(counterfactual.examination(trial, self.typical));
        }
        is_here
    }
}

/// The detectors with the state in which they judge; trials change nothing of it.
struct Counterfactual<'a> {
    setup: &'a Setup,
    state: &'a State,
    detectors: &'a Detectors,
    triage: &'a Triage,
}

impl Counterfactual<'_> {
    fn examination(&self, trial: Experiment<'_>, typical: &[Features]) -> Examination {
        let judgement = self.judgement(trial);
        let is_scored = judgement.lanes.contains(&SCORE);
        let features = if is_scored { self.feature_changes(trial, typical) } else { Vec::new() };
        let (evidence, changes) =
            self.with_scene(trial, |scene, detectors| self.evidence(scene, detectors));
        let named = match is_scored {
            true => self.named_changes(trial, changes),
            false => Vec::new(),
        };
        let inputs = self.input_changes(trial, &judgement);
        let chain = &self.setup.chain;
        let subject =
            self.with_scene(trial, |scene, _| Some(summary::focus(scene)?.subject.render(chain)));
        let tx = trial.event.tx_id();
        Examination {
            tx: tx.map_or_else(String::new, |tx| chain.hash_text(&tx)),
            event_time_ms: trial.event.time.millis(),
            subject: subject.unwrap_or_default(),
            p_threshold: self.triage.p_threshold(),
            evidence,
            named,
            judgement,
            features,
            inputs,
        }
    }

    /// Shows the detectors an event against the present state, changing nothing.
    fn with_scene<T>(
        &self,
        trial: Experiment<'_>,
        look: impl FnOnce(&Scene<'_>, &Detectors) -> T,
    ) -> T {
        let parties = feature::parties(trial.event, self.state);
        let mut features = feature::extract(trial.event, &parties, self.state);
        if let Some(features) = &mut features {
            if self.setup.params.detect.is_value_blind {
                features.drop_values();
            }
            if let Some((position, value)) = trial.replaced {
                features.set(position, value);
            }
        }
        let scene = Scene {
            chain: &self.setup.chain,
            event: trial.event,
            signals: trial.signals,
            state: self.state,
            reference: &self.setup.reference,
            parties,
            features: features.as_ref(),
        };
        look(&scene, self.detectors)
    }

    /// Explains the votes on a scene, with the shares of the combined score, and returns the change
    /// of a feature that each names.
    fn evidence(
        &self,
        scene: &Scene<'_>,
        detectors: &Detectors,
    ) -> (Vec<(Finding, f64)>, Vec<Named>) {
        let (mut votes, mut opinions) = (Vec::new(), Vec::new());
        let Some(focus) = summary::focus(scene) else { return (Vec::new(), Vec::new()) };
        detectors.votes(scene, &mut votes, &mut opinions);
        let total = detectors.weight_total;
        let bars = self.triage.bars(focus.stratum, &votes, total, Via::Budget);
        let shares = crate::triage::shares(&votes);
        let explained = detectors.explain_shares(scene, &shares, &votes, &opinions, &bars);
        (explained, detectors.named_changes(scene, &votes, &opinions, &bars))
    }

    /// Tries the changes that models name.
    fn named_changes(
        &self,
        trial: Experiment<'_>,
        named: Vec<Named>,
    ) -> Vec<(&'static str, WhatIf)> {
        let features = self.with_scene(trial, |scene, _| scene.features.cloned());
        let Some(features) = features else { return Vec::new() };
        let symbol = self.value_unit(trial.event);
        let tried = named.into_iter().map(|(model, position, value)| {
            let judged = self.judgement(Experiment { replaced: Some((position, value)), ..trial });
            let def = &features.schema().defs[position];
            let is_quiet = !judged.lanes.contains(&SCORE);
            let now = features.get(position);
            let change = WhatIf {
                input: def.name.to_owned(),
                from: now.map_or("none".to_owned(), |now| write_feature(def, now, symbol)),
                to: write_feature(def, value, symbol),
                rank_distance: None,
                score: judged.score,
                p_value: judged.p_value,
                quiets: is_quiet.then_some(SCORE).into_iter().collect(),
            };
            (model, change)
        });
        tried.collect()
    }

    /// Returns the unit in which an event's features tell values.
    fn value_unit(&self, event: &Event) -> &str {
        match &event.body {
            Body::Transfer(_) => TYPICAL_UNIT,
            _ => &self.setup.chain.native.symbol,
        }
    }

    fn judgement(&self, trial: Experiment<'_>) -> Assessment {
        let total = self.detectors.weight_total;
        self.with_scene(trial, |scene, detectors| {
            let (mut findings, mut votes, mut opinions) = (Vec::new(), Vec::new(), Vec::new());
            detectors.findings(scene, &mut findings);
            raise::denials(self.triage, scene, &mut findings);
            let focus = summary::focus(scene);
            if focus.is_some() {
                detectors.votes(scene, &mut votes, &mut opinions);
            }
            let score = self.triage.rank_score(&votes, total);
            let p_value = focus.and_then(|focus| self.triage.p_value(focus.stratum, &votes, total));
            let named = votes.iter().map(|v| (detectors.models[v.model_idx].id(), v.surprise));
            let surprises = named.collect();
            let mut lanes: Vec<&'static str> =
                findings.iter().map(|f| f.detector.as_str()).collect();
            lanes.dedup();
            if p_value.is_some_and(|p| p <= self.triage.p_threshold()) {
                lanes.push(SCORE);
            }
            Assessment { findings, score, p_value, surprises, lanes }
        })
    }

    /// Moves each feature along its ranks, either way, until the score falls silent.
    fn feature_changes(&self, trial: Experiment<'_>, typical: &[Features]) -> Vec<WhatIf> {
        let features = self.with_scene(trial, |scene, _| scene.features.cloned());
        let Some(features) = features else { return Vec::new() };
        let symbol = self.value_unit(trial.event);
        let mut changes = Vec::new();
        for (position, def) in features.schema().defs.iter().enumerate() {
            let Some(now) = features.get(position) else { continue };
            let mut column: Vec<f64> = typical.iter().filter_map(|f| f.get(position)).collect();
            column.sort_unstable_by(f64::total_cmp);
            let quiet = steps(&column, now).into_iter().find_map(|(distance, value)| {
                let judged =
                    self.judgement(Experiment { replaced: Some((position, value)), ..trial });
                (!judged.lanes.contains(&SCORE)).then_some((distance, value, judged))
            });
            changes.extend(quiet.map(|(distance, value, judged)| WhatIf {
                input: def.name.to_owned(),
                from: write_feature(def, now, symbol),
                to: write_feature(def, value, symbol),
                rank_distance: Some(distance),
                score: judged.score,
                p_value: judged.p_value,
                quiets: vec![SCORE],
            }));
        }
        let distance = |change: &WhatIf| change.rank_distance.unwrap_or(1.0);
        changes.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
        changes.truncate(FEATURE_CHANGES_MAX);
        changes
    }

    /// Changes parts of the event itself, a little first, until a lane falls silent.
    fn input_changes(&self, trial: Experiment<'_>, as_it_was: &Assessment) -> Vec<WhatIf> {
        let mut changes = Vec::new();
        for Ladder { input, from, steps } in edits::ladders(trial.event, &self.setup.chain) {
            let mut loud = as_it_was.lanes.clone();
            for (to, event) in &steps {
                let judged = self.judgement(Experiment { event, ..trial });
                let is_quiet = |lane: &&'static str| !judged.lanes.contains(lane);
                let quiets: Vec<&'static str> = loud.iter().copied().filter(is_quiet).collect();
                if quiets.is_empty() {
                    continue;
                }
                loud.retain(|lane| !quiets.contains(lane));
                changes.push(WhatIf {
                    input: input.to_owned(),
                    from: from.clone(),
                    to: to.clone(),
                    rank_distance: None,
                    score: judged.score,
                    p_value: judged.p_value,
                    quiets,
                });
            }
        }
        changes
    }
}

/// Returns values of a column by the distance of their ranks from a value's own, nearest first.
fn steps(column: &[f64], now: f64) -> Vec<(f64, f64)> {
    const STEPS: i32 = 100;
    let mut tried = Vec::new();
    if column.len() < TYPICAL_MIN {
        return tried;
    }
    let last = (column.len() - 1) as f64;
    let below = column.partition_point(|v| *v < now);
    let up_to = column.partition_point(|v| *v <= now);
    let mut ends = [now, now];
    for step in 1..=STEPS {
        let distance = f64::from(step) / f64::from(STEPS);
        // From the ends of its ties: a step inside them changes nothing.
        let targets = [below as f64 - distance * last, up_to as f64 + distance * last];
        for (target, end) in targets.into_iter().zip(&mut ends) {
            let value = column[target.clamp(0.0, last) as usize];
            if value != *end && value != now {
                tried.push((distance, value));
                *end = value;
            }
        }
    }
    tried
}

/// Returns when something happens that happens later.
fn later(time: EventTime, by: i64) -> EventTime {
    EventTime::from_micros(time.micros().saturating_add(by))
}
