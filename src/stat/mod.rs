//! Numerics that more than one layer needs: trailing ranks, tails, count laws. Imports nothing.

pub mod floats;
pub mod grid;
pub mod negative_binomial;
pub mod rank;
pub mod splitmix;
pub mod tail;

/// The greatest surprise that is ever claimed: p = 1e-16.
pub const SURPRISE_MAX: f64 = 16.0;
