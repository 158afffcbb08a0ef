//! The score lane's opinion: weighted surprises to one calibrated p-value, additive by vote.

use super::{Params, score_lane::Via};
use crate::{
    ml::{rank::Horizon, tail::Calibration},
    model::{AccountKey, EventTime, Severity},
};
use serde::{Deserialize, Serialize};

/// Strata with a calibration of their own, per chain.
const STRATA_MAX: usize = 8;
/// The past a rank is taken over, long enough that a wave of attacks, or a month without, is not
/// what is usual: with a quarter of it 1.9 times too many ordinary events of 2017H2 were below .01.
const HORIZON: Horizon = Horizon { window: 32_768, refresh: 4_096, warm_up: 1_000 };
/// What the models claim together counts a third of the p-value, the trailing rank the rest.
const CLAIMED_SHARE: f64 = 1.0 / 3.0;
/// A single model's surprise counts up to here: Fisher's flaw is to reward one extreme feature.
const VOTE_CAP: f64 = 6.0;
/// Slots of the table that admits one calibration sample per account and hour.
const SAMPLERS: usize = 1 << 14;

/// One model's opinion on an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vote {
    /// Index into the caller's list of models.
    pub model_idx: usize,
    pub weight: f64,
    /// −log10 p, finite and not negative.
    pub surprise: f64,
}

/// What the score lane concludes, before cool-down and budget.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreCase {
    /// Combined surprise: the weighted mean of the votes.
    pub surprise: f64,
    /// Share of the stratum's past that was at least as surprising.
    pub p_value: f64,
    /// 1 − p.
    pub score: f64,
    pub severity: Severity,
    /// (model index, share of the combined surprise), greatest first; shares sum to 1.
    pub shares: Vec<(usize, f64)>,
    pub via: Via,
}

/// Calibrations by stratum, and who has already given a sample this hour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Combiner {
    strata: Vec<Calibration>,
    /// (account, hour) by hash slot; a collision lets one more sample in.
    samplers: Vec<(u64, i64)>,
}

impl Combiner {
    pub(super) fn new(params: &Params) -> Self {
        let horizon = Horizon { warm_up: params.warm_up, ..HORIZON };
        Self {
            strata: vec![Calibration::new(horizon); STRATA_MAX],
            samplers: vec![(0, i64::MIN); SAMPLERS],
        }
    }

    /// Returns the combined surprise: silent models count as unsurprised, so that one loud model
    /// among silent ones is not the whole truth.
    pub(super) fn surprise(votes: &[Vote], weight_total: f64) -> f64 {
        let sum: f64 = votes.iter().map(|v| v.weight * v.surprise.min(VOTE_CAP)).sum();
        if weight_total > 0.0 { sum / weight_total } else { 0.0 }
    }

    /// Returns the p-value of votes in their stratum, `None` in warm-up: a weighted geometric mean
    /// of two witnesses that err to either side.
    ///
    /// The trailing rank hears an alerted account once in a cool-down, and so calls too much of
    /// what such accounts do impossible (four times too often beyond 1e-3 on labelled traffic).
    /// What the votes claim together, were they independent, keeps attacks in, and calls next to
    /// nothing that rare.
    pub(super) fn p_value(&self, stratum: usize, votes: &[Vote], surprise: f64) -> Option<f64> {
        let calibration = &self.strata[stratum % STRATA_MAX];
        if !calibration.is_warm() {
            return None;
        }
        let claimed: f64 = votes.iter().map(|v| v.weight * v.surprise.min(VOTE_CAP)).sum();
        let trailing = calibration.surprise(surprise);
        let heard = trailing + CLAIMED_SHARE * (trailing.min(claimed) - trailing);
        Some(libm::exp10(-heard))
    }

    /// Returns the surprise of one vote at which the p-value is just above `p`, the other votes
    /// being as they are; `None` where they are enough without it.
    ///
    /// # Cost
    /// Forty p-values: it is asked about alerts only.
    pub(super) fn bar(
        &self,
        stratum: usize,
        votes: &[Vote],
        weight_total: f64,
        at: usize,
        p: f64,
    ) -> Option<f64> {
        let mut changed = votes.to_vec();
        let mut is_quiet = |surprise: f64| {
            changed[at].surprise = surprise;
            let combined = Self::surprise(&changed, weight_total);
            self.p_value(stratum, &changed, combined).is_none_or(|value| value > p)
        };
        let (mut low, mut high) = (0.0, votes[at].surprise.min(VOTE_CAP));
        if !is_quiet(low) {
            return None;
        }
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if is_quiet(middle) { low = middle } else { high = middle }
        }
        Some(low)
    }

    /// Learns a combined surprise: at most one sample per account and hour.
    pub(super) fn learn(
        &mut self,
        stratum: usize,
        account: AccountKey,
        now: EventTime,
        surprise: f64,
    ) {
        let hour = now.micros().div_euclid(EventTime::HOUR);
        let slot = (account.0 % SAMPLERS as u64) as usize;
        if self.samplers[slot] != (account.0, hour) {
            self.samplers[slot] = (account.0, hour);
            self.strata[stratum % STRATA_MAX].push(surprise);
        }
    }
}

/// Splits a combined surprise into the votes' shares, greatest first.
pub fn shares(votes: &[Vote]) -> Vec<(usize, f64)> {
    let parts: Vec<(usize, f64)> =
        votes.iter().map(|v| (v.model_idx, v.weight * v.surprise.min(VOTE_CAP))).collect();
    let total: f64 = parts.iter().map(|(_, part)| part).sum();
    let mut shares: Vec<(usize, f64)> = parts
        .into_iter()
        .filter(|(_, part)| *part > 0.0)
        .map(|(model, part)| (model, part / total))
        .collect();
    shares.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    shares
}

/// Grades a p-value: the score lane never claims more than `high`.
pub(super) fn severity(p_value: f64) -> Severity {
    match p_value {
        p if p <= 1e-6 => Severity::High,
        p if p <= 5e-5 => Severity::Medium,
        _ => Severity::Low,
    }
}
