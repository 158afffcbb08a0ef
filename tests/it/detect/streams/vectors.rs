//! The detectors' algorithms on plain vectors: each takes points in order, learns none that it has
//! not scored, and says how odd each is.

use super::files::Points;
use rand::{SeedableRng, seq::SliceRandom};
use rand_xoshiro::Xoshiro256PlusPlus;
use txwarden::ml::{
    cluster::{
        dense_clusters::{ClusterPlace, Pockets},
        kmeans_centroids::Centroids,
        scaler::Scaler,
    },
    rank::{Horizon, TrailingRanks},
    tail::Calibration,
};

/// Points that a fit looks at, as by default in the product.
const SAMPLE: usize = 8_192;

/// A detector's algorithm: a score a point, the higher the odder.
pub type Algorithm = fn(&Points, &[usize]) -> Vec<f64>;

/// Returns the order in which points are shown: the files are sorted by label in part.
pub fn shuffled(n: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(seed));
    order
}

fn sample(points: &Points, order: &[usize]) -> Vec<f64> {
    let seen = &order[..order.len().min(SAMPLE)];
    seen.iter().flat_map(|idx| points.row(*idx)).copied().collect()
}

fn scaled(scaler: &Scaler, row: &[f64]) -> Vec<f32> {
    let mut row: Vec<f32> = row.iter().map(|v| *v as f32).collect();
    scaler.scale(&mut row);
    row
}

/// `kmeans`: distance to the nearest cell and its rarity, cells of the first points. As many cells
/// as by default would each hold a part of one dense mass here: these have three to nine columns.
pub fn kmeans(points: &Points, order: &[usize]) -> Vec<f64> {
    let (cells, _) = Centroids::fit(&sample(points, order), points.n_columns, 4, 7).unwrap();
    let novelty =
        |idx: &usize| cells.novelty(cells.nearest(&scaled(&cells.scaler, points.row(*idx))));
    order.iter().map(novelty).collect()
}

/// `spot`: the most extreme of all columns, either way, in fitted tails.
pub fn spot(points: &Points, order: &[usize]) -> Vec<f64> {
    let horizon = Horizon { window: 20_000, refresh: 5_000, warm_up: 500 };
    let mut tails = vec![Calibration::new(horizon); 2 * points.n_columns];
    let mut scores = Vec::with_capacity(order.len());
    for idx in order {
        let both = points.row(*idx).iter().flat_map(|v| [*v, -*v]);
        let mut most: f64 = 0.0;
        for (tail, value) in tails.iter_mut().zip(both) {
            most = most.max(if tail.is_warm() { tail.surprise(value) } else { 0.0 });
            tail.push(value);
        }
        scores.push(most);
    }
    scores
}

/// `soft_and`: the sum over columns of the log of the trailing two-sided rank.
pub fn soft_and(points: &Points, order: &[usize]) -> Vec<f64> {
    let horizon = Horizon { window: 20_000, refresh: 5_000, warm_up: 500 };
    let mut ranks = TrailingRanks::new(points.n_columns, horizon);
    let mut scores = Vec::with_capacity(order.len());
    for idx in order {
        let row: Vec<f32> = points.row(*idx).iter().map(|v| *v as f32).collect();
        let oddness = |(column, value): (usize, &f32)| {
            let rank = ranks.grid(column).rank(f64::from(*value));
            -libm::log((2.0 * rank.min(1.0 - rank)).max(1e-6))
        };
        scores.push(row.iter().enumerate().map(oddness).sum());
        ranks.push(&row);
    }
    scores
}

/// `dbscan`: noise, or in a pocket of few.
pub fn dbscan(points: &Points, order: &[usize]) -> Vec<f64> {
    let pockets = Pockets::fit(&sample(points, order), points.n_columns, 0.05).unwrap();
    let oddness = |idx: &usize| match pockets.place(&scaled(&pockets.scaler, points.row(*idx))) {
        ClusterPlace::Mass => 0.0,
        ClusterPlace::Pocket(_) => 1.0,
        ClusterPlace::Noise => 2.0,
    };
    order.iter().map(oddness).collect()
}
