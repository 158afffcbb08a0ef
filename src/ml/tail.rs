//! Peaks over threshold: tail probabilities beyond what a window of scores has seen (GPD).

use super::{
    SURPRISE_MAX,
    rank::{Horizon, TrailingRanks},
};
use serde::{Deserialize, Serialize};

/// The fitted upper tail of a distribution.
///
/// # Source
/// Generalised Pareto over a high threshold (Balkema–de Haan–Pickands; SPOT, Siffer et al. 2017),
/// fitted by probability-weighted moments (Hosking & Wallis 1987): closed form, always converges.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    pub threshold: f64,
    /// Share of samples above the threshold.
    pub share: f64,
    pub scale: f64,
    /// Kept in [0, 0.9]: a negative shape would set a hard end beyond which p = 0, which no
    /// window of a few hundred peaks can know; above 0.9 the moments cease to exist.
    pub shape: f64,
}

/// Fewer peaks do not say how the tail falls.
const PEAKS_MIN: usize = 16;

/// The greatest believable shape, see [`Tail::shape`].
const SHAPE_MAX: f64 = 0.9;

impl Tail {
    /// Fits the tail above the `1 − share` quantile of ascending samples; `None` when fewer than
    /// 16 lie strictly above it.
    pub fn fit(sorted: &[f32], share: f64) -> Option<Self> {
        let n = sorted.len();
        let at = ((1.0 - share) * n as f64) as usize;
        let threshold = *sorted.get(at.min(n.checked_sub(1)?))?;
        let peaks = &sorted[sorted.partition_point(|&v| v <= threshold)..];
        if peaks.len() < PEAKS_MIN {
            return None;
        }
        let n_peaks = peaks.len() as f64;
        let (mut a0, mut a1) = (0.0, 0.0);
        for (idx, &peak) in peaks.iter().enumerate() {
            let excess = f64::from(peak) - f64::from(threshold);
            a0 += excess / n_peaks;
            a1 += excess * (n_peaks - 1.0 - idx as f64) / (n_peaks - 1.0) / n_peaks;
        }
        let gap = a0 - 2.0 * a1;
        let shape = if gap > 0.0 { 2.0 - a0 / gap } else { 0.0 };
        let shape = shape.clamp(0.0, SHAPE_MAX);
        Some(Self {
            threshold: f64::from(threshold),
            share: n_peaks / n as f64,
            // The scale that keeps the mean excess, whatever the shape was clamped to.
            scale: (a0 * (1.0 - shape)).max(f64::MIN_POSITIVE),
            shape,
        })
    }

    /// Returns −log10 P(X > `value`) for a value above the threshold.
    pub fn surprise(&self, value: f64) -> f64 {
        let excess = ((value - self.threshold) / self.scale).max(0.0);
        let ln_survival = if self.shape < 1e-9 {
            -excess
        } else {
            -libm::log1p(self.shape * excess) / self.shape
        };
        (-libm::log10(self.share) - ln_survival / core::f64::consts::LN_10).clamp(0.0, SURPRISE_MAX)
    }

    /// Returns the value whose surprise is as given: the inverse of [`Tail::surprise`].
    pub fn value_at(&self, surprise: f64) -> f64 {
        let ln = ((surprise + libm::log10(self.share)) * core::f64::consts::LN_10).max(0.0);
        let excess = if self.shape < 1e-9 { ln } else { libm::expm1(self.shape * ln) / self.shape };
        self.threshold + self.scale * excess
    }
}

/// Share of a window above the threshold: 1 % of 20,000 leaves 200 peaks to fit.
const TAIL_SHARE: f64 = 0.01;

/// Turns a score into a surprise: trailing rank in the bulk, fitted tail beyond the 99 % quantile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    window: TrailingRanks,
    tail: Option<Tail>,
    /// Once the window is full, one score in so many takes the place of the oldest.
    one_in: u32,
    n_passed_over: u32,
}

impl Calibration {
    /// Makes a calibration that has seen nothing.
    pub fn new(horizon: Horizon) -> Self {
        Self::with_memory(horizon, 1)
    }

    /// Makes one whose window, once full, takes in only one score of `one_in`: it remembers
    /// `one_in` windows in the memory of one.
    ///
    /// What is usual then moves slowly, and a surprise means the same from one month to the next.
    pub fn with_memory(horizon: Horizon, one_in: u32) -> Self {
        let window = TrailingRanks::new(1, horizon);
        Self { window, tail: None, one_in: one_in.max(1), n_passed_over: 0 }
    }

    /// Returns whether enough scores have been seen.
    pub fn is_warm(&self) -> bool {
        self.window.is_warm()
    }

    /// Returns whether the parts fit together (after a restore).
    pub fn is_shaped(&self) -> bool {
        self.window.is_shaped(1)
    }

