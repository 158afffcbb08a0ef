//! Learning from verdicts off the hot path: a lesson, its fit, and its check on subjects held out.

use super::FitJob;
use crate::ml::{
    logistic::{Margin, Term},
    splitmix::mix,
    trees::{Growth, LabelledRows, Trees},
};
use serde::{Deserialize, Serialize};

/// Bytes that one number of a job carries: an `f64` holds integers of 48 bits exactly.
const PACKED: usize = 6;
/// Numbers in front of a packed row: its signed weight, and its half.
const LEAD: usize = 2;
/// A fit that ranks subjects it has not seen no better than this has learned nothing, or lies.
const AUC_MIN: f64 = 0.6;
/// One tree in so many is grown for the check: halves of the data need less.
const CHECK_TREES_DIVISOR: usize = 3;
/// Positive rows of one half without which the check says nothing.
const CHECK_ROWS_MIN: usize = 8;

/// What a fit learns from: rows of ranks with a signed weight, above 0 for fraud.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lesson {
    pub n_columns: usize,
    /// The groups of columns whose weights are learned, with their usual weights.
    terms: Vec<Term>,
    /// Row-major.
    pub rows: Vec<u8>,
    pub weights: Vec<f32>,
    pub is_positive: Vec<bool>,
    /// Into which half of the check a row falls: all rows of a subject into the same.
    halves: Vec<bool>,
}

/// Log-odds of fraud: of groups whose weights are learned, and trees that learn what these miss.
///
/// Few verdicts can move ten weights but not grow trees that hold for accounts they have not seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Odds {
    margin: Margin,
    trees: Trees,
}

/// A fitted model and how much it may say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ensemble {
    pub id: u64,
    pub odds: Odds,
    /// Accounts judged fraud that it has learned from.
    pub n_positive: u32,
    /// How well it ranked subjects that it had not seen; absent where there were too few.
    pub auc: Option<f64>,
}

impl Odds {
    fn fit(lesson: &Lesson, growth: &Growth, seed: u64) -> Option<Self> {
        let table = lesson.table();
        let margin = Margin::fit(&table, &lesson.terms);
        let rows = lesson.rows.chunks_exact(lesson.n_columns.max(1));
        let margins: Vec<f64> = rows.map(|row| margin.logit(row)).collect();
        let trees = Trees::fit(&table, &margins, growth, seed)?;
        Some(Self { margin, trees })
    }

    /// Returns the log-odds that a row is fraud.
    ///
    /// # Cost
    /// A logarithm a group and about four comparisons a tree: 2 µs for 150 trees.
    pub fn logit(&self, row: &[u8]) -> f64 {
        self.margin.logit(row) + self.trees.logit(row)
    }

    /// Returns whether the parts fit together (after a restore).
    pub fn is_shaped(&self, n_columns: usize) -> bool {
        self.margin.is_shaped(n_columns) && self.trees.is_shaped(n_columns)
    }
}

impl Ensemble {
    /// Returns the share of the combined score that it earns: the more judged, the more.
    ///
    /// # Source
    /// n⁺ / (n⁺ + half) counts *subjects*: events of one account are one verdict, not thirty.
    pub fn share(&self, half: f64, share_max: f64) -> f64 {
        let n = f64::from(self.n_positive);
        (n / (n + half)).min(share_max)
    }
}

impl Lesson {
    /// Makes an empty lesson about groups of columns.
    pub fn new(n_columns: usize, terms: Vec<Term>) -> Self {
        Self { n_columns, terms, ..Self::default() }
    }

    /// Adds a row of a group that must not be torn apart by the check.
    pub fn add(&mut self, row: &[u8], weight: f64, group: u64) {
        assert!(row.len() == self.n_columns, "a row has one value a column");
        self.rows.extend_from_slice(row);
        self.weights.push(weight.abs() as f32);
        self.is_positive.push(weight > 0.0);
        self.halves.push(mix(group) & 1 == 1);
    }

