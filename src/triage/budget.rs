//! The alert budget: a controller on the threshold and a bucket, both in event time.

use super::Params;
use crate::model::EventTime;
use serde::{Deserialize, Serialize};

/// The share by which a day's deviation moves the threshold (SCORING: 5 % a day).
const GAIN: f64 = 0.05;
/// The adjustment stays within e^±3 of the plain quantile, so that one flood cannot wind it up.
const ADJUST_MAX: f64 = 3.0;
/// Days over which the rate of scored transactions is averaged.
const RATE_DAYS: f64 = 3.0;

/// Keeps the score lane under its alerts per day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Budget {
    /// Alerts that may be raised now.
    tokens: f64,
    /// Event time up to which tokens have been granted.
    granted_until: Option<EventTime>,
    /// Start of the running day.
    day_start: EventTime,
    n_scored_today: u64,
    n_raised_today: u64,
    /// Scored transactions per day, averaged; 0 until the first day is complete.
    scored_per_day: f64,
    adjust: f64,
}

impl Budget {
    pub(super) fn new(params: &Params) -> Self {
        Self {
            tokens: Self::capacity(params),
            granted_until: None,
            day_start: EventTime::default(),
            n_scored_today: 0,
            n_raised_today: 0,
            scored_per_day: 0.0,
            adjust: 0.0,
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
        // Before the first full day the running count is the best estimate there is.
        let rate = self.scored_per_day.max(self.n_scored_today as f64).max(1.0);
        let quantile = params.budget_per_day / rate * libm::exp(-self.adjust);
        quantile.min(params.p_max)
    }

    /// Returns whether the bucket holds an alert.
    pub(super) fn has_token(&self) -> bool {
        self.tokens >= 1.0
    }

    /// Returns the share of the bucket that is left, 0–1.
    pub(super) fn fill(&self, params: &Params) -> f64 {
        self.tokens / Self::capacity(params)
    }

    /// Counts a scored transaction at `now`: grants tokens and closes the day.
    pub(super) fn on_scored(&mut self, params: &Params, now: EventTime) {
        let last = *self.granted_until.get_or_insert(now);
        let elapsed = now.since(last).max(0) as f64 / EventTime::DAY as f64;
        if elapsed > 0.0 {
            self.granted_until = Some(now);
            self.tokens =
                (self.tokens + elapsed * params.budget_per_day).min(Self::capacity(params));
        }
        if self.n_scored_today == 0 && self.scored_per_day == 0.0 {
            self.day_start = now;
        }
        if now.since(self.day_start) >= EventTime::DAY {
            self.close_day(params, now);
        }
        self.n_scored_today += 1;
    }

    /// Takes the token of an alert that is raised.
    pub(super) fn on_raised(&mut self) {
        self.tokens -= 1.0;
        self.n_raised_today += 1;
    }

    fn close_day(&mut self, params: &Params, now: EventTime) {
        let n = self.n_scored_today as f64;
        self.scored_per_day = if self.scored_per_day == 0.0 {
            n
        } else {
            self.scored_per_day + (n - self.scored_per_day) / RATE_DAYS
        };
        let target = params.budget_per_day.max(1e-9);
        let deviation = (self.n_raised_today as f64 - target) / target;
        self.adjust = (self.adjust + GAIN * deviation).clamp(-ADJUST_MAX, ADJUST_MAX);
        self.day_start = now;
        self.n_scored_today = 0;
        self.n_raised_today = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Folds `days` of one transaction a minute whose p-values are uniform.
    fn raised_per_day(params: &Params, days: u32) -> Vec<u32> {
        let mut budget = Budget::new(params);
        let mut raised = Vec::new();
        for minute in 0..i64::from(days) * 1_440 {
            if minute % 1_440 == 0 {
                raised.push(0);
            }
            let now = EventTime::from_secs(minute * 60);
            budget.on_scored(params, now);
            let p = (minute as f64 * 0.618_033_988_749_895).fract();
            if p <= budget.p_threshold(params) && budget.has_token() {
                budget.on_raised();
                *raised.last_mut().unwrap() += 1;
            }
        }
        raised
    }

    #[test]
    fn a_budget_below_the_floor_is_met() {
        let params = Params { budget_per_day: 24.0, p_max: 0.5, ..Params::default() };
        let days = raised_per_day(&params, 30);
        let last_week: u32 = days[23..].iter().sum();
        assert!((150..=190).contains(&last_week), "{days:?}");
    }

    #[test]
    fn the_floor_beats_the_budget() {
        let params = Params { budget_per_day: 480.0, p_max: 0.001, ..Params::default() };
        let days = raised_per_day(&params, 30);
        let last_week: u32 = days[23..].iter().sum();
        assert!((5..=15).contains(&last_week), "a quota was filled: {days:?}");
    }
}
