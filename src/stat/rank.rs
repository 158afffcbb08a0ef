//! Trailing mid-ranks: how much of the recent past lies below a value, by quantile grids.

use serde::{Deserialize, Serialize};

/// Points of a quantile grid: ranks are exact at a knot and interpolated between two, so no rank
/// is off by more than 1/512 in continuous data, and ties (which are knots) have their exact rank.
const KNOTS_MAX: usize = 512;

/// The empirical distribution of one column, thinned to at most 512 distinct values.
///
/// # Cost
/// A rank is a binary search over 512 numbers, about 10 ns; 6 KiB held.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    n_samples: u32,
    /// Ascending, distinct.
    #[serde(with = "super::floats")]
    knots: Vec<f32>,
    /// Share of samples strictly below each knot, and at or below it.
    #[serde(with = "super::floats")]
    below: Vec<f32>,
    #[serde(with = "super::floats")]
    up_to: Vec<f32>,
}

impl Grid {
    /// Builds the grid of sorted samples without NaN.
    pub fn of_sorted(sorted: &[f32]) -> Self {
        let n = sorted.len();
        let mut grid = Self { n_samples: n as u32, ..Self::default() };
        let n_knots = n.min(KNOTS_MAX);
        for step in 0..n_knots {
            let value = sorted[step * (n - 1) / (n_knots - 1).max(1)];
            if grid.knots.last().is_none_or(|&last| last < value) {
                let share = |count: usize| count as f32 / n as f32;
                grid.knots.push(value);
                grid.below.push(share(sorted.partition_point(|&s| s < value)));
                grid.up_to.push(share(sorted.partition_point(|&s| s <= value)));
            }
        }
        grid
    }

    /// Returns whether there is nothing to rank against.
    pub fn is_empty(&self) -> bool {
        self.knots.is_empty()
    }

    /// Returns how many samples the grid stands for.
    pub fn n_samples(&self) -> u32 {
        self.n_samples
    }

    /// Returns the mid-rank of a value in (0, 1); ½ when there is nothing to rank against.
    pub fn rank(&self, value: f64) -> f64 {
        if self.is_empty() {
            return 0.5;
        }
        let value = value as f32;
        // Nothing is rarer than half a sample.
        let least = 0.5 / f64::from(self.n_samples);
        let rank = match self.knots.partition_point(|&k| k <= value) {
            0 => 0.0,
            next => {
                let (idx, below) = (next - 1, f64::from(self.up_to[next - 1]));
                if self.knots[idx] == value {
                    self.rank_of(idx)
                } else if next == self.knots.len() {
                    1.0
                } else {
                    let (low, high) = (f64::from(self.knots[idx]), f64::from(self.knots[next]));
                    let part = (f64::from(value) - low) / (high - low);
                    below + part * (f64::from(self.below[next]) - below)
                }
            }
        };
        rank.clamp(least, 1.0 - least)
    }

    /// Returns the highest seen value whose own rank is at most this, `None` where none is: what a
    /// value can be and still rank so low.
    pub fn highest_at_most(&self, rank: f64) -> Option<f64> {
        let idx = (0..self.knots.len()).rev().find(|idx| self.rank_of(*idx) <= rank)?;
        Some(f64::from(self.knots[idx]))
    }

    /// Returns the lowest seen value whose own rank is at least this, `None` where none is.
    pub fn lowest_at_least(&self, rank: f64) -> Option<f64> {
        let idx = (0..self.knots.len()).find(|idx| self.rank_of(*idx) >= rank)?;
        Some(f64::from(self.knots[idx]))
    }

    fn rank_of(&self, idx: usize) -> f64 {
        f64::midpoint(f64::from(self.below[idx]), f64::from(self.up_to[idx]))
    }

    /// Returns the value of a given rank: the inverse of [`Grid::rank`], to a grid step.
    pub fn quantile(&self, rank: f64) -> Option<f64> {
        let last = self.knots.len().checked_sub(1)?;
        let idx = self.up_to.partition_point(|&share| f64::from(share) < rank).min(last);
        Some(f64::from(self.knots[idx]))
    }
}

/// The last `window` rows of a few columns, and a grid for each that is rebuilt now and then.
///
/// Grids are built anew each time the count doubles from `warm_up` on; once that reaches
/// `refresh`, every column is rebuilt each `refresh` rows, the columns taking turns so that no
/// single event pays for all of them. A NaN is an absent value.
///
/// # Cost
/// `4 · window · n_columns` bytes; a push is a copy, a rebuild sorts `window` numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrailingRanks {
    n_columns: u32,
    window: u32,
    refresh: u64,
    warm_up: u64,
    n_pushed: u64,
    /// Row-major ring of `window` rows.
    #[serde(with = "super::floats")]
    rows: Vec<f32>,
    grids: Vec<Grid>,
}

/// How much past ranks are taken over.
///
/// # Units
/// Events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    pub window: u32,
    pub refresh: u32,
    pub warm_up: u32,
}

impl TrailingRanks {
    /// Makes empty ranks.
    pub fn new(n_columns: usize, horizon: Horizon) -> Self {
        Self {
            n_columns: n_columns as u32,
            window: horizon.window.max(1),
            refresh: u64::from(horizon.refresh.max(1)),
            warm_up: u64::from(horizon.warm_up.max(1)),
            n_pushed: 0,
            rows: Vec::new(),
            grids: vec![Grid::default(); n_columns],
        }
    }

    /// Returns whether this has the given width and its rows are whole (after a restore).
    pub fn is_shaped(&self, n_columns: usize) -> bool {
        let width = self.n_columns as usize;
        width == n_columns
            && self.grids.len() == width
            && self.rows.len() as u64 == self.n_pushed.min(u64::from(self.window)) * width as u64
    }

