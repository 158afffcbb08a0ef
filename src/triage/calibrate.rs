//! Trailing rank with a tail: from a raw combined surprise to an honest p-value, per stratum.

use serde::{Deserialize, Serialize};

/// Samples remembered: enough for the 99 % quantile to rest on 80 of them.
const WINDOW_MAX: usize = 8_192;
/// New samples between two sorts; sorting 8,192 numbers costs about 0.4 ms.
const REFRESH_EVERY: usize = 1_024;
/// The tail begins here.
const TAIL_SHARE: f64 = 0.02;

/// A trailing empirical distribution whose upper 2 % is a generalised Pareto tail, so that p is
/// not floored at one over the window.
///
/// # Source
/// Pickands–Balkema–de Haan; parameters by probability-weighted moments (Hosking, Wallis 1987).
///
/// # Cost
/// 128 KiB; a lookup is one binary search.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Calibrator {
    ring: Vec<f64>,
    next: usize,
    n_since_sort: usize,
    n_seen: u64,
    sorted: Vec<f64>,
    tail: Option<Tail>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Tail {
    threshold: f64,
    scale: f64,
    shape: f64,
}

impl Calibrator {
    /// Returns how many samples have been learned, forgotten ones included.
    pub(super) fn n_seen(&self) -> u64 {
        self.n_seen
    }

    /// Returns the share of the past that was at least as surprising; 1 while nothing is known.
    pub(super) fn p_value(&self, x: f64) -> f64 {
        if self.sorted.is_empty() {
            return 1.0;
        }
        match self.tail {
            Some(tail) if x > tail.threshold => TAIL_SHARE * tail.survival(x),
            _ => {
                // Mid-rank: ties, which are common at zero surprise, count half.
                let below = self.sorted.partition_point(|s| *s < x);
                let not_above = self.sorted.partition_point(|s| *s <= x);
                let rank = (below + not_above) as f64 / 2.0;
                let n = self.sorted.len() as f64;
                ((n - rank) / n).clamp(0.5 / n, 1.0)
            }
        }
    }

    /// Learns one sample.
    pub(super) fn learn(&mut self, x: f64) {
        if self.ring.len() < WINDOW_MAX {
            self.ring.push(x);
        } else {
            self.ring[self.next] = x;
            self.next = (self.next + 1) % WINDOW_MAX;
        }
        self.n_seen += 1;
        self.n_since_sort += 1;
        // While the window fills, refresh at every doubling, so that the first ranks exist early.
        let is_growing = self.ring.len() < WINDOW_MAX && self.ring.len() >= 2 * self.sorted.len();
        if self.n_since_sort >= REFRESH_EVERY || (is_growing && self.ring.len() >= 64) {
            self.refresh();
        }
    }

    fn refresh(&mut self) {
        self.n_since_sort = 0;
        self.sorted.clone_from(&self.ring);
        self.sorted.sort_unstable_by(f64::total_cmp);
        let n = self.sorted.len();
        let n_tail = (n as f64 * TAIL_SHARE) as usize;
        self.tail = if n_tail >= 16 {
            let threshold = self.sorted[n - n_tail - 1];
            Tail::fit(threshold, &self.sorted[n - n_tail..])
        } else {
            None
        };
    }
}

impl Tail {
    /// Fits the excesses over a threshold; `None` when they are all equal.
    fn fit(threshold: f64, ascending: &[f64]) -> Option<Self> {
        let n = ascending.len() as f64;
        let mut mean = 0.0;
        let mut weighted = 0.0;
        for (i, x) in ascending.iter().enumerate() {
            let excess = x - threshold;
            mean += excess / n;
            weighted += excess * (n - 1.0 - i as f64) / (n - 1.0) / n;
        }
        let spread = mean - 2.0 * weighted;
        if mean <= 1e-12 || spread <= 1e-12 {
            return None;
        }
        // Above ½ is sampling noise at this size. Below 0 the tail would end just beyond the largest
        // sample, and everything further out would be called impossible: exponential at the least.
        let shape = (2.0 - mean / spread).clamp(0.0, 0.5);
        Some(Self { threshold, scale: mean * (1.0 - shape), shape })
    }

    fn survival(&self, x: f64) -> f64 {
        let z = (x - self.threshold) / self.scale;
        let p = if self.shape.abs() < 1e-9 {
            libm::exp(-z)
        } else {
            libm::pow(1.0 + self.shape * z, -1.0 / self.shape)
        };
        // 1e-9 of the tail: beyond that the model, not the data, would be speaking.
        p.clamp(1e-9, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_of_an_exponential_are_honest_far_into_the_tail() {
        let mut calibrator = Calibrator::default();
        assert_eq!(calibrator.p_value(3.0), 1.0);
        // A low-discrepancy exponential sample: −ln of the golden-ratio sequence.
        let sample = |i: u64| -libm::log((i as f64 * 0.618_033_988_749_895).fract().max(1e-12));
        for i in 1..=20_000 {
            calibrator.learn(sample(i));
        }
        for p in [0.5, 0.1, 0.01, 1e-3, 1e-5] {
            let estimate = calibrator.p_value(-libm::log(p));
            assert!(estimate > p / 2.0 && estimate < p * 2.0, "p {p}: {estimate}");
        }
    }

    #[test]
    fn ties_rank_in_the_middle() {
        let mut calibrator = Calibrator::default();
        for _ in 0..4_096 {
            calibrator.learn(0.0);
        }
        assert_eq!(calibrator.p_value(0.0), 0.5);
        assert!(calibrator.p_value(1.0) < 0.001);
    }
}
