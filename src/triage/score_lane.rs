//! The score lane: which transaction is worth an alert, and out of whose budget.

use super::{
    Triage,
    combine::{self, Combiner, ScoreCase, Vote},
    compose::{Case, Proposal},
    raise::{Raised, Suppression},
};
use crate::model::{AccountKey, Alert, EventTime, Finding, Judgement, Severity, Subject};

/// The name of the score lane in ids and metrics.
const SCORE_LANE: &str = "score";

/// Who pays for an alert of the score lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The budget.
    Budget,
    /// The share of the budget that is spent below the threshold, to learn what is there.
    Exploration,
    /// Nobody: an analyst confirmed the subject before.
    Confirmed,
}

impl Via {
    fn title(self) -> &'static str {
        match self {
            Self::Budget => "Unusual account behaviour",
            Self::Exploration => "Unusual account behaviour (explored below the threshold)",
            Self::Confirmed => "A confirmed account is active again",
        }
    }
}

impl Triage {
    /// Returns the score that ranks a transaction among all others, the higher the more suspicious;
    /// `None` while no model has an opinion.
    pub fn rank_score(&self, votes: &[Vote], weight_total: f64) -> Option<f64> {
        (!votes.is_empty()).then(|| Combiner::surprise(votes, weight_total))
    }

    /// Returns the calibrated p-value of votes, `None` in warm-up.
    pub fn p_value(&self, stratum: usize, votes: &[Vote], weight_total: f64) -> Option<f64> {
        self.combiner.p_value(stratum, votes, Combiner::surprise(votes, weight_total))
    }

    /// Returns, for each vote, the surprise to which it has to fall for the score to be no alert,
    /// the other votes being as they are; `None` where they are enough without it.
    pub fn bars(
        &self,
        stratum: usize,
        votes: &[Vote],
        weight_total: f64,
        via: Via,
    ) -> Vec<Option<f64>> {
        let p = match via {
            Via::Budget => self.budget.p_threshold(&self.params),
            Via::Exploration | Via::Confirmed => self.params.p_max,
        };
        let bar = |at| self.combiner.bar(stratum, votes, weight_total, at, p);
        (0..votes.len()).map(bar).collect()
    }

    /// Combines votes and decides whether they are worth an alert. Changes nothing.
    ///
    /// Whoever was judged innocent raises none until that verdict expires, nor whoever is allowed;
    /// whoever was confirmed is outside the budget. `weight_total` is the sum of the weights of all
    /// enabled models, silent ones included.
    pub fn judge(
        &self,
        stratum: usize,
        account: AccountKey,
        votes: &[Vote],
        weight_total: f64,
        now: EventTime,
    ) -> Option<Result<ScoreCase, Suppression>> {
        let surprise = Combiner::surprise(votes, weight_total);
        let p_value = self.combiner.p_value(stratum, votes, surprise)?;
        if p_value > self.params.p_max {
            return None;
        }
        let via = match self.judged.get(account, now) {
            Some(true) => Via::Confirmed,
            known if p_value <= self.budget.p_threshold(&self.params) => {
                if known.is_some() {
                    return Some(Err(Suppression::Judged));
                }
                Via::Budget
            }
            None if self.budget.is_explored(&self.params, account, p_value, now) => {
                Via::Exploration
            }
            _ => return None,
        };
        if self.is_allowed(account, now) {
            return Some(Err(Suppression::Allowed));
        }
        let severity = combine::severity(p_value);
        let is_cooling = self.cool_downs.get(account.0, now, self.params.cool_down_ms).is_some();
        if is_cooling && (severity < Severity::High || via == Via::Exploration) {
            return Some(Err(Suppression::CoolDown));
        }
        if !is_cooling && via == Via::Budget && !self.budget.has_token() {
            return Some(Err(Suppression::Budget));
        }
        let shares = combine::shares(votes);
        Some(Ok(ScoreCase { surprise, p_value, score: 1.0 - p_value, severity, shares, via }))
    }

    /// Learns the votes of a scored transaction. Called once per transaction, after `judge`.
    pub fn learn(
        &mut self,
        stratum: usize,
        account: AccountKey,
        votes: &[Vote],
        weight_total: f64,
        now: EventTime,
    ) {
        self.budget.on_scored(&self.params, now);
        let surprise = Combiner::surprise(votes, weight_total);
        let cool_down_ms = self.params.cool_down_ms;
        let since = self.cool_downs.get(account.0, now, cool_down_ms).map(|cooling| cooling.since);
        let judged = self.judged.get(account, now);
        let is_candidate = judged.is_none() && !self.is_allowed(account, now);
        let p_value = self.combiner.p_value(stratum, votes, surprise);
        let may_begin = since.is_none_or(|since| since == now);
        if let Some(p_value) = p_value.filter(|p| is_candidate && *p <= self.params.p_max) {
            self.budget.note(&self.params, account, p_value, now, may_begin);
        }
        // What is known or suspected to be no ordinary traffic must not teach what is ordinary; but
        // most alerts are about ordinary accounts, so each of them counts once, when it is raised.
        // While no model has an opinion, nothing is known of what is ordinary.
        if may_begin && judged != Some(true) && !votes.is_empty() {
            self.combiner.learn(stratum, account, now, surprise);
        }
    }

    /// Raises the alert of a score case. `findings` are the explained votes with their shares.
    pub fn raise_score(
        &mut self,
        case: &Case<'_>,
        account: AccountKey,
        subject: Subject,
        score: &ScoreCase,
        findings: Vec<(Finding, f64)>,
        out: &mut Vec<Alert>,
    ) -> Raised {
        let proposal = Proposal {
            lane: SCORE_LANE,
            title: score.via.title().to_owned(),
            subject,
            severity: score.severity,
            score: score.score,
            findings,
        };
        let raised = self.raise(case, account.0, proposal, out);
        if raised == Raised::Alert {
            self.budget.on_raised(score.via);
        }
        raised
    }

    /// Notes what an analyst concluded about an account: confirmed ones get a lane of their own,
    /// others rest until the verdict expires. A doubt takes back an earlier verdict.
    pub fn settle(&mut self, account: AccountKey, judgement: Judgement, now: EventTime) {
        self.budget.hear(now);
        let (is_confirmed, span_ms) = match judgement {
            Judgement::TruePositive => (true, self.params.confirmed_ms),
            Judgement::FalsePositive | Judgement::Benign => (false, self.params.refuted_ms),
            Judgement::Unsure => return self.judged.forget(account),
            Judgement::Allow | Judgement::Deny | Judgement::RollBack => return,
        };
        self.judged.set(account, is_confirmed, now.plus(span_ms.saturating_mul(1_000)));
    }
}
