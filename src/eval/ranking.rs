//! Events in the order of their scores, and what that order is worth.

use super::stream::NOBODY;

/// One ranked event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    pub score: f64,
    pub is_positive: bool,
    pub subject: u32,
}

/// Events by descending score; equal scores are one group, so that no order among them counts.
#[derive(Clone, Debug)]
pub struct Ranking {
    ranked: Vec<Ranked>,
}

impl Ranking {
    /// Sorts events. A score that is not a number ranks last.
    pub fn new(events: impl IntoIterator<Item = Ranked>) -> Self {
        let mut ranked: Vec<Ranked> = events
            .into_iter()
            .map(|e| Ranked { score: if e.score.is_nan() { f64::MIN } else { e.score }, ..e })
            .collect();
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
        Self { ranked }
    }

    /// Returns how many events are ranked.
    pub fn len(&self) -> usize {
        self.ranked.len()
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranked.is_empty()
    }

    /// Returns how many are positive.
    pub fn n_positives(&self) -> usize {
        self.ranked.iter().filter(|e| e.is_positive).count()
    }

    /// Returns the share that is positive.
    pub fn prevalence(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.n_positives() as f64 / self.len() as f64)
    }

    /// Returns the average precision: the sum over recall steps of the precision there. `None`
    /// without positives.
    ///
    /// # Source
    /// AP = Σ (R_n − R_{n−1}) P_n over distinct scores, as scikit-learn's
    /// `average_precision_score`.
    pub fn average_precision(&self) -> Option<f64> {
        self.weighted_average_precision(|_| 1.0)
    }

    /// Returns the average precision when a subject's events count `weight` times each.
    pub fn weighted_average_precision(&self, weight: impl Fn(u32) -> f64) -> Option<f64> {
        let (mut all, mut positive, mut sum) = (0.0, 0.0, 0.0);
        self.groups(|group| {
            let (mut n, mut n_positive) = (0.0, 0.0);
            for event in group {
                let w = weight(event.subject);
                n += w;
                n_positive += if event.is_positive { w } else { 0.0 };
            }
            all += n;
            positive += n_positive;
            if n_positive > 0.0 {
                sum += n_positive * positive / all;
            }
        });
        (positive > 0.0).then(|| sum / positive)
    }

    /// Returns the area under the ROC curve: the chance that a positive event ranks above a
    /// negative one, ties counting half. `None` without either.
    pub fn auc(&self) -> Option<f64> {
        let (mut positive, mut won) = (0.0, 0.0);
        let n_positives = self.n_positives() as f64;
        let n_negatives = self.len() as f64 - n_positives;
        self.groups(|group| {
            let here = group.iter().filter(|e| e.is_positive).count() as f64;
            let negatives_here = group.len() as f64 - here;
            won += negatives_here * (positive + here / 2.0);
            positive += here;
        });
        (n_positives > 0.0 && n_negatives > 0.0).then(|| won / (n_positives * n_negatives))
    }

    /// Returns the precision among the highest share of events, at least one. Where equal scores
    /// straddle the end, their mean counts.
    pub fn precision_at(&self, share: f64) -> Option<f64> {
        let n_wanted = libm::ceil(self.len() as f64 * share - 1e-9).max(1.0);
        let (mut taken, mut positive) = (0.0, 0.0);
        self.groups(|group| {
            let n_here = group.len() as f64;
            let n = n_here.min(n_wanted - taken).max(0.0);
            let n_positive = group.iter().filter(|e| e.is_positive).count() as f64;
            taken += n;
            positive += n_positive * n / n_here;
        });
        (taken > 0.0).then(|| positive / taken)
    }

    /// Returns (recall, precision) after each distinct score.
    pub fn curve(&self) -> Vec<(f64, f64)> {
        let n_positives = self.n_positives() as f64;
        let (mut all, mut positive, mut points) = (0.0, 0.0, Vec::new());
        self.groups(|group| {
            all += group.len() as f64;
            positive += group.iter().filter(|e| e.is_positive).count() as f64;
            points.push((positive / n_positives.max(1.0), positive / all));
        });
        points
    }

    /// Returns the distinct subjects, ascending, without [`NOBODY`].
    pub fn subjects(&self) -> Vec<u32> {
        let mut subjects: Vec<u32> =
            self.ranked.iter().map(|e| e.subject).filter(|s| *s != NOBODY).collect();
        subjects.sort_unstable();
        subjects.dedup();
        subjects
    }

    fn groups(&self, mut each: impl FnMut(&[Ranked])) {
        for group in self.ranked.chunk_by(|a, b| a.score == b.score) {
            each(group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(events: &[(f64, u8)]) -> Ranking {
        Ranking::new(events.iter().zip(0..).map(|(&(score, label), subject)| Ranked {
            score,
            is_positive: label == 1,
            subject,
        }))
    }

    fn near(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-12)
    }

    #[test]
    fn figures_equal_those_worked_out_by_hand() {
        // Order: + − + − −. Precision at the positives: 1/1 and 2/3.
        let r = ranking(&[(0.2, 0), (0.9, 1), (0.5, 0), (0.7, 1), (0.8, 0)]);
        assert!(near(r.average_precision(), (1.0 + 2.0 / 3.0) / 2.0));
        // Of six pairs of a positive and a negative, five are in the right order.
        assert!(near(r.auc(), 5.0 / 6.0));
        assert!(near(r.precision_at(0.2), 1.0) && near(r.precision_at(0.4), 0.5));
        assert!(near(r.precision_at(0.001), 1.0), "at least one event");
        assert!(near(r.prevalence(), 0.4) && r.n_positives() == 2);
        assert_eq!(r.curve()[2], (1.0, 2.0 / 3.0));
    }

    #[test]
    fn ties_count_as_one_group() {
        // One group of two with one positive, then one positive: AP = ½·½ + ½·⅔.
        let r = ranking(&[(1.0, 1), (1.0, 0), (0.5, 1)]);
        assert!(near(r.average_precision(), 0.25 + 1.0 / 3.0));
        assert!(near(r.auc(), 0.25), "half a win in two pairs");
        assert!(near(r.precision_at(1.0 / 3.0), 0.5), "the mean of the group");
        let all_equal = ranking(&[(3.0, 1), (3.0, 0), (3.0, 0), (3.0, 0)]);
        assert!(near(all_equal.average_precision(), 0.25) && near(all_equal.auc(), 0.5));
    }

    #[test]
    fn weights_are_repetitions_and_what_has_no_score_ranks_last() {
        let events = [(0.9, 0), (0.8, 1), (0.7, 0), (0.6, 1)];
        let weights = [2.0, 1.0, 0.0, 3.0];
        let weighted = ranking(&events).weighted_average_precision(|s| weights[s as usize]);
        let repeated = ranking(&[(0.9, 0), (0.9, 0), (0.8, 1), (0.6, 1), (0.6, 1), (0.6, 1)]);
        assert!(near(weighted, repeated.average_precision().unwrap()));
        let r = ranking(&[(f64::NAN, 1), (-5.0, 0)]);
        assert!(near(r.average_precision(), 0.5) && near(r.auc(), 0.0));
        assert_eq!(ranking(&[]).average_precision(), None);
        assert_eq!(ranking(&[(1.0, 0)]).auc(), None);
        assert_eq!(ranking(&[(1.0, 0)]).average_precision(), None);
    }
}