    /// Returns whether there has been enough to rank against.
    pub fn is_warm(&self) -> bool {
        self.n_pushed >= self.warm_up
    }

    /// Returns whether the next row takes the place of the oldest.
    pub fn is_full(&self) -> bool {
        self.n_pushed >= u64::from(self.window)
    }

    /// Returns the grid of a column.
    pub fn grid(&self, column: usize) -> &Grid {
        &self.grids[column]
    }

    /// Appends a row, the oldest one leaving; rebuilds the grids whose turn it is and returns
    /// whether there were any.
    pub fn push(&mut self, row: &[f32]) -> bool {
        self.push_then(row, |_| ())
    }

    /// The same, handing out the ascending values of each column whose grid is rebuilt.
    pub fn push_then(&mut self, row: &[f32], mut on_rebuilt: impl FnMut(&[f32])) -> bool {
        let width = self.n_columns as usize;
        assert!(row.len() == width, "a row has one value a column");
        if self.n_pushed < u64::from(self.window) {
            self.rows.extend_from_slice(row);
        } else {
            let start = (self.n_pushed % u64::from(self.window)) as usize * width;
            self.rows[start..start + width].copy_from_slice(row);
        }
        self.n_pushed += 1;
        let is_doubling = self.n_pushed < self.refresh
            && self.n_pushed.is_multiple_of(self.warm_up)
            && (self.n_pushed / self.warm_up).is_power_of_two();
        // A refresh shorter than the warm-up must not leave columns without a grid.
        let is_first = self.n_pushed == self.warm_up;
        let columns = if is_doubling || is_first { 0..width } else { self.turn() };
        for column in columns.clone() {
            let values = self.sorted(column);
            self.grids[column] = Grid::of_sorted(&values);
            on_rebuilt(&values);
        }
        !columns.is_empty()
    }

    /// Returns the columns whose turn it is: column `c` at `c · refresh / width`, rounded down.
    fn turn(&self) -> core::ops::Range<usize> {
        if self.n_pushed < self.refresh {
            return 0..0;
        }
        let (phase, width) = (self.n_pushed % self.refresh, u64::from(self.n_columns));
        let first_from = |phase: u64| (phase * width).div_ceil(self.refresh) as usize;
        first_from(phase)..first_from(phase + 1)
    }

    /// Returns a column's values that are present, ascending.
    pub fn sorted(&self, column: usize) -> Vec<f32> {
        let values = self.rows.iter().skip(column).step_by(self.n_columns as usize);
        sorted(values.copied())
    }
}

/// Sorts numbers by the integers of the same order, which is twice as fast; drops NaN.
pub fn sorted(values: impl Iterator<Item = f32>) -> Vec<f32> {
    const SIGN: u32 = 1 << 31;
    let mut keys: Vec<u32> = values
        .filter(|v| !v.is_nan())
        // Adding zero turns −0 into +0: the two are one value and must be one knot.
        .map(|v| (v + 0.0).to_bits())
        .map(|bits| if bits & SIGN == 0 { bits | SIGN } else { !bits })
        .collect();
    keys.sort_unstable();
    keys.into_iter()
        .map(|key| f32::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_agree_with_counting() {
        let values: Vec<f32> = (0..20_000u32).map(|i| ((i * 7_919) % 5_003) as f32).collect();
        let grid = Grid::of_sorted(&sorted(values.iter().copied()));
        for probe in [0.0, 1.0, 17.0, 2_500.5, 4_999.0, 5_002.0] {
            let below = values.iter().filter(|&&v| f64::from(v) < probe).count();
            let up_to = values.iter().filter(|&&v| f64::from(v) <= probe).count();
            let exact = (below + up_to) as f64 / 2.0 / values.len() as f64;
            assert!((grid.rank(probe) - exact).abs() < 1.0 / 512.0, "{probe}: {exact}");
        }
        assert_eq!(grid.rank(-1.0), 0.5 / 20_000.0);
        assert_eq!(grid.rank(6_000.0), 1.0 - 0.5 / 20_000.0);
    }

    #[test]
    fn ties_have_their_exact_mid_rank() {
        let values = sorted((0..1_000u16).map(|i| if i < 900 { -0.0 } else { f32::from(i) }));
        let grid = Grid::of_sorted(&values);
        assert!((grid.rank(0.0) - 0.45).abs() < 1e-6);
        assert!(grid.quantile(0.95).is_some_and(|v| (945.0..955.0).contains(&v)));
        // Nine in ten are zero: nothing seen ranks below that, and nothing above the last.
        assert_eq!(
            [0.44, 0.45, 0.9].map(|r| grid.highest_at_most(r)),
            [None, Some(0.0), Some(0.0)]
        );
        assert!(grid.lowest_at_least(0.46).is_some_and(|v| (900.0..903.0).contains(&v)));
        assert_eq!(grid.lowest_at_least(1.0), None);
    }

    #[test]
    fn old_rows_leave_and_absent_values_do_not_count() {
        let horizon = Horizon { window: 100, refresh: 100, warm_up: 10 };
        let mut ranks = TrailingRanks::new(2, horizon);
        let n_rebuilt = (0..100).filter(|_| ranks.push(&[1.0, f32::NAN])).count();
        assert!(n_rebuilt > 0);
        assert_eq!(ranks.grid(0).rank(2.0), 1.0 - 0.5 / 100.0);
        assert!(ranks.grid(1).is_empty() && ranks.is_warm());
        for _ in 0..200 {
            ranks.push(&[3.0, 4.0]);
        }
        assert_eq!(ranks.grid(0).rank(2.0), 0.5 / 100.0);
        assert_eq!(ranks.grid(1).rank(4.0), 0.5);
        assert!(ranks.is_shaped(2) && !ranks.is_shaped(3));
    }
}
