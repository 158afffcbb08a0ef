//! What a budget could have been worth: to one fixed threshold, and to whoever knew the labels.

use super::{prequential::Scored, report::Range, stream::NOBODY, truth::Labels};
use std::collections::{BTreeMap, BTreeSet};

/// The alerts that a threshold raises, a subject counting once in a cool-down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RaisedAlerts {
    pub n: usize,
    pub n_true: usize,
    pub n_subjects: usize,
}

/// The events of a range with their truth, in the order of time.
pub(super) struct Hindsight<'a> {
    events: Vec<(&'a Scored, bool)>,
    cool_down: i64,
}

impl<'a> Hindsight<'a> {
    pub fn new(scored: &'a [Scored], truth: &Labels, range: Range, cool_down: i64) -> Self {
        let events = scored
            .iter()
            .filter(|s| range.contains(s.time) && s.subject != NOBODY)
            .map(|s| (s, truth.is_positive(s.subject)));
        Self { events: events.collect(), cool_down }
    }

    /// Returns how many alerts the positive subjects allow: nobody can raise more true ones.
    pub fn n_chances(&self) -> usize {
        self.raised(|_, is_positive| is_positive).n
    }

    /// Returns what the lowest threshold raises that keeps within a number of alerts.
    ///
    /// # Cost
    /// O(events · log events).
    pub fn fixed(&self, n_max: usize) -> RaisedAlerts {
        let mut scores: Vec<f64> = self.events.iter().map(|(s, _)| s.score).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        scores.dedup();
        let at = |score: &f64| self.raised(|s, _| s.score >= *score);
        let n = scores.partition_point(|score| at(score).n <= n_max);
        n.checked_sub(1).and_then(|last| scores.get(last)).map(at).unwrap_or_default()
    }

    fn raised(&self, is_alert: impl Fn(&Scored, bool) -> bool) -> RaisedAlerts {
        let mut last = BTreeMap::new();
        let mut found = BTreeSet::new();
        let mut raised = RaisedAlerts::default();
        for (event, is_positive) in &self.events {
            let is_cooling = || {
                last.get(&event.subject).is_some_and(|at| event.time.since(*at) < self.cool_down)
            };
            if !is_alert(event, *is_positive) || is_cooling() {
                continue;
            }
            last.insert(event.subject, event.time);
            raised.n += 1;
            if *is_positive {
                raised.n_true += 1;
                found.insert(event.subject);
            }
        }
        raised.n_subjects = found.len();
        raised
    }
}
