//! Grows the trees of an ensemble: best leaf first, by histograms of the ranks' bytes.

use super::trees::{GAIN_MIN, Growth, LEAF, LEAVES_MAX, LabelledRows, RIDGE, STEPS, Split, Trees};
use crate::ml::splitmix::mix;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256Plus;

/// What growing needs from tree to tree.
pub(crate) struct Grower<'a> {
    table: &'a LabelledRows<'a>,
    growth: &'a Growth,
    /// Column-major copy of the rows.
    columns: Vec<u8>,
    /// The ensemble's log-odds of each row so far.
    logits: Vec<f64>,
    /// First and second derivative of the loss of each row.
    slopes: Vec<(f64, f64)>,
    rng: Xoshiro256Plus,
}

/// A leaf that may still be split: a range of the sampled rows.
struct OpenLeaf {
    rows: core::ops::Range<usize>,
    sum: GradientSum,
    best: Option<BestSplit>,
    /// The split and side it hangs from.
    parent: Option<(usize, bool)>,
}

/// The best split of a leaf.
#[derive(Clone, Copy)]
struct BestSplit {
    gain: f64,
    column: usize,
    threshold: u8,
}

#[derive(Clone, Copy, Default)]
struct GradientSum {
    slope: f64,
    bend: f64,
    n_rows: u32,
}

impl GradientSum {
    fn add(&mut self, other: Self) {
        self.slope += other.slope;
        self.bend += other.bend;
        self.n_rows += other.n_rows;
    }

    fn without(self, other: Self) -> Self {
        Self {
            slope: self.slope - other.slope,
            bend: self.bend - other.bend,
            n_rows: self.n_rows - other.n_rows,
        }
    }

    fn worth(self) -> f64 {
        self.slope * self.slope / (self.bend + RIDGE)
    }
}

impl<'a> Grower<'a> {
    pub(crate) fn new(
        table: &'a LabelledRows<'a>,
        margins: &[f64],
        growth: &'a Growth,
        seed: u64,
    ) -> Self {
        let n_rows = table.weights.len();
        let mut columns = vec![0; n_rows * table.n_columns];
        for (at, row) in table.rows.chunks_exact(table.n_columns).enumerate() {
            for (column, &value) in row.iter().enumerate() {
                columns[column * n_rows + at] = value;
            }
        }
        Self {
            table,
            growth,
            columns,
            logits: margins.to_vec(),
            slopes: vec![(0.0, 0.0); n_rows],
            rng: Xoshiro256Plus::seed_from_u64(mix(seed)),
        }
    }

    /// Grows one tree, best leaf first, and adds it to the ensemble.
    pub(crate) fn grow(&mut self, trees: &mut Trees) {
        self.derive();
        let start = (trees.splits.len(), trees.leaves.len());
        let columns = self.draw_columns();
        let mut rows = self.draw_rows();
        let whole = 0..rows.len();
        let mut open = vec![self.open(&rows, whole, &columns, None)];
        while open.len() < self.growth.leaves_max.clamp(2, LEAVES_MAX) {
            let gain = |leaf: &OpenLeaf| leaf.best.map_or(0.0, |best| best.gain);
            let widest = (0..open.len()).max_by(|&a, &b| {
                // The earlier one where two are alike.
                gain(&open[a]).total_cmp(&gain(&open[b])).then(b.cmp(&a))
            });
            let Some((at, best)) = widest.and_then(|at| Some((at, open[at].best?))) else { break };
            let leaf = open.swap_remove(at);
            let split = trees.splits.len() - start.0;
            let (column, threshold) = (best.column as u8, best.threshold);
            trees.splits.push(Split { column, threshold, low: LEAF, high: LEAF });
            hang(trees, start.0, leaf.parent, split as u8);
            let middle = self.divide(&mut rows[leaf.rows.clone()], best) + leaf.rows.start;
            for (range, is_low) in [(leaf.rows.start..middle, true), (middle..leaf.rows.end, false)]
            {
                open.push(self.open(&rows, range, &columns, Some((split, is_low))));
            }
        }
        for (name, leaf) in open.iter().enumerate() {
            hang(trees, start.0, leaf.parent, LEAF | name as u8);
            let step = self.growth.rate * leaf.sum.slope / (leaf.sum.bend + RIDGE);
            trees.leaves.push(step as f32);
        }
        trees.starts.push((start.0 as u32, start.1 as u32));
        for (row, logit) in self.table.rows.chunks_exact(self.table.n_columns).zip(&mut self.logits)
        {
            *logit += f64::from(trees.leaves[start.1 + trees.leaf(start.0, row)]);
        }
    }

