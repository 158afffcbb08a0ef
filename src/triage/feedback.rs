//! Verdicts on alerts, and how often each detector turned out to be right.

use crate::model::{AlertId, Judgement, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Alerts that can still be judged; the oldest leave first. At the default budget more than a
/// year of score alerts. 24 bytes each.
const JUDGEABLE_MAX: usize = 65_536;
/// Weights are kept as integers, so that taking back a verdict leaves no rounding behind.
const WHOLE: f64 = 1_000.0;

/// An alert that can still be judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Judgeable {
    alert: AlertId,
    /// Its leading detector, by position among the tallies.
    lead: u16,
    /// The verdict in force and its weight in thousandths.
    given: Option<(Judgement, u16)>,
}

/// The verdicts on one detector's alerts, by weight in thousandths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tally {
    detector: String,
    confirmed: u64,
    refuted: u64,
    unsure: u64,
}

/// What verdicts have taught.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Feedback {
    judgeable: VecDeque<Judgeable>,
    /// One for each detector that ever led an alert: as many as there are rules and models.
    tallies: Vec<Tally>,
}

impl Feedback {
    /// Remembers who led an alert that was just raised.
    pub(super) fn note(&mut self, alert: AlertId, detector: &str) {
        let known = self.tallies.iter().position(|t| t.detector == detector);
        let lead = known.unwrap_or_else(|| {
            let detector = detector.to_owned();
            self.tallies.push(Tally { detector, confirmed: 0, refuted: 0, unsure: 0 });
            self.tallies.len() - 1
        });
        if self.judgeable.len() >= JUDGEABLE_MAX {
            self.judgeable.pop_front();
        }
        self.judgeable.push_back(Judgeable { alert, lead: lead as u16, given: None });
    }

    /// Learns a verdict in place of an earlier one on the same alert; returns whether the alert is
    /// known.
    ///
    /// # Cost
    /// A walk over the judgeable alerts, newest first: at most a tenth of a millisecond.
    pub(super) fn learn(&mut self, verdict: &Verdict) -> bool {
        let id = verdict.alert_id.as_deref().and_then(AlertId::parse);
        let found = self.judgeable.iter_mut().rev().find(|j| Some(j.alert) == id);
        let Some(Judgeable { lead, given, .. }) = found else { return false };
        let Some(tally) = self.tallies.get_mut(usize::from(*lead)) else { return false };
        let weight = libm::round(verdict.weight * WHOLE).clamp(1.0, WHOLE) as u16;
        if let Some((earlier, weight)) = given.replace((verdict.verdict, weight)) {
            let sum = tally.sum(earlier);
            *sum = sum.saturating_sub(u64::from(weight));
        }
        *tally.sum(verdict.verdict) += u64::from(weight);
        true
    }

    /// Returns how likely an alert led by a detector is right, once there have been verdicts on
    /// its alerts.
    ///
    /// # Source
    /// Rule of succession: the mean of a Beta law that starts out flat.
    pub(super) fn confidence(&self, detector: &str) -> Option<f64> {
        let tally = self.tallies.iter().find(|t| t.detector == detector)?;
        let (confirmed, refuted) = (tally.confirmed as f64, tally.refuted as f64);
        if confirmed + refuted == 0.0 {
            return None;
        }
        let mean = (confirmed + WHOLE) / (confirmed + refuted + 2.0 * WHOLE);
        // Three decimals: what is shown is what is meant.
        Some(libm::round(mean * 1_000.0) / 1_000.0)
    }
}

impl Tally {
    /// Returns the sum that a judgement adds to.
    fn sum(&mut self, judgement: Judgement) -> &mut u64 {
        match judgement {
            Judgement::TruePositive => &mut self.confirmed,
            Judgement::FalsePositive | Judgement::Benign => &mut self.refuted,
            Judgement::Unsure | Judgement::Allow | Judgement::Deny | Judgement::RollBack => {
                &mut self.unsure
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(alert: u8, verdict: Judgement) -> Verdict {
        Verdict {
            schema: Verdict::SCHEMA.to_owned(),
            alert_id: Some(AlertId([alert; 16]).hex()),
            subject: "eip155:1:0xab".to_owned(),
            verdict,
            analyst: "ann".to_owned(),
            weight: 1.0,
            time_ms: 0,
            until_ms: None,
            note: None,
        }
    }

    #[test]
    fn confidence_is_the_smoothed_share_of_alerts_that_were_right() {
        let mut feedback = Feedback::default();
        (0..4).for_each(|i| feedback.note(AlertId([i; 16]), "fan_in"));
        feedback.note(AlertId([9; 16]), "peel_chain");
        assert_eq!(feedback.confidence("fan_in"), None, "nobody has judged yet");
        assert!((0..3).all(|i| feedback.learn(&verdict(i, Judgement::TruePositive))));
        assert_eq!(feedback.confidence("fan_in"), Some(0.8));
        assert!(feedback.learn(&verdict(2, Judgement::Benign)), "a correction replaces");
        assert_eq!(feedback.confidence("fan_in"), Some(0.6));
        assert!(feedback.learn(&verdict(2, Judgement::Unsure)), "and so does a doubt");
        assert_eq!(feedback.confidence("fan_in"), Some(0.75));
        assert!(!feedback.learn(&verdict(77, Judgement::TruePositive)), "never raised");
        assert_eq!(feedback.confidence("peel_chain"), None);
    }

    #[test]
    fn the_oldest_alerts_are_forgotten() {
        let mut feedback = Feedback::default();
        let id = |i: usize| AlertId((i as u128).to_le_bytes());
        (0..=JUDGEABLE_MAX).for_each(|i| feedback.note(id(i), "fan_in"));
        assert_eq!(feedback.judgeable.len(), JUDGEABLE_MAX);
        let on = |i| Verdict { alert_id: Some(id(i).hex()), ..verdict(0, Judgement::Benign) };
        assert!(!feedback.learn(&on(0)) && feedback.learn(&on(1)));
    }
}
