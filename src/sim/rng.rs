//! Seeded randomness of the simulator: one generator a world and the distributions it needs.

use rand::RngCore;
use rand_xoshiro::{Xoshiro256StarStar, rand_core::SeedableRng};

/// A seeded generator; the distributions are our own, so that a `rand` update changes no bytes.
#[derive(Clone, Debug)]
pub(super) struct Rng(Xoshiro256StarStar);

impl Rng {
    /// Makes the generator of one `stream` (a world) under the scenario's seed.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self(Xoshiro256StarStar::seed_from_u64(seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// Returns a number below `n` (0 for `n` = 0); the bias of 2^-64·n does not matter here.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(n)) >> 64) as u64
    }

    /// Returns an index below `n`.
    pub(super) fn index(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }

    /// Returns a number in [0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Returns a number in [low, high).
    pub(super) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Returns true with probability `p`.
    pub(super) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Returns a standard normal number.
    ///
    /// # Source
    /// Irwin–Hall with 12 terms: tails end at ±6, which keeps simulated values sane.
    pub(super) fn normal(&mut self) -> f64 {
        (0..12).fold(-6.0, |sum, _| sum + self.unit())
    }

    /// Returns a log-normal number: 10 to the power of N(mean, spread).
    pub(super) fn log_normal(&mut self, mean: f64, spread: f64) -> f64 {
        libm::exp10(mean + spread * self.normal())
    }

    /// Returns an index below `n` under a power law: index 0 is the busiest.
    ///
    /// The cube of a uniform number gives the busiest 1 % of accounts about a fifth of the
    /// traffic, as on public chains.
    pub(super) fn power_law(&mut self, n: usize) -> usize {
        let u = self.unit();
        ((n as f64 * u * u * u) as usize).min(n.saturating_sub(1))
    }

    /// Returns a count with the given mean: its whole part, and one more with the probability of
    /// the rest, spread by half the mean.
    pub(super) fn count(&mut self, mean: f64) -> usize {
        let spread = mean * self.between(0.5, 1.5);
        spread as usize + usize::from(self.chance(spread - f64::from(spread as u32)))
    }

    /// Returns random bytes.
    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.0.fill_bytes(&mut out);
        out
    }
}
