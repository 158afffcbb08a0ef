//! Off-the-shelf scores over the same features, in the same run: what the engine has to beat.

mod half_space_trees;
mod kmeans;
mod scale;

use super::Draw;
use crate::engine::ScoreReport;
use half_space_trees::HalfSpaceTrees;
use kmeans::SequentialKmeans;
use scale::{Moments, RunningScaler};

/// The baselines, in the order of their scores.
pub const NAMES: [&str; 5] =
    ["random", "abs_z_value", "new_senders_24h", "kmeans_distance", "half_space_trees"];

/// Added to values before the logarithm, in whole units.
const VALUE_EPSILON: f64 = 1e-6;

/// All baselines of one run.
pub struct Baselines {
    draw: Draw,
    log_value: Moments,
    scaler: RunningScaler,
    kmeans: SequentialKmeans,
    trees: HalfSpaceTrees,
    row: Vec<f32>,
}

impl Baselines {
    /// Makes baselines that have seen nothing.
    pub fn new(seed: u64) -> Self {
        Self {
            draw: Draw::new(seed, "random baseline"),
            log_value: Moments::default(),
            scaler: RunningScaler::default(),
            kmeans: SequentialKmeans::default(),
            trees: HalfSpaceTrees::new(Draw::new(seed, "half-space trees")),
            row: Vec::new(),
        }
    }

    /// Scores a transaction, the higher the more suspicious, and then learns it.
    pub fn score(&mut self, report: &ScoreReport) -> Vec<f32> {
        let features = &report.features;
        let position = features.schema().position("new_senders_24h");
        let log_value = libm::log10(report.value + VALUE_EPSILON);
        self.scaler.scale(features.values(), &mut self.row);
        let scores = vec![
            self.draw.unit() as f32,
            self.log_value.z(log_value).abs() as f32,
            position.and_then(|at| features.get(at)).unwrap_or(0.0) as f32,
            self.kmeans.distance(&self.row),
            self.trees.score(&self.row),
        ];
        self.log_value.learn(log_value);
        self.scaler.learn(features.values());
        self.kmeans.learn(&self.row);
        self.trees.learn(&self.row);
        scores
    }
}
