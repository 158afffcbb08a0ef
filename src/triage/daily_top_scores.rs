//! How surprising the candidates of recent days were: what a threshold would have let through.

use crate::model::{AccountKey, EventTime};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Closed days that are looked back on: two weeks, so that each weekday counts twice.
const DAYS_MAX: usize = 14;
/// Candidates that a day keeps, as a multiple of its budget: no threshold lets through more, and a
/// flood on one day moves the two weeks' threshold by no more than this.
const KEPT_PER_BUDGET: f64 = 3.0;
/// The least and most that a day keeps, whatever the budget.
const KEPT: (usize, usize) = (8, 4_096);
/// Candidates of the running day, as a multiple of what it keeps, before the low ones leave.
const SLACK: usize = 4;

/// One candidate: an account within one cool-down, by its highest surprise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Candidate {
    since: EventTime,
    surprise: f64,
}

/// The highest candidates of each of the last days.
///
/// A candidate is what could have raised an alert: an account counts once in a cool-down, as its
/// alerts do. So the level that n candidates a day reach is the threshold that n alerts a day need.
///
/// # Cost
/// At most 14 · 3 · budget numbers; an event costs two look-ups in a small tree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Levels {
    /// Closed days before the last one, oldest first.
    days: VecDeque<Vec<f64>>,
    /// The last closed day: its candidates may still rise.
    last: BTreeMap<AccountKey, Candidate>,
    today: BTreeMap<AccountKey, Candidate>,
    n_closed: u32,
    /// The surprises of the closed days, highest first.
    sorted: Vec<f64>,
}

impl Levels {
    /// Notes a surprise of an account. Only one that is not in cool-down can begin a candidate.
    pub(super) fn note(
        &mut self,
        account: AccountKey,
        candidate: (f64, EventTime),
        cool_down_ms: i64,
        may_begin: bool,
        per_day: f64,
    ) {
        let (surprise, now) = candidate;
        let is_running =
            |c: &&mut Candidate| now.since(c.since) < cool_down_ms.saturating_mul(1_000);
        let known = self.today.get_mut(&account).filter(is_running);
        if let Some(known) = known.or_else(|| self.last.get_mut(&account).filter(is_running)) {
            known.surprise = known.surprise.max(surprise);
        } else if may_begin {
            self.today.insert(account, Candidate { since: now, surprise });
            let n_kept = kept(per_day);
            if self.today.len() > SLACK * n_kept {
                let least = highest(&self.today, n_kept).last().copied().unwrap_or(0.0);
                self.today.retain(|_, c| c.surprise >= least);
            }
        }
    }

    /// Closes the running day.
    pub(super) fn close_day(&mut self, per_day: f64) {
        if self.n_closed > 0 {
            self.days.push_back(highest(&self.last, kept(per_day)));
        }
        // The last day is looked back on too.
        while self.days.len() >= DAYS_MAX {
            self.days.pop_front();
        }
        self.last = std::mem::take(&mut self.today);
        self.n_closed = self.n_closed.saturating_add(1);
        self.sorted = self.days.iter().flatten().copied().collect();
        self.sorted.extend(highest(&self.last, kept(per_day)));
        self.sorted.sort_by(|a, b| b.total_cmp(a));
    }

    /// Returns the surprise that this many candidates a day reached, 0 where fewer were seen;
    /// `None` before the first day is over.
    pub(super) fn at(&self, per_day: f64) -> Option<f64> {
        if self.n_closed == 0 {
            return None;
        }
        let rank = per_day * (self.days.len() + 1) as f64;
        // Between two candidates, so that the level is reached by as many as were asked for.
        let idx = libm::round(rank).max(1.0) as usize;
        Some(self.sorted.get(idx - 1).copied().unwrap_or(0.0))
    }
}

fn kept(per_day: f64) -> usize {
    (libm::ceil(per_day * KEPT_PER_BUDGET) as usize).clamp(KEPT.0, KEPT.1)
}

/// Returns the highest surprises, descending.
fn highest(candidates: &BTreeMap<AccountKey, Candidate>, n: usize) -> Vec<f64> {
    let mut all: Vec<f64> = candidates.values().map(|c| c.surprise).collect();
    all.sort_by(|a, b| b.total_cmp(a));
    all.truncate(n);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_counts_once_in_a_cool_down_and_days_are_bounded() {
        let mut levels = Levels::default();
        let (hour, cool_down) = (|n: i64| EventTime::from_secs(n * 3_600), 86_400_000);
        let note = |levels: &mut Levels, account, surprise, at, may_begin| {
            levels.note(AccountKey(account), (surprise, hour(at)), cool_down, may_begin, 2.0);
        };
        note(&mut levels, 1, 3.0, 0, true);
        note(&mut levels, 1, 5.0, 1, false); // Higher within the same cool-down.
        note(&mut levels, 2, 4.0, 2, true);
        note(&mut levels, 3, 9.0, 2, false); // Cooling since before: no candidate.
        assert_eq!(levels.at(1.0), None);
        levels.close_day(2.0);
        assert_eq!([1.0, 2.0, 3.0].map(|n| levels.at(n)), [Some(5.0), Some(4.0), Some(0.0)]);
        note(&mut levels, 2, 6.0, 25, true); // Still the candidate of yesterday.
        levels.close_day(2.0);
        assert_eq!(levels.at(0.5), Some(6.0), "one in two days");
        for day in 2..40 {
            (0..1_000).for_each(|n| note(&mut levels, 10 + n, 7.0, 24 * day, true));
            assert!(levels.today.len() <= SLACK * KEPT.0 + 1_000);
            levels.close_day(2.0);
        }
        assert_eq!((levels.days.len(), levels.sorted.len()), (DAYS_MAX - 1, DAYS_MAX * KEPT.0));
    }
}
