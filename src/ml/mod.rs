//! Numerics that more than one layer needs: trailing ranks, tails, count laws. Imports nothing.

pub mod cluster;
pub mod floats;
pub mod grid;
pub mod logistic;
pub mod negative_binomial;
pub mod rank;
pub mod reservoir;
pub mod splitmix;
pub mod tail;
pub(crate) mod tree_growth;
pub mod trees;

/// The greatest surprise that is ever claimed: p = 1e-16.
pub const SURPRISE_MAX: f64 = 16.0;
