//! What the alerts of one budget were worth: to whom they went, how early, and how evenly.

use super::{
    hindsight::Hindsight, prequential::Scored, report::Range, stream::NOBODY, truth::Labels,
};
use crate::{engine::ScoreOutcome, model::EventTime};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

const WEEK: i64 = 7 * EventTime::DAY;
/// A week is even when it has this share of its budget, at least and at most.
const EVEN: (f64, f64) = (0.9, 1.1);

/// The alerts of the score lane at one budget, over the range of the test.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BudgetReport {
    /// Alerts within the budget.
    pub n_alerts: usize,
    /// Share of them about a positive subject.
    pub precision: Option<f64>,
    /// Share of the positive subjects that had an alert, of whatever lane.
    pub subject_recall: Option<f64>,
    /// Share of the value paid to positive subjects that came after their first alert.
    pub value_saved: Option<f64>,
    /// Mean number of distinct payers up to and with the first alert, over alerted subjects.
    pub victims_before: Option<f64>,
    /// Mean time from a subject's first payment to its first alert, in hours, likewise.
    pub hours_before: Option<f64>,
    /// Alerts over budget, mean of the whole weeks.
    pub weekly_ratio: Option<f64>,
    pub weekly_ratio_min: Option<f64>,
    pub weekly_ratio_max: Option<f64>,
    /// Share of the weeks that are within 0.9–1.1 of their budget.
    pub weeks_even: Option<f64>,
    /// Alerts over budget on the day that 95 % of days do not exceed.
    pub p95_day: Option<f64>,
    /// Alerts about subjects that were confirmed before, in their own lane.
    pub n_re_alerts: usize,
    /// Precision with those alerts counted too.
    pub precision_with_re_alerts: Option<f64>,
    /// Positive subjects that nobody had confirmed before the range began.
    pub n_new_subjects: usize,
    /// Share of those that had an alert.
    pub subject_recall_new: Option<f64>,
    /// The precision of whoever knew the labels: positive subjects have no more alerts to give.
    pub precision_ceiling: Option<f64>,
    /// Precision and subject recall of the best fixed threshold in hindsight.
    pub fixed_precision: Option<f64>,
    pub fixed_subject_recall: Option<f64>,
}

/// How many alerts there may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    pub per_day: f64,
    /// Between two alerts on one subject.
    ///
    /// # Units
    /// Microseconds.
    pub cool_down: i64,
}

/// The history of one positive subject inside the range.
#[derive(Default)]
struct BudgetHistory {
    first: Option<EventTime>,
    alerted: Option<EventTime>,
    payers: BTreeSet<u32>,
    n_payers_before: usize,
    value: f64,
    value_after: f64,
    was_confirmed: bool,
}

/// Counts the alerts of a run whose engine had this allowance.
pub fn at_budget(
    scored: &[Scored],
    truth: &Labels,
    allowance: Allowance,
    range: Range,
) -> BudgetReport {
    let per_day = allowance.per_day;
    let mut histories: BTreeMap<u32, BudgetHistory> = BTreeMap::new();
    let (mut n_alerts, mut n_true) = (0, 0);
    let (mut n_re_alerts, mut n_re_true) = (0, 0);
    let mut times = Vec::new();
    for event in scored.iter().filter(|s| range.contains(s.time)) {
        let is_positive = event.subject != NOBODY && truth.is_positive(event.subject);
        let (is_alert, is_re_alert) = (is_alert(event), is_re_alert(event));
        if is_alert {
            n_alerts += 1;
            n_true += usize::from(is_positive);
            times.push(event.time);
        }
        n_re_alerts += usize::from(is_re_alert);
        n_re_true += usize::from(is_re_alert && is_positive);
        if is_positive {
            let history = histories.entry(event.subject).or_default();
            history.note(event, is_alert || is_re_alert);
        }
    }
    let days = Days::new(&times, range);
    let weeks: Vec<f64> = days.weeks().map(|n| n / (7.0 * per_day)).collect();
    let all = n_alerts + n_re_alerts;
    let alerted = || histories.values().filter(|h| h.alerted.is_some());
    let new = || histories.values().filter(|h| !h.was_confirmed);
    let n_new_alerted = new().filter(|h| h.alerted.is_some()).count();
    let value: f64 = histories.values().map(|h| h.value).sum();
    let hindsight = Hindsight::new(scored, truth, range, allowance.cool_down);
    let n_allowed = libm::round(days.0.len() as f64 * per_day) as usize;
    let fixed = hindsight.fixed(n_allowed);
    BudgetReport {
        n_alerts,
        precision: share(n_true, n_alerts),
        subject_recall: share(alerted().count(), histories.len()),
        value_saved: (value > 0.0)
            .then(|| histories.values().map(|h| h.value_after).sum::<f64>() / value),
        victims_before: mean(alerted().map(|h| h.n_payers_before as f64)),
        hours_before: mean(alerted().filter_map(BudgetHistory::hours_before)),
        weekly_ratio: mean(weeks.iter().copied()),
        weekly_ratio_min: weeks.iter().copied().min_by(f64::total_cmp),
        weekly_ratio_max: weeks.iter().copied().max_by(f64::total_cmp),
        weeks_even: mean(weeks.iter().map(|r| {
            // A whole number of alerts may miss the band by rounding alone.
            let slack = 0.5 / (7.0 * per_day);
            f64::from(u8::from((EVEN.0 - slack..=EVEN.1 + slack).contains(r)))
        })),
        p95_day: days.quantile(0.95).map(|n| n / per_day),
        n_re_alerts,
        precision_with_re_alerts: share(n_true + n_re_true, all),
        n_new_subjects: new().count(),
        subject_recall_new: share(n_new_alerted, new().count()),
        precision_ceiling: share(hindsight.n_chances().min(n_allowed), n_allowed),
        fixed_precision: share(fixed.n_true, fixed.n),
        fixed_subject_recall: share(fixed.n_subjects, histories.len()),
    }
}

