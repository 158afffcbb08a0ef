//! Pockets: small dense groups apart from the main mass of a sample, found by DBSCAN.

use super::{scaler::Scaler, simd_points::Lanes};
use linfa::traits::Transformer;
use linfa_clustering::Dbscan;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Rows looked at: neighbourhoods cost their square.
pub const ROWS_MAX: usize = 2_048;

/// Neighbours (itself included) that make a point dense.
const MIN_POINTS: usize = 8;

/// Pockets kept, the largest first.
pub const POCKETS_MAX: usize = 16;

/// Core points kept of one pocket: its first ones reach all of it, being dense.
const CORES_MAX: usize = 16;

/// Points that stand for the main mass: each event is compared with them until one is near.
const MASS_MAX: usize = 256;

/// One small dense group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pocket {
    pub n_rows: u32,
    /// Core points, scaled.
    cores: Lanes,
}

/// What DBSCAN found, in the form in which single events can be compared with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pockets {
    pub scaler: Scaler,
    pub n_rows: u32,
    pub n_noise: u32,
    pub pockets: Vec<Pocket>,
    /// Points such that every row of the main mass is within `eps` of one.
    mass: Lanes,
    /// False when 256 points do not cover the main mass: then nothing counts as noise.
    is_mass_covered: bool,
    /// Radius of a neighbourhood, scaled.
    eps: f32,
}

/// Where an event falls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterPlace {
    Mass,
    Pocket(usize),
    Noise,
}

impl Pockets {
    /// Clusters the last [`ROWS_MAX`] rows of row-major data; groups of less than `share_max` of
    /// them are pockets. Nothing comes of fewer rows than a neighbourhood needs.
    ///
    /// # Cost
    /// Two passes over all pairs: a tenth of a second for 2,048 × 20.
    ///
    /// # Source
    /// DBSCAN (Ester et al. 1996); eps is the median distance to the 8th neighbour, so that about
    /// half of all points are dense.
    pub fn fit(data: &[f64], n_columns: usize, share_max: f64) -> Option<Self> {
        if n_columns == 0 || data.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let n_rows = (data.len() / n_columns).min(ROWS_MAX);
        let data = &data[data.len() - n_rows * n_columns..];
        if n_rows < 2 * MIN_POINTS {
            return None;
        }
        let scaler = Scaler::fit(data, n_columns);
        let rows = scaler.scaled(data);
        let eps = median_reach(&rows, n_columns).max(EPS_MIN);
        let wide = rows.iter().map(|&v| f64::from(v)).collect();
        let samples = Array2::from_shape_vec((n_rows, n_columns), wide).ok()?;
        let clusters =
            Dbscan::params(MIN_POINTS).tolerance(f64::from(eps)).transform(&samples).ok()?;
        let mut of_cluster: Vec<Vec<usize>> = Vec::new();
        let mut n_noise = 0;
        for (row, cluster) in clusters.iter().enumerate() {
            let Some(cluster) = *cluster else {
                n_noise += 1;
                continue;
            };
            if of_cluster.len() <= cluster {
                of_cluster.resize(cluster + 1, Vec::new());
            }
            of_cluster[cluster].push(row);
        }
        let largest = of_cluster.iter().map(Vec::len).max().unwrap_or(0);
        let is_pocket =
            |m: &Vec<usize>| m.len() < largest && (m.len() as f64) < share_max * n_rows as f64;
        let (mut small, large): (Vec<_>, Vec<_>) = of_cluster.into_iter().partition(is_pocket);
        small.sort_by_key(|members| std::cmp::Reverse(members.len()));
        let (mass, is_mass_covered) = cover(&rows, n_columns, large.concat(), eps);
        let pocket = |members: &Vec<usize>| Pocket {
            n_rows: members.len() as u32,
            cores: Lanes::of_rows(&spread(&rows, n_columns, members, eps), n_columns),
        };
        let pockets = small.iter().take(POCKETS_MAX).map(pocket).collect();
        let (n_rows, mass) = (n_rows as u32, Lanes::of_rows(&mass, n_columns));
        Some(Self { scaler, n_rows, n_noise, pockets, mass, is_mass_covered, eps })
    }

    /// Returns whether the parts fit together (after a restore).
    pub fn is_shaped(&self, n_columns: usize) -> bool {
        self.scaler.is_shaped(n_columns)
            && self.mass.is_shaped(n_columns)
            && self.n_rows > 0
            && self.pockets.iter().all(|p| p.cores.is_shaped(n_columns))
    }

    /// Returns where a scaled row falls.
    ///
    /// # Cost
    /// Up to 512 distances, most of which end after a few columns.
    pub fn place(&self, row: &[f32]) -> ClusterPlace {
        let is_near = |points: &Lanes| points.is_any_within(row, self.eps * self.eps);
        if let Some(idx) = self.pockets.iter().position(|p| is_near(&p.cores)) {
            return ClusterPlace::Pocket(idx);
        }
        if !self.is_mass_covered || is_near(&self.mass) {
            ClusterPlace::Mass
        } else {
            ClusterPlace::Noise
        }
    }

