//! Cells of a vector quantiser: seeded k-means over a sample, and the nearest cell of a point.

use super::{scaler::Scaler, simd_points::Lanes};
use crate::ml::splitmix::mix;
use linfa::{DatasetBase, traits::Fit};
use linfa_clustering::{KMeans, KMeansInit};
use linfa_nn::distance::L2Dist;
use ndarray::Array2;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256Plus;
use serde::{Deserialize, Serialize};

/// Lloyd's rounds: a quantiser needs no optimum, and from a k-means++ start the first rounds bring
/// nearly all there is.
const ROUNDS_MAX: u64 = 5;

/// Movement of all centroids together at which they count as settled, in scaled units.
const TOLERANCE: f64 = 1e-2;

/// Cells with their share of the sample and their common width.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Centroids {
    pub scaler: Scaler,
    centroids: Lanes,
    /// Share of the sample in each cell, Laplace-smoothed.
    shares: Vec<f64>,
    /// Mean squared distance of a sample to its cell and per column.
    variance: f64,
}

/// The nearest cell of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    pub cell: usize,
    /// Squared, in scaled units.
    pub distance2: f64,
}

impl Centroids {
    /// Quantises row-major data; returns the cells and the novelty of each sample. Nothing comes
    /// of less than two rows.
    ///
    /// # Cost
    /// `6 · n_rows · k · n_columns` multiplications: half a second for 8,192 × 256 × 20.
    pub fn fit(data: &[f64], n_columns: usize, k: usize, seed: u64) -> Option<(Self, Vec<f32>)> {
        let n_rows = data.len() / n_columns.max(1);
        if n_rows < 2 || n_columns == 0 || data.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let scaler = Scaler::fit(data, n_columns);
        let rows = scaler.scaled(data);
        let k = k.clamp(1, n_rows);
        let seeds = seed_centroids(&rows, n_columns, k, seed);
        let centroids = lloyd(&rows, n_columns, seeds, seed)?;
        let found = Self::of_centroids(scaler, &centroids, n_columns, k);
        let mut nearest: Vec<Nearest> =
            rows.chunks_exact(n_columns).map(|row| found.nearest(row)).collect();
        let (order, counts) = by_size(&mut nearest, k);
        let row = |cell: &usize| &centroids[cell * n_columns..(cell + 1) * n_columns];
        let centroids: Vec<f32> = order.iter().flat_map(row).copied().collect();
        let mut cells = Self::of_centroids(found.scaler, &centroids, n_columns, k);
        let total = (n_rows + k) as f64;
        cells.shares = counts.iter().map(|&n| (f64::from(n) + 1.0) / total).collect();
        let sum = nearest.iter().fold(0.0, |sum, n| sum + n.distance2);
        // A sample of few distinct rows has no width: a tenth of a sigma is the least.
        cells.variance = (sum / (n_rows * n_columns) as f64).max(0.01);
        let novelties = nearest.iter().map(|n| cells.novelty(*n) as f32).collect();
        Some((cells, novelties))
    }

    fn of_centroids(scaler: Scaler, centroids: &[f32], n_columns: usize, k: usize) -> Self {
        let centroids = Lanes::of_rows(centroids, n_columns);
        Self { scaler, centroids, shares: vec![1.0; k], variance: 1.0 }
    }

    /// Returns how many cells there are.
    pub fn n_cells(&self) -> usize {
        self.centroids.len()
    }

    /// Returns whether the parts fit together (after a restore).
    pub fn is_shaped(&self, n_columns: usize) -> bool {
        self.scaler.is_shaped(n_columns)
            && !self.centroids.is_empty()
            && self.centroids.is_shaped(n_columns)
            && self.shares.len() == self.n_cells()
            && self.variance > 0.0
    }

    /// Returns the nearest cell of a scaled row, the first one where several are.
    pub fn nearest(&self, row: &[f32]) -> Nearest {
        let (cell, distance2) = self.centroids.nearest(row);
        Nearest { cell, distance2: f64::from(distance2) }
    }

    /// Returns the share of the sample in a cell.
    pub fn share(&self, cell: usize) -> f64 {
        self.shares[cell]
    }

    /// Returns the share of the sample in each cell.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Returns the negative log density of a mixture of equally wide round cells, up to a
    /// constant: both distance and rarity of the cell make a point novel.
    pub fn novelty(&self, nearest: Nearest) -> f64 {
        nearest.distance2 / (2.0 * self.variance) - libm::log(self.shares[nearest.cell])
    }

    /// Returns a cell's centroid, scaled.
    pub fn centroid(&self, cell: usize) -> Vec<f32> {
        (0..self.scaler.n_columns()).map(|column| self.centroids.at(cell, column)).collect()
    }
}

/// Names the cells anew, the largest first; returns which was which, and their sizes. Whoever
/// looks for the nearest cell finds a near one soon, and the rest is then far after a few columns.
fn by_size(nearest: &mut [Nearest], k: usize) -> (Vec<usize>, Vec<u32>) {
    let mut counts = vec![0u32; k];
    nearest.iter().for_each(|n| counts[n.cell] += 1);
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by_key(|cell| std::cmp::Reverse(counts[*cell]));
    let mut names = vec![0; k];
    order.iter().enumerate().for_each(|(name, cell)| names[*cell] = name);
    nearest.iter_mut().for_each(|n| n.cell = names[n.cell]);
    let counts = order.iter().map(|cell| counts[*cell]).collect();
    (order, counts)
}