    /// Computes the derivatives of the logistic loss.
    fn derive(&mut self) {
        let labelled = self.table.weights.iter().zip(self.table.is_positive);
        for ((slope, &logit), (&weight, &is_positive)) in
            self.slopes.iter_mut().zip(&self.logits).zip(labelled)
        {
            let p = 1.0 / (1.0 + libm::exp(-logit));
            let y = if is_positive { 1.0 } else { 0.0 };
            *slope = (f64::from(weight) * (y - p), f64::from(weight) * p * (1.0 - p));
        }
    }

    fn draw_columns(&mut self) -> Vec<usize> {
        let n_columns = self.table.n_columns;
        let n_drawn = libm::ceil(self.growth.column_share * n_columns as f64) as usize;
        let mut columns: Vec<usize> = (0..n_columns).collect();
        for at in 0..n_drawn.min(n_columns) {
            let other = self.rng.gen_range(at..n_columns);
            columns.swap(at, other);
        }
        columns.truncate(n_drawn.max(1));
        columns
    }

    fn draw_rows(&mut self) -> Vec<u32> {
        let share = self.growth.row_share;
        (0..self.table.weights.len() as u32).filter(|_| self.rng.gen_bool(share)).collect()
    }

    /// Measures a leaf and finds its best split.
    fn open(
        &self,
        rows: &[u32],
        range: core::ops::Range<usize>,
        columns: &[usize],
        parent: Option<(usize, bool)>,
    ) -> OpenLeaf {
        let rows = &rows[range.clone()];
        let mut sum = GradientSum::default();
        for &row in rows {
            let (slope, bend) = self.slopes[row as usize];
            sum.add(GradientSum { slope, bend, n_rows: 1 });
        }
        let least = self.growth.leaf_rows_min;
        let mut best: Option<BestSplit> = None;
        if sum.n_rows >= 2 * least {
            for &column in columns {
                let found = self.best_of(rows, column, sum);
                let is_better = |f: &BestSplit| f.gain > best.map_or(GAIN_MIN, |known| known.gain);
                best = found.filter(is_better).or(best);
            }
        }
        OpenLeaf { rows: range, sum, best, parent }
    }

    /// Finds the best threshold of a column over some rows.
    fn best_of(&self, rows: &[u32], column: usize, whole: GradientSum) -> Option<BestSplit> {
        let n_rows = self.table.weights.len();
        let values = &self.columns[column * n_rows..(column + 1) * n_rows];
        let mut histogram = [GradientSum::default(); STEPS];
        for &row in rows {
            let (slope, bend) = self.slopes[row as usize];
            histogram[usize::from(values[row as usize])].add(GradientSum {
                slope,
                bend,
                n_rows: 1,
            });
        }
        let least = self.growth.leaf_rows_min;
        let mut low = GradientSum::default();
        let mut best: Option<BestSplit> = None;
        for (threshold, step) in histogram.iter().enumerate().take(STEPS - 1) {
            if step.n_rows == 0 {
                continue;
            }
            low.add(*step);
            let high = whole.without(low);
            if high.n_rows < least {
                break;
            }
            let gain = low.worth() + high.worth() - whole.worth();
            if low.n_rows >= least && best.is_none_or(|known| gain > known.gain) {
                best = Some(BestSplit { gain, column, threshold: threshold as u8 });
            }
        }
        best
    }

    /// Moves the rows of the low side to the front; returns how many there are.
    fn divide(&self, rows: &mut [u32], split: BestSplit) -> usize {
        let n_rows = self.table.weights.len();
        let values = &self.columns[split.column * n_rows..(split.column + 1) * n_rows];
        let mut middle = 0;
        for at in 0..rows.len() {
            if values[rows[at] as usize] <= split.threshold {
                rows.swap(at, middle);
                middle += 1;
            }
        }
        middle
    }
}

/// Writes a child into its parent.
fn hang(trees: &mut Trees, start: usize, parent: Option<(usize, bool)>, child: u8) {
    if let Some((parent, is_low)) = parent {
        let split = &mut trees.splits[start + parent];
        *(if is_low { &mut split.low } else { &mut split.high }) = child;
    }
}
