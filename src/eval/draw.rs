//! Seeded draws of evaluation: our own distributions, so that a library's update changes nothing.

use rand::RngCore;
use rand_xoshiro::{Xoshiro256StarStar, rand_core::SeedableRng};

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Draw(Xoshiro256StarStar);

impl Draw {
    /// Makes the generator of one purpose under a seed.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes()).update(purpose.as_bytes());
        Self(Xoshiro256StarStar::from_seed(*hasher.finalize().as_bytes()))
    }

    /// Returns an index below `n` (0 for `n` = 0).
    pub fn index(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// Returns a number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Puts elements into a random order.
    ///
    /// # Source
    /// Fisher and Yates, as by Durstenfeld 1964.
    pub fn shuffle<T>(&mut self, elements: &mut [T]) {
        for last in (1..elements.len()).rev() {
            elements.swap(last, self.index(last + 1));
        }
    }
}
