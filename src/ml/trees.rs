//! Gradient-boosted trees over rows of bytes: a binary classifier for some thousand rows.
//!
//! Rows are ranks in 256 steps, so that a histogram of a column is exact, a split is one comparison
//! of bytes, and a fitted model is a few kilobytes.

use super::tree_growth::Grower;
use serde::{Deserialize, Serialize};

/// Leaves of a tree at most: children are named by seven bits.
pub const LEAVES_MAX: usize = 64;
/// Trees of an ensemble at most: 64 leaves each, they are half a megabyte.
pub const TREES_MAX: usize = 1_000;
/// Marks a child that is a leaf.
pub(crate) const LEAF: u8 = 0x80;
/// Added to a leaf's curvature: a leaf of a few sure rows must not run away.
pub(crate) const RIDGE: f64 = 1.0;
/// A split that explains less than this is noise.
pub(crate) const GAIN_MIN: f64 = 1e-6;
/// Steps of a column.
pub(crate) const STEPS: usize = 256;

/// How trees are grown.
///
/// # Source
/// Friedman 2001, Greedy function approximation; second-order leaves and best-first growth as in
/// XGBoost (2016) and LightGBM (2017).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    pub n_trees: usize,
    pub rate: f64,
    pub leaves_max: usize,
    pub leaf_rows_min: u32,
    /// Share of rows, and of columns, that one tree sees.
    pub row_share: f64,
    pub column_share: f64,
}

/// Labelled rows.
#[derive(Clone, Copy, Debug)]
pub struct LabelledRows<'a> {
    /// Row-major.
    ///
    /// # Shape
    /// `(weights.len(), n_columns)`
    pub rows: &'a [u8],
    pub n_columns: usize,
    pub is_positive: &'a [bool],
    pub weights: &'a [f32],
}

/// A fitted ensemble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trees {
    n_columns: u16,
    /// Where each tree's splits and leaves begin.
    pub(crate) starts: Vec<(u32, u32)>,
    pub(crate) splits: Vec<Split>,
    #[serde(with = "crate::ml::floats")]
    pub(crate) leaves: Vec<f32>,
}

/// Sends a row to the low child if its value is at most the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Split {
    pub(crate) column: u8,
    pub(crate) threshold: u8,
    pub(crate) low: u8,
    pub(crate) high: u8,
}

impl Trees {
    /// Fits what is left to explain of the odds of rows, whose log-odds so far are `margins`;
    /// `None` where one of the classes is absent.
    ///
    /// # Cost
    /// `n_trees · n_rows · n_columns · column_share · log2(leaves)` additions: a quarter of a
    /// second for 150 trees of 15 leaves over 10,000 rows of 54 columns.
    pub fn fit(
        table: &LabelledRows<'_>,
        margins: &[f64],
        growth: &Growth,
        seed: u64,
    ) -> Option<Self> {
        let n_positive = table.is_positive.iter().filter(|p| **p).count();
        let is_one_class = n_positive == 0 || n_positive == table.is_positive.len();
        if is_one_class || table.n_columns > usize::from(LEAF) {
            return None;
        }
        let mut trees = Self {
            n_columns: table.n_columns as u16,
            starts: Vec::new(),
            splits: Vec::new(),
            leaves: Vec::new(),
        };
        let mut grower = Grower::new(table, margins, growth, seed);
        for _ in 0..growth.n_trees.min(TREES_MAX) {
            grower.grow(&mut trees);
        }
        Some(trees)
    }

    /// Returns what the trees add to the log-odds that a row is positive.
    ///
    /// # Cost
    /// About four comparisons a tree: 2 µs for 150 trees.
    pub fn logit(&self, row: &[u8]) -> f64 {
        assert!(row.len() == usize::from(self.n_columns), "a row has one value a column");
        let mut sum = 0.0;
        for &(split, leaf) in &self.starts {
            sum += self.leaves[leaf as usize + self.leaf(split as usize, row)];
        }
        f64::from(sum)
    }

