//! The alert budget: a bucket whose fill steers the threshold, in event time.
//!
//! The threshold is the level that as many candidates a day reached in the last two weeks as the
//! budget allows (`levels`); the fuller the bucket, the lower it is, which is what makes weeks
//! even. There is no integral beside it: an empty bucket stops alerts but nothing stops silence, so
//! an integral sees deficits only, winds the threshold down until the bucket is always empty, and
//! alerts then go to whoever comes first instead of to the highest. What the floor `p_max` lets
//! through and no more is raised: a budget is a ceiling.

use super::{Params, daily_top_scores::Levels, score_lane::Via};
use crate::{
    ml::splitmix::mix,
    model::{AccountKey, EventTime},
};
use serde::{Deserialize, Serialize};

/// An empty bucket raises the threshold to a rate e² times lower, a full one lowers it as much:
/// whatever the levels are wrong by, a part of the bucket makes up for it, and stays.
const STEER: f64 = 4.0;
/// The share of the bucket at which a history begins: full would spend a day's budget on whatever
/// comes first.
const FILL_AT_START: f64 = 0.25;
/// Days over which the rate of scored transactions is averaged.
const RATE_DAYS: f64 = 3.0;
/// Exploration ends when no verdict was heard for this long: nobody would learn from it.
const HEARD_FOR: i64 = 30 * EventTime::DAY;
/// Exploration looks as far below the threshold as this many times the budget reaches.
const EXPLORED_PER_BUDGET: f64 = 3.0;
/// One in so many candidates for exploration is drawn, by account and hour.
const EXPLORED_ONE_IN: u64 = 4;

/// Keeps the score lane under its alerts per day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Budget {
    /// Alerts that may be raised now.
    tokens: f64,
    /// Alerts below the threshold that may be raised now.
    explore_tokens: f64,
    /// Event time up to which tokens have been granted.
    granted_until: Option<EventTime>,
    /// Start of the running day.
    day_start: EventTime,
    n_scored_today: u64,
    /// Scored transactions per day, averaged; 0 until the first day is complete.
    scored_per_day: f64,
    levels: Levels,
    /// When the last verdict was heard.
    heard: Option<EventTime>,
}

impl Budget {
    pub(super) fn new(params: &Params) -> Self {
        Self {
            tokens: (Self::capacity(params) * FILL_AT_START).max(1.0),
            explore_tokens: 0.0,
            granted_until: None,
            day_start: EventTime::default(),
            n_scored_today: 0,
            scored_per_day: 0.0,
            levels: Levels::default(),
            heard: None,
        }
    }

    fn capacity(params: &Params) -> f64 {
        (params.budget_per_day * params.burst_share).max(1.0)
    }

    /// Goes on under other parameters: what was saved up stays, up to the new capacity.
    pub(super) fn reconfigure(&mut self, params: &Params) {
        self.tokens = self.tokens.min(Self::capacity(params));
    }

    /// Returns the greatest p-value that may raise an alert now.
    pub(super) fn p_threshold(&self, params: &Params) -> f64 {
        let steer = libm::exp(STEER * (self.fill(params) - 0.5));
        let per_day = params.budget_per_day * steer;
        let p = match self.levels.at(per_day) {
            Some(surprise) => libm::exp10(-surprise),
            // Before the first full day the running count is the best estimate there is.
            None => per_day / self.scored_per_day.max(self.n_scored_today as f64).max(1.0),
        };
        p.min(params.p_max)
    }

    /// Returns whether a transaction below the threshold is drawn for exploration.
    ///
    /// The draw depends on the account's key, which the configured seed makes, and on the hour: it
    /// is the same in every replay, and nobody outside can foresee it.
    pub(super) fn is_explored(
        &self,
        params: &Params,
        account: AccountKey,
        p_value: f64,
        now: EventTime,
    ) -> bool {
        if self.explore_tokens < 1.0 || !self.is_heard(now) {
            return false;
        }
        let reach = params.budget_per_day * EXPLORED_PER_BUDGET;
        let is_near = self.levels.at(reach).is_some_and(|s| p_value <= libm::exp10(-s));
        let hour = now.micros().div_euclid(EventTime::HOUR) as u64;
        is_near && mix(account.0 ^ mix(hour)).is_multiple_of(EXPLORED_ONE_IN)
    }

    /// Returns whether the bucket holds an alert.
    pub(super) fn has_token(&self) -> bool {
        self.tokens >= 1.0
    }

    /// Returns the share of the bucket that is left, 0–1.
    pub(super) fn fill(&self, params: &Params) -> f64 {
        (self.tokens / Self::capacity(params)).clamp(0.0, 1.0)
    }

    /// Counts a scored transaction at `now`: grants tokens and closes the day.
    pub(super) fn on_scored(&mut self, params: &Params, now: EventTime) {
        let last = *self.granted_until.get_or_insert(now);
        let elapsed = now.since(last).max(0) as f64 / EventTime::DAY as f64;
        if elapsed > 0.0 {
            self.granted_until = Some(now);
            let granted = elapsed * params.budget_per_day;
            let explored = if self.is_heard(now) { params.explore_share * granted } else { 0.0 };
            self.explore_tokens = (self.explore_tokens + explored).min(1.0);
            self.tokens = (self.tokens + granted - explored).min(Self::capacity(params));
        }
        if self.n_scored_today == 0 && self.scored_per_day == 0.0 {
            self.day_start = now;
        }
        if now.since(self.day_start) >= EventTime::DAY {
            self.close_day(params, now);
        }
        self.n_scored_today += 1;
    }

    /// Notes a calibrated transaction that a lower threshold might have raised.
    pub(super) fn note(
        &mut self,
        params: &Params,
        account: AccountKey,
        p_value: f64,
        now: EventTime,
        may_begin: bool,
    ) {
        let candidate = (-libm::log10(p_value.max(f64::MIN_POSITIVE)), now);
        let (cool_down_ms, per_day) = (params.cool_down_ms, params.budget_per_day);
        self.levels.note(account, candidate, cool_down_ms, may_begin, per_day);
    }

    /// Takes the token of an alert that is raised.
    pub(super) fn on_raised(&mut self, via: Via) {
        match via {
            Via::Budget => self.tokens -= 1.0,
            Via::Exploration => self.explore_tokens -= 1.0,
            Via::Confirmed => {}
        }
    }

    /// Notes that somebody judges alerts.
    pub(super) fn hear(&mut self, now: EventTime) {
        self.heard = Some(now);
    }

    fn is_heard(&self, now: EventTime) -> bool {
        self.heard.is_some_and(|heard| now.since(heard) < HEARD_FOR)
    }

    fn close_day(&mut self, params: &Params, now: EventTime) {
        let n = self.n_scored_today as f64;
        self.scored_per_day = if self.scored_per_day == 0.0 {
            n
        } else {
            self.scored_per_day + (n - self.scored_per_day) / RATE_DAYS
        };
        self.levels.close_day(params.budget_per_day);
        self.day_start = now;
        self.n_scored_today = 0;
    }
}

#[cfg(test)]
mod tests;
