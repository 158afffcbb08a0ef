//! Trailing mid-ranks: how much of the recent past lies below a value.

use super::grid::Grid;
use serde::{Deserialize, Serialize};

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
