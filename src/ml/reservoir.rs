//! A bounded, decayed sample of recent rows: what background fits learn from.

use crate::ml::splitmix::mix;
use serde::{Deserialize, Serialize};

/// Keeps about the last `capacity · stride` rows, the older the thinner.
///
/// # Source
/// Biased reservoir sampling (Aggarwal, VLDB 2006): each admitted row replaces a random one, so
/// that a row's chance to be still there falls exponentially with its age.
///
/// # Cost
/// `4 · capacity · n_columns` bytes; a push is a copy at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reservoir {
    capacity: u32,
    n_columns: u32,
    /// One row in so many is admitted once the reservoir is full.
    stride: u32,
    seed: u64,
    n_seen: u64,
    /// Row-major.
    #[serde(with = "crate::ml::floats")]
    rows: Vec<f32>,
}

impl Reservoir {
    /// Makes an empty reservoir.
    pub fn new(capacity: usize, n_columns: usize, stride: u32, seed: u64) -> Self {
        Self {
            capacity: capacity.max(1) as u32,
            n_columns: n_columns as u32,
            stride: stride.max(1),
            seed,
            n_seen: 0,
            rows: Vec::new(),
        }
    }

    /// Returns how many rows are held.
    pub fn n_rows(&self) -> usize {
        self.rows.len() / (self.n_columns as usize).max(1)
    }

    /// Returns whether this has the given width and its rows are whole (after a restore).
    pub fn is_shaped(&self, n_columns: usize) -> bool {
        let is_whole = n_columns > 0 && self.rows.len().is_multiple_of(n_columns);
        self.n_columns as usize == n_columns && is_whole && self.n_rows() <= self.capacity as usize
    }

    /// Offers a row.
    pub fn push(&mut self, row: &[f32]) {
        let width = self.n_columns as usize;
        assert!(row.len() == width, "a row has one value a column");
        self.n_seen += 1;
        if self.n_rows() < self.capacity as usize {
            self.rows.extend_from_slice(row);
            return;
        }
        let dice = mix(self.seed ^ self.n_seen);
        if dice.is_multiple_of(u64::from(self.stride)) {
            // The dividend of the first draw is spent: the slot needs bits of its own.
            let slot = (mix(dice) % u64::from(self.capacity)) as usize;
            self.rows[slot * width..(slot + 1) * width].copy_from_slice(row);
        }
    }

    /// Returns the rows, row-major.
    pub fn rows(&self) -> Vec<f64> {
        self.rows.iter().map(|&v| f64::from(v)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_bound_and_prefers_the_recent() {
        let mut reservoir = Reservoir::new(500, 1, 4, 7);
        (0..20_000u16).for_each(|i| reservoir.push(&[f32::from(i)]));
        assert_eq!(reservoir.n_rows(), 500);
        let rows = reservoir.rows();
        let mean = rows.iter().sum::<f64>() / 500.0;
        // The mean age is capacity × stride = 2,000.
        assert!((mean - 18_000.0).abs() < 400.0, "{mean}");
        assert!(reservoir.is_shaped(1) && !reservoir.is_shaped(2));
    }
}