fn is_alert(event: &Scored) -> bool {
    matches!(event.outcome, ScoreOutcome::Alert | ScoreOutcome::Explored)
}

fn is_re_alert(event: &Scored) -> bool {
    event.outcome == ScoreOutcome::ReAlert
}

impl BudgetHistory {
    fn note(&mut self, event: &Scored, is_alert: bool) {
        if self.first.is_none() {
            self.was_confirmed = event.known == Some(true);
        }
        self.first.get_or_insert(event.time);
        self.payers.insert(event.sender);
        self.value += event.value;
        if self.alerted.is_some() {
            self.value_after += event.value;
        } else if is_alert {
            self.alerted = Some(event.time);
            self.n_payers_before = self.payers.len();
        }
    }

    fn hours_before(&self) -> Option<f64> {
        Some(self.alerted?.since(self.first?) as f64 / EventTime::HOUR as f64)
    }
}

/// Alerts by whole day of a range.
struct Days(Vec<f64>);

impl Days {
    fn new(times: &[EventTime], range: Range) -> Self {
        let n_days = range.until.since(range.from) / EventTime::DAY;
        let mut days = vec![0.0; usize::try_from(n_days).unwrap_or(0)];
        for time in times {
            let day = time.since(range.from) / EventTime::DAY;
            if let Some(n) = usize::try_from(day).ok().and_then(|day| days.get_mut(day)) {
                *n += 1.0;
            }
        }
        Self(days)
    }

    fn weeks(&self) -> impl Iterator<Item = f64> {
        self.0.chunks_exact((WEEK / EventTime::DAY) as usize).map(|week| week.iter().sum())
    }

    /// Returns the day count that a share of the days does not exceed.
    fn quantile(&self, share: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = libm::ceil(sorted.len() as f64 * share) as usize;
        sorted.get(rank.checked_sub(1)?).copied()
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + v));
    (n > 0.0).then(|| sum / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An event at an hour: (hour, subject, sender, value, whether it raised an alert).
    fn event(&(hour, subject, sender, value, is_alert): &(i64, u32, u32, f64, bool)) -> Scored {
        let time = EventTime::from_secs(hour * 3_600);
        Scored {
            time,
            subject,
            sender,
            value,
            score: value,
            p_value: 1.0,
            outcome: if is_alert { ScoreOutcome::Alert } else { ScoreOutcome::Quiet },
            known: None,
            first_seen: time,
            baselines: Vec::new(),
            opinions: Vec::new(),
        }
    }

    #[test]
    fn alerts_are_counted_by_subject_value_and_day() {
        let events: Vec<Scored> = [
            (0, 1, 10, 2.0, false),
            (6, 1, 11, 1.0, true), // The first alert on 1: two payers, six hours.
            (7, 1, 12, 3.0, false),
            (8, 1, 12, 4.0, false),
            (30, 2, 10, 10.0, false), // 2 is positive and never alerted.
            (31, 3, 10, 50.0, true),  // 3 is not positive.
            (40, NOBODY, 10, 9.0, true),
        ]
        .iter()
        .map(event)
        .collect();
        let truth = Labels::of(4, [1, 2]);
        let end = EventTime::from_secs(14 * 86_400);
        let range = Range { from: EventTime::default(), until: end };
        let allowance = Allowance { per_day: 0.25, cool_down: EventTime::DAY };
        let report = at_budget(&events, &truth, allowance, range);
        assert_eq!((report.n_alerts, report.n_new_subjects), (3, 2));
        assert_eq!(report.precision, Some(1.0 / 3.0));
        assert_eq!(report.subject_recall, Some(0.5));
        assert_eq!(report.value_saved, Some(7.0 / 20.0));
        assert_eq!((report.victims_before, report.hours_before), (Some(2.0), Some(6.0)));
        // Three alerts in the first week and none in the second, at 1.75 a week.
        assert_eq!(report.weekly_ratio, Some(1.5 / 1.75));
        assert_eq!((report.weekly_ratio_min, report.weeks_even), (Some(0.0), Some(0.0)));
        // 14 days: 1 and 2 alerts on the first two; 95 % of 14 is the fourteenth.
        assert_eq!(report.p95_day, Some(8.0));
        // 14 days at 0.25 allow 4 (3.5, rounded); subject 1 has one chance, for all its events lie
        // within a day, and 2 another.
        assert_eq!(report.precision_ceiling, Some(0.5));
        // Every threshold keeps within four: the lowest raises one alert on each of 1, 2 and 3.
        assert_eq!(report.fixed_precision, Some(2.0 / 3.0));
        assert_eq!(report.fixed_subject_recall, Some(1.0));
        let nothing = at_budget(&[], &truth, allowance, Range { from: end, until: end });
        assert_eq!(nothing, BudgetReport::default());
    }
}
