//! What the score lane thought of a transaction, for evaluation: with the outcome and the reasons.

use super::summary::Focus;
use crate::{
    detect::{Opinion, Scene},
    engine::detectors::Detectors,
    feature::{self, Features},
    model::{AccountKey, Address, Body, EventId, EventTime, Subject, TxId},
    triage::{Suppression, Triage, Vote},
};

/// What became of a scored transaction in the score lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreOutcome {
    /// Not suspicious enough for an alert, or in warm-up.
    Quiet,
    Alert,
    /// Raised below the threshold, to learn what is there.
    Explored,
    /// Raised outside the budget: an analyst confirmed the subject before.
    ReAlert,
    Revision,
    Suppressed(Suppression),
}

impl ScoreOutcome {
    /// Returns whether an alert was raised, out of whatever budget.
    pub fn is_alert(self) -> bool {
        matches!(self, Self::Alert | Self::Explored | Self::ReAlert)
    }
}

/// The score of one transaction or payment in a token, made before anything was learned from it.
#[derive(Clone, Debug)]
pub struct ScoreReport {
    pub event: EventId,
    pub tx: Option<TxId>,
    /// Whether it is a transaction itself, and not a payment in a token.
    pub is_tx: bool,
    pub time: EventTime,
    /// What an alert would be about.
    pub subject: Subject,
    /// The account whose cool-down applies.
    pub account: AccountKey,
    pub sender: Option<Address>,
    pub receiver: Option<Address>,
    /// What the receiver gets.
    ///
    /// # Units
    /// Whole native units; typical amounts of a token.
    pub value: f64,
    /// Calibration stratum.
    pub stratum: usize,
    /// Ranks transactions: the higher the more suspicious. `None` while no model has an opinion.
    pub score: Option<f64>,
    /// The calibrated p-value; `None` in warm-up.
    pub p_value: Option<f64>,
    /// The opinions by model id, in the order of the table; models in warm-up are left out.
    pub opinions: Vec<(&'static str, Opinion)>,
    pub features: Features,
    pub outcome: ScoreOutcome,
}

impl ScoreReport {
    /// Completes the report with what triage decided.
    pub(in crate::engine) fn ended(mut self, outcome: ScoreOutcome) -> Self {
        self.outcome = outcome;
        self
    }
}

/// Reports the opinions on a transaction; the outcome is not known yet.
pub(in crate::engine) fn of(
    scene: &Scene<'_>,
    focus: &Focus,
    detectors: &Detectors,
    votes: &[Vote],
    opinions: &[Opinion],
    triage: &Triage,
) -> ScoreReport {
    let total = detectors.weight_total;
    let parties = scene.parties;
    let named = votes.iter().zip(opinions);
    ScoreReport {
        event: scene.event.id(&scene.chain.id),
        tx: scene.event.tx_id(),
        is_tx: matches!(scene.event.body, Body::Tx(_)),
        time: scene.event.time,
        subject: focus.subject.clone(),
        account: focus.account,
        sender: parties.sender_address.cloned(),
        receiver: parties.receiver_address.cloned(),
        value: parties.value,
        stratum: focus.stratum,
        score: triage.rank_score(votes, total),
        p_value: triage.p_value(focus.stratum, votes, total),
        opinions: named.map(|(v, o)| (detectors.models[v.model_idx].id(), *o)).collect(),
        features: scene
            .features
            .cloned()
            .unwrap_or_else(|| Features::new(feature::schema(scene.chain.family))),
        outcome: ScoreOutcome::Quiet,
    }
}