    /// Returns the middle of a pocket, as raw values.
    pub fn middle(&self, pocket: &Pocket) -> Vec<f64> {
        let n_columns = self.scaler.n_columns();
        let n = pocket.cores.len().max(1) as f32;
        let sum = |column: usize| {
            (0..pocket.cores.len()).fold(0.0, |sum, core| sum + pocket.cores.at(core, column))
        };
        (0..n_columns).map(|column| self.scaler.raw(column, sum(column) / n)).collect()
    }
}

/// A sample of a few distinct rows has reach 0, DBSCAN needs more: a tenth of a sigma.
const EPS_MIN: f32 = 0.1;

/// Sums in four lanes: a fixed order that does not wait for each addition.
fn distance2(a: &[f32], b: &[f32]) -> f32 {
    let (a4, a_rest) = a.as_chunks::<4>();
    let (b4, b_rest) = b.as_chunks::<4>();
    let mut sums = [0.0f32; 4];
    for (x, y) in a4.iter().zip(b4) {
        for lane in 0..4 {
            sums[lane] += (x[lane] - y[lane]) * (x[lane] - y[lane]);
        }
    }
    let rest = a_rest.iter().zip(b_rest).fold(0.0, |sum, (x, y)| sum + (x - y) * (x - y));
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// Returns the median over (a quarter of) the rows of the distance to the 8th nearest.
fn median_reach(rows: &[f32], n_columns: usize) -> f32 {
    let probes = rows.chunks_exact(n_columns).step_by(4);
    let mut reaches: Vec<f32> = probes
        .map(|probe| {
            let mut all: Vec<f32> =
                rows.chunks_exact(n_columns).map(|row| distance2(row, probe)).collect();
            *all.select_nth_unstable_by(MIN_POINTS - 1, f32::total_cmp).1
        })
        .collect();
    let middle = reaches.len() / 2;
    reaches.select_nth_unstable_by(middle, f32::total_cmp).1.sqrt()
}

/// Returns points that cover the rows of the main mass within eps, and whether they do.
fn cover(rows: &[f32], n_columns: usize, members: Vec<usize>, eps: f32) -> (Vec<f32>, bool) {
    let mut points: Vec<f32> = Vec::new();
    for member in members {
        let row = &rows[member * n_columns..(member + 1) * n_columns];
        let is_covered = points.chunks_exact(n_columns).any(|p| distance2(p, row) <= eps * eps);
        if !is_covered && points.len() == MASS_MAX * n_columns {
            return (points, false);
        }
        if !is_covered {
            points.extend_from_slice(row);
        }
    }
    (points, true)
}

/// Returns up to `CORES_MAX` dense members of a pocket, evenly taken.
fn spread(rows: &[f32], n_columns: usize, members: &[usize], eps: f32) -> Vec<f32> {
    let row = |idx: usize| &rows[idx * n_columns..(idx + 1) * n_columns];
    let is_core = |idx: usize| {
        let near = members.iter().filter(|&&m| distance2(row(m), row(idx)) <= eps * eps);
        near.count() >= MIN_POINTS
    };
    let cores: Vec<usize> = members.iter().copied().filter(|&m| is_core(m)).collect();
    let step = cores.len().div_ceil(CORES_MAX).max(1);
    cores.iter().step_by(step).flat_map(|&m| row(m)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::splitmix::mix;

    #[test]
    fn finds_a_pocket_beside_the_mass_and_noise_beside_both() {
        let unit = |i: u64| mix(i) as f64 / u64::MAX as f64;
        let data: Vec<f64> = (0..1_000u64)
            .flat_map(|i| {
                let at = if i % 25 == 0 { 3.0 } else { 0.0 };
                [at + unit(i) * 0.5, unit(i + 5_000)]
            })
            .collect();
        let found = Pockets::fit(&data, 2, 0.05).unwrap();
        let place = |mut row: [f32; 2]| {
            found.scaler.scale(&mut row);
            found.place(&row)
        };
        assert!(!found.pockets.is_empty());
        assert!(found.pockets.iter().all(|p| p.n_rows < 50));
        let pocket = found.middle(&found.pockets[0]);
        assert!(pocket[0] > 2.0 || found.pockets.len() > 1, "{pocket:?}");
        assert_eq!(place([0.25, 0.5]), ClusterPlace::Mass);
        assert_eq!(place([-9.0, 9.0]), ClusterPlace::Noise);
        assert!(found.is_shaped(2) && !found.is_shaped(3));
    }

    #[test]
    fn poor_samples_do_no_harm() {
        assert_eq!(Pockets::fit(&[], 2, 0.05), None);
        assert_eq!(Pockets::fit(&[f64::NAN; 64], 2, 0.05), None);
        let constant = Pockets::fit(&[1.0; 200], 2, 0.05).unwrap();
        assert!(constant.pockets.is_empty());
    }
}