/// Chooses starting centroids.
///
/// # Source
/// k-means++ (Arthur & Vassilvitskii 2007).
// LINFA: its own k-means++ measures every row against all chosen centroids at each of the k steps
// (k²/2 passes: tens of seconds at k = 256), and its k-means|| draws from one generator a thread,
// so that results depend on scheduling. The assignment step it runs in parallel is row by row and
// its sums are sequential: from given starts its result is the same with any number of threads.
fn seed_centroids(rows: &[f32], n_columns: usize, k: usize, seed: u64) -> Vec<f32> {
    let mut rng = Xoshiro256Plus::seed_from_u64(mix(seed));
    let n_rows = rows.len() / n_columns;
    let row = |idx: usize| &rows[idx * n_columns..(idx + 1) * n_columns];
    let mut chosen = rng.gen_range(0..n_rows);
    let mut nearest2 = vec![f64::INFINITY; n_rows];
    let mut centroids = Vec::with_capacity(k * n_columns);
    loop {
        centroids.extend_from_slice(row(chosen));
        if centroids.len() == k * n_columns {
            return centroids;
        }
        let mut total = 0.0;
        for (idx, least) in nearest2.iter_mut().enumerate() {
            let mut distance2 = 0.0f32;
            for (a, b) in row(idx).iter().zip(row(chosen)) {
                distance2 += (a - b) * (a - b);
            }
            *least = least.min(f64::from(distance2));
            total += *least;
        }
        let mut left = rng.gen_range(0.0..1.0) * total;
        // Where every row is a centroid already, any row will do.
        chosen = nearest2
            .iter()
            .position(|d| {
                left -= d;
                left < 0.0
            })
            .unwrap_or(n_rows - 1);
    }
}

fn lloyd(rows: &[f32], n_columns: usize, seeds: Vec<f32>, seed: u64) -> Option<Vec<f32>> {
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let k = seeds.len() / n_columns;
    let n_rows = rows.len() / n_columns;
    let start = Array2::from_shape_vec((k, n_columns), wide(&seeds)).ok()?;
    let samples = Array2::from_shape_vec((n_rows, n_columns), wide(rows)).ok()?;
    let rng = Xoshiro256Plus::seed_from_u64(seed);
    let fitted = KMeans::params_with(k, rng, L2Dist)
        .init_method(KMeansInit::Precomputed(start))
        .n_runs(1)
        .max_n_iterations(ROUNDS_MAX)
        .tolerance(TOLERANCE)
        .fit(&DatasetBase::from(samples));
    // Not reached with finite samples; the seeds are a quantiser too, only a coarser one.
    let Ok(model) = fitted else { return Some(seeds) };
    Some(model.centroids().iter().map(|&v| v as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs() -> Vec<f64> {
        let unit = |i: u64| mix(i) as f64 / u64::MAX as f64;
        let blob = |i: u64| (i % 3) as f64 * 10.0;
        (0..900u64)
            .flat_map(|i| [blob(i) + unit(i), (blob(i) - 10.0).abs() + unit(i + 10_000)])
            .collect()
    }

    #[test]
    fn finds_the_blobs_and_the_same_ones_each_time() {
        let (cells, novelties) = Centroids::fit(&blobs(), 2, 3, 42).unwrap();
        assert_eq!(novelties.len(), 900);
        let shares = [0, 1, 2].map(|cell| cells.share(cell));
        assert!(shares.iter().all(|share| (share - 1.0 / 3.0).abs() < 0.01), "{shares:?}");
        assert_eq!(Centroids::fit(&blobs(), 2, 3, 42).unwrap().0, cells);
        let mut far = [15.0, 30.0];
        cells.scaler.scale(&mut far);
        let novelty = cells.novelty(cells.nearest(&far)) as f32;
        assert!(novelties.iter().all(|&n| n < novelty));
    }

    #[test]
    fn the_largest_cells_come_first_and_keep_their_rows() {
        let (data, k) = (blobs(), 16);
        let (cells, novelties) = Centroids::fit(&data, 2, k, 42).unwrap();
        assert!(cells.shares().is_sorted_by(|a, b| a >= b) && cells.share(0) > cells.share(k - 1));
        let rows = cells.scaler.scaled(&data);
        let mut counts = vec![0.0; k];
        for (row, novelty) in rows.chunks_exact(2).zip(novelties) {
            let nearest = cells.nearest(row);
            counts[nearest.cell] += 1.0;
            assert_eq!(cells.novelty(nearest) as f32, novelty);
        }
        let total = (900 + k) as f64;
        let shares: Vec<f64> = counts.iter().map(|n| (n + 1.0) / total).collect();
        assert_eq!(shares, cells.shares());
    }

    #[test]
    fn poor_samples_do_no_harm() {
        assert!(Centroids::fit(&[], 2, 8, 1).is_none());
        assert!(Centroids::fit(&[1.0, f64::NAN, 2.0, 3.0], 2, 8, 1).is_none());
        let (cells, _) = Centroids::fit(&[1.0; 200], 2, 8, 1).unwrap();
        assert!(cells.novelty(cells.nearest(&[0.0, 0.0])).is_finite());
    }
}