    /// Returns whether the parts fit together (after a restore).
    pub fn is_shaped(&self, n_columns: usize) -> bool {
        let ends = self.starts.iter().skip(1).copied();
        let ends = ends.chain([(self.splits.len() as u32, self.leaves.len() as u32)]);
        let is_tree = |(&(split, leaf), (split_end, leaf_end)): (&(u32, u32), (u32, u32))| {
            let n_splits = split_end.checked_sub(split);
            let is_one_more = n_splits.is_some_and(|n| leaf_end.checked_sub(leaf) == Some(n + 1));
            let all = self.splits.get(split as usize..split_end as usize).unwrap_or_default();
            is_one_more
                && all.iter().enumerate().all(|(at, s)| s.is_sound(at, all.len(), n_columns))
        };
        usize::from(self.n_columns) == n_columns
            && self.starts.len() <= TREES_MAX
            && self.leaves.iter().all(|leaf| leaf.is_finite())
            && self.starts.iter().zip(ends).all(is_tree)
    }

    pub(crate) fn leaf(&self, start: usize, row: &[u8]) -> usize {
        // A tree without splits has one leaf.
        let mut child = match self.splits.len() > start {
            true => 0,
            false => LEAF,
        };
        while child & LEAF == 0 {
            let split = self.splits[start + usize::from(child)];
            let is_low = row[usize::from(split.column)] <= split.threshold;
            child = if is_low { split.low } else { split.high };
        }
        usize::from(child & !LEAF)
    }
}

impl Split {
    /// Returns whether children come after their parent, so that a walk ends.
    fn is_sound(&self, at: usize, n_splits: usize, n_columns: usize) -> bool {
        let is_child = |child: u8| match child & LEAF {
            0 => usize::from(child) > at && usize::from(child) < n_splits,
            _ => usize::from(child & !LEAF) <= n_splits,
        };
        usize::from(self.column) < n_columns && is_child(self.low) && is_child(self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::splitmix::mix;

    const GROWTH: Growth = Growth {
        n_trees: 60,
        rate: 0.1,
        leaves_max: 6,
        leaf_rows_min: 5,
        row_share: 0.8,
        column_share: 1.0,
    };

    /// Fraud where both of two columns are high, which neither tells alone.
    fn rows(n: u64) -> (Vec<u8>, Vec<bool>) {
        let rows: Vec<u8> = (0..n * 4).map(|i| mix(i) as u8).collect();
        let is_positive = rows.chunks_exact(4).map(|r| r[1] > 127 && r[2] > 127).collect();
        (rows, is_positive)
    }

    fn fit(n: u64) -> Trees {
        let (rows, is_positive) = rows(n);
        let weights = vec![1.0; n as usize];
        let table = LabelledRows {
            rows: &rows,
            n_columns: 4,
            is_positive: &is_positive,
            weights: &weights,
        };
        Trees::fit(&table, &vec![0.0; n as usize], &GROWTH, 7).unwrap()
    }

    #[test]
    fn a_conjunction_is_learned() {
        let trees = fit(1_000);
        let wrong = (0..=255u8)
            .flat_map(|a| (0..=255u8).map(move |b| (a, b)))
            .filter(|&(a, b)| (trees.logit(&[77, a, b, 200]) > 0.0) != (a > 127 && b > 127))
            .count();
        assert!(wrong < 65_536 / 40, "{wrong} of 65,536 are wrong");
    }

    #[test]
    fn bytes_of_another_shape_are_refused() {
        let trees = fit(300);
        assert!(trees.is_shaped(4) && !trees.is_shaped(5));
        let mut looping = trees.clone();
        looping.splits[1].low = 0;
        assert!(!looping.is_shaped(4), "a walk must end");
        let mut short = trees.clone();
        short.leaves.pop();
        assert!(!short.is_shaped(4));
        let mut outside = trees;
        outside.splits[0].column = 4;
        assert!(!outside.is_shaped(4));
    }

    #[test]
    fn one_class_alone_teaches_nothing() {
        let (rows, _) = rows(50);
        let (is_positive, weights) = (vec![true; 50], vec![1.0; 50]);
        let table = LabelledRows {
            rows: &rows,
            n_columns: 4,
            is_positive: &is_positive,
            weights: &weights,
        };
        assert_eq!(Trees::fit(&table, &[0.0; 50], &GROWTH, 7), None);
    }
}
