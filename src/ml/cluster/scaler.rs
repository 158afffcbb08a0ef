//! Robust scaling: every column around its median in units of its spread, clipped.

use crate::ml::rank::sorted;
use serde::{Deserialize, Serialize};

/// Scaled values beyond this are as far out as can be: no single column decides a distance.
const CLIP: f32 = 5.0;

/// An interquartile range is 1.349 standard deviations of a normal law.
const IQR_TO_SIGMA: f32 = 1.349;

/// Medians and spreads of the columns of a sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    centers: Vec<f32>,
    spreads: Vec<f32>,
}

impl Scaler {
    /// Measures the columns of row-major data.
    pub fn fit(data: &[f64], n_columns: usize) -> Self {
        let mut scaler = Self::default();
        for column in 0..n_columns {
            let values = sorted(data.iter().skip(column).step_by(n_columns).map(|&v| v as f32));
            let at = |share: usize| values.get(values.len() * share / 100).copied().unwrap_or(0.0);
            let spread = (at(75) - at(25)) / IQR_TO_SIGMA;
            scaler.centers.push(at(50));
            // Mostly constant columns (flags, rare counts) keep their own unit.
            scaler.spreads.push(if spread > 1e-3 { spread } else { 1.0 });
        }
        scaler
    }

    /// Returns the number of columns.
    pub fn n_columns(&self) -> usize {
        self.centers.len()
    }

    /// Returns whether it fits rows of this width (after a restore).
    pub fn is_shaped(&self, n_columns: usize) -> bool {
        self.centers.len() == n_columns && self.spreads.len() == n_columns
    }

    /// Scales a row in place.
    pub fn scale(&self, row: &mut [f32]) {
        for ((value, center), spread) in row.iter_mut().zip(&self.centers).zip(&self.spreads) {
            *value = ((*value - center) / spread).clamp(-CLIP, CLIP);
        }
    }

    /// Returns the raw value of a scaled one.
    pub fn raw(&self, column: usize, scaled: f32) -> f64 {
        f64::from(scaled * self.spreads[column] + self.centers[column])
    }

    /// Scales row-major data.
    pub fn scaled(&self, data: &[f64]) -> Vec<f32> {
        let mut all: Vec<f32> = data.iter().map(|&v| v as f32).collect();
        all.chunks_exact_mut(self.n_columns().max(1)).for_each(|row| self.scale(row));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_by_median_and_spread() {
        let data: Vec<f64> = (0..1_000).flat_map(|i| [f64::from(i), 3.0]).collect();
        let scaler = Scaler::fit(&data, 2);
        let mut row = [500.0, 4.0];
        scaler.scale(&mut row);
        assert_eq!(row, [0.0, 1.0]);
        let mut far = [1e9, -1e9];
        scaler.scale(&mut far);
        assert_eq!(far, [5.0, -5.0]);
        assert!((scaler.raw(0, 0.0) - 500.0).abs() < 1e-3);
    }
}