    /// Learns a score; what is not finite is left out.
    pub fn push(&mut self, score: f64) {
        if !score.is_finite() {
            return;
        }
        if self.window.is_full() && self.n_passed_over + 1 < self.one_in {
            self.n_passed_over += 1;
            return;
        }
        self.n_passed_over = 0;
        let tail = &mut self.tail;
        self.window.push_then(&[score as f32], |sorted| *tail = Tail::fit(sorted, TAIL_SHARE));
    }

    /// Returns −log10 of the share of past scores above this one, from 0 to [`SURPRISE_MAX`].
    pub fn surprise(&self, score: f64) -> f64 {
        match &self.tail {
            Some(tail) if score > tail.threshold => tail.surprise(score),
            _ => (-libm::log10(1.0 - self.rank(score))).clamp(0.0, SURPRISE_MAX),
        }
    }

    /// Returns the trailing mid-rank.
    pub fn rank(&self, score: f64) -> f64 {
        self.window.grid(0).rank(score)
    }

    /// Returns a score whose surprise is as given; among past scores, the highest at or below that
    /// (the lowest of all, if none is).
    pub fn score_at(&self, surprise: f64) -> Option<f64> {
        match &self.tail {
            Some(tail) if surprise > -libm::log10(tail.share) => Some(tail.value_at(surprise)),
            _ => {
                let grid = self.window.grid(0);
                let rank = 1.0 - libm::exp10(-surprise);
                grid.highest_at_most(rank).or_else(|| grid.quantile(0.0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quantiles of a known law are a sample without noise.
    fn quantiles(n: usize, law: impl Fn(f64) -> f64) -> Vec<f32> {
        (0..n).map(|i| law((i as f64 + 0.5) / n as f64) as f32).collect()
    }

    #[test]
    fn recovers_known_tails() {
        let exponential = Tail::fit(&quantiles(20_000, |u| -libm::log1p(-u)), 0.01).unwrap();
        assert!(exponential.shape < 0.05, "{exponential:?}");
        // P(X > 16.1) = 1e-7 under the unit exponential.
        assert!((exponential.surprise(16.118) - 7.0).abs() < 0.7, "{exponential:?}");
        let pareto = Tail::fit(&quantiles(20_000, |u| libm::pow(1.0 - u, -0.5)), 0.01).unwrap();
        assert!((pareto.shape - 0.5).abs() < 0.12, "{pareto:?}");
        assert!((pareto.surprise(1_000.0) - 6.0).abs() < 0.8, "{pareto:?}");
        assert!((pareto.surprise(pareto.value_at(5.0)) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_calibration_is_uniform_in_the_bulk_and_goes_on_beyond_the_sample() {
        let mut calibration =
            Calibration::new(Horizon { window: 4_000, refresh: 1_000, warm_up: 500 });
        for i in 0..4_000u64 {
            calibration.push(-libm::log(((i * 1_103 % 4_000) as f64 + 0.5) / 4_000.0));
        }
        assert!((calibration.surprise(libm::log(10.0)) - 1.0).abs() < 0.05);
        assert!(calibration.surprise(30.0) > calibration.surprise(20.0));
        assert!(calibration.surprise(20.0) > 5.0);
        let score = calibration.score_at(3.0).unwrap();
        assert!((calibration.surprise(score) - 3.0).abs() < 1e-6);
        for surprise in [0.0, 0.3, 0.7, 1.0, 1.4, 1.9] {
            let known = calibration.surprise(calibration.score_at(surprise).unwrap());
            assert!(known <= surprise.max(1e-3) && surprise - known < 0.1, "{surprise} {known}");
        }
    }

    #[test]
    fn a_long_memory_outlives_its_window() {
        let horizon = Horizon { window: 1_000, refresh: 100, warm_up: 100 };
        let (mut short, mut long) =
            (Calibration::new(horizon), Calibration::with_memory(horizon, 10));
        let uniform = |i: u32| f64::from(i * 7_919 % 1_000) / 1_000.0;
        (0..1_000)
            .for_each(|i| [&mut short, &mut long].into_iter().for_each(|c| c.push(uniform(i))));
        assert_eq!(short.rank(0.5), long.rank(0.5));
        // Half a memory later everything is higher: the short one has forgotten that it was not.
        (0..5_000).for_each(|i| {
            [&mut short, &mut long].into_iter().for_each(|c| c.push(2.0 + uniform(i)));
        });
        assert!(short.rank(1.5) < 0.01, "{}", short.rank(1.5));
        assert!((long.rank(1.5) - 0.5).abs() < 0.1, "{}", long.rank(1.5));
    }

    #[test]
    fn constant_scores_have_no_tail_and_no_surprise() {
        assert_eq!(Tail::fit(&[1.0; 5_000], 0.01), None);
        let mut calibration = Calibration::new(Horizon { window: 100, refresh: 100, warm_up: 10 });
        (0..100).for_each(|_| calibration.push(1.0));
        assert!(calibration.surprise(1.0) < 0.4);
        assert!(calibration.surprise(2.0) > 2.0);
    }
}