    /// Packs the rows into the numbers of a job.
    ///
    /// # Shape
    /// `(n_rows, returned width)`, row-major.
    pub fn pack(&self) -> (Vec<f64>, usize) {
        let width = LEAD + self.n_columns.div_ceil(PACKED);
        let mut data = Vec::with_capacity(self.weights.len() * width);
        for (idx, row) in self.rows.chunks_exact(self.n_columns.max(1)).enumerate() {
            let sign = if self.is_positive[idx] { 1.0 } else { -1.0 };
            data.push(sign * f64::from(self.weights[idx]));
            data.push(f64::from(u8::from(self.halves[idx])));
            data.extend(row.chunks(PACKED).map(|bytes| {
                bytes.iter().rev().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte)) as f64
            }));
        }
        (data, width)
    }

    /// Reads the rows of a job back.
    pub fn unpack(job: &FitJob, n_columns: usize, terms: Vec<Term>) -> Self {
        let mut lesson = Self::new(n_columns, terms);
        for packed in job.data.chunks_exact(job.n_columns.max(LEAD)) {
            let start = lesson.rows.len();
            for number in &packed[LEAD..] {
                lesson.rows.extend_from_slice(&(*number as u64).to_le_bytes()[..PACKED]);
            }
            lesson.rows.resize(start + n_columns, 0);
            lesson.weights.push(packed[0].abs() as f32);
            lesson.is_positive.push(packed[0] > 0.0);
            lesson.halves.push(packed[1] > 0.0);
        }
        lesson
    }

    /// Fits an ensemble; `None` when there is nothing to tell apart, or when models of either half
    /// of the subjects do not recognise those of the other.
    pub fn fit(&self, growth: &Growth, seed: u64, id: u64, n_positive: u32) -> Option<Ensemble> {
        let auc = self.check(growth, seed);
        if auc.is_some_and(|auc| auc < AUC_MIN) {
            return None;
        }
        let odds = Odds::fit(self, growth, seed)?;
        Some(Ensemble { id, odds, n_positive, auc })
    }

    /// Returns how well models of either half of the subjects rank the other half: the mean area
    /// under the curve, `None` where a half has too few.
    fn check(&self, growth: &Growth, seed: u64) -> Option<f64> {
        let n_trees = (growth.n_trees / CHECK_TREES_DIVISOR).max(1);
        let growth = Growth { n_trees, ..*growth };
        let mut sum = 0.0;
        for half in [false, true] {
            let (learned, held) = (self.half(half), self.half(!half));
            let n_held = held.is_positive.iter().filter(|p| **p).count();
            let n_learned = learned.is_positive.iter().filter(|p| **p).count();
            if n_held.min(n_learned) < CHECK_ROWS_MIN {
                return None;
            }
            let odds = Odds::fit(&learned, &growth, mix(seed))?;
            let mut scored: Vec<(f64, bool)> = held
                .rows
                .chunks_exact(held.n_columns)
                .zip(&held.is_positive)
                .map(|(row, &is_positive)| (odds.logit(row), is_positive))
                .collect();
            sum += auc(&mut scored)?;
        }
        Some(sum / 2.0)
    }

    fn half(&self, wanted: bool) -> Self {
        let mut half = Self::new(self.n_columns, self.terms.clone());
        for (idx, row) in self.rows.chunks_exact(self.n_columns.max(1)).enumerate() {
            if self.halves[idx] == wanted {
                half.rows.extend_from_slice(row);
                half.weights.push(self.weights[idx]);
                half.is_positive.push(self.is_positive[idx]);
                half.halves.push(wanted);
            }
        }
        half
    }

    fn table(&self) -> LabelledRows<'_> {
        LabelledRows {
            rows: &self.rows,
            n_columns: self.n_columns,
            is_positive: &self.is_positive,
            weights: &self.weights,
        }
    }
}

/// Returns the probability that a positive is ranked above a negative, ties counting half.
fn auc(scored: &mut [(f64, bool)]) -> Option<f64> {
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut n_below, mut wins, mut n_positive) = (0.0, 0.0, 0.0);
    for tied in scored.chunk_by(|a, b| a.0 == b.0) {
        let positive = tied.iter().filter(|(_, p)| *p).count() as f64;
        let negative = tied.len() as f64 - positive;
        wins += positive * (n_below + negative / 2.0);
        n_below += negative;
        n_positive += positive;
    }
    (n_positive > 0.0 && n_below > 0.0).then(|| wins / (n_positive * n_below))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROWTH: Growth = Growth {
        n_trees: 30,
        rate: 0.1,
        leaves_max: 8,
        leaf_rows_min: 5,
        row_share: 0.8,
        column_share: 0.5,
    };

    fn terms() -> Vec<Term> {
        vec![Term { weight: 1.0, columns: vec![(1, true), (2, false)] }]
    }

    /// Forty subjects of ten events; column 3 is high for every second one, or for none.
    fn lesson(is_learnable: bool) -> Lesson {
        let mut lesson = Lesson::new(8, terms());
        for n in 0..400u64 {
            let mut row: [u8; 8] = std::array::from_fn(|c| mix(n * 8 + c as u64) as u8);
            let subject = n / 10;
            let is_fraud = subject.is_multiple_of(2);
            if is_learnable {
                row[3] = if is_fraud { row[3] | 0x80 } else { row[3] & 0x7f };
            }
            lesson.add(&row, if is_fraud { 1.0 } else { -0.5 }, subject);
        }
        lesson
    }

    fn job(lesson: &Lesson) -> FitJob {
        let (data, n_columns) = lesson.pack();
        let model = "verdicts".to_owned();
        FitJob { model, id: 1, takeover_at: 9, seed: 3, data, n_columns, settings: Vec::new() }
    }

    #[test]
    fn a_lesson_survives_its_job() {
        let lesson = lesson(true);
        assert_eq!(Lesson::unpack(&job(&lesson), 8, terms()), lesson);
    }

    #[test]
    fn what_can_be_told_apart_is_learned_and_noise_is_refused() {
        let fitted = lesson(true).fit(&GROWTH, 3, 1, 20).unwrap();
        assert!(fitted.auc.unwrap() > 0.9, "{:?}", fitted.auc);
        assert!(fitted.odds.logit(&[9, 9, 9, 250, 9, 9, 9, 9]) > 1.0);
        assert!(fitted.odds.logit(&[9, 9, 9, 5, 9, 9, 9, 9]) < -1.0);
        assert!(fitted.odds.is_shaped(8) && !fitted.odds.is_shaped(9));
        assert_eq!(
            lesson(true).fit(&GROWTH, 3, 1, 20),
            Some(fitted),
            "the same from the same seed"
        );
        assert_eq!(lesson(false).fit(&GROWTH, 3, 1, 20), None, "no better than chance");
    }

    #[test]
    fn the_share_grows_with_judged_subjects() {
        let of = |n_positive| {
            let fitted = lesson(true).fit(&GROWTH, 3, 1, n_positive).unwrap();
            fitted.share(20.0, 0.95)
        };
        assert_eq!((of(20), of(10_000)), (0.5, 0.95));
    }

    #[test]
    fn the_area_counts_ties_half() {
        let mut scored = vec![(1.0, true), (0.0, false), (0.0, true), (-1.0, false)];
        assert_eq!(auc(&mut scored), Some(0.875));
        assert_eq!(auc(&mut [(1.0, true)]), None);
    }
}
