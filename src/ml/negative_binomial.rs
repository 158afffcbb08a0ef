//! The predictive law of a count whose rate is only known from past counts: the Gamma–Poisson
//! mixture (Gelman et al., Bayesian Data Analysis, 3rd ed., §2.6), with tails in log space.

use super::SURPRISE_MAX;

/// Steps after which the continued fraction has converged or is cut off: it needs about √a + √b.
const FRACTION_STEPS_MAX: u32 = 500;

/// Relative size of a step that no longer matters in an `f64`.
const FRACTION_EPSILON: f64 = 1e-15;

/// Keeps Lentz's method away from a division by zero.
const FRACTION_TINY: f64 = 1e-300;

/// A negative binomial: the count in one window when `shape` events were seen in `exposure`
/// windows of the same length.
///
/// # Units
/// `exposure` in windows, both positive and finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NegativeBinomial {
    shape: f64,
    exposure: f64,
}

impl NegativeBinomial {
    /// Makes the law; values that are not positive and finite are lifted to the smallest sensible.
    pub fn new(shape: f64, exposure: f64) -> Self {
        let positive = |v: f64| if v.is_finite() { v.max(1e-9) } else { 1e-9 };
        Self { shape: positive(shape), exposure: positive(exposure) }
    }

    /// Returns the law with the same mean and a shape of at most `shape_max`: rates of real
    /// senders wander by at least `1/√shape_max`, however long they have been watched.
    pub fn with_shape_max(self, shape_max: f64) -> Self {
        let shape = self.shape.min(shape_max);
        Self::new(shape, shape / self.mean())
    }

    /// Returns the expected count.
    pub fn mean(self) -> f64 {
        self.shape / self.exposure
    }

    /// Returns the standard deviation of the count.
    pub fn deviation(self) -> f64 {
        (self.mean() * (1.0 + 1.0 / self.exposure)).sqrt()
    }

    /// Returns −log10 P(count ≥ `n`), from 0 to [`SURPRISE_MAX`].
    ///
    /// # Source
    /// P(X ≥ n) = I_q(n, shape) with q = 1/(1 + exposure): NIST DLMF §8.17(i), 8.17.24.
    ///
    /// # Cost
    /// O(√n) steps of a continued fraction, some hundred nanoseconds.
    pub fn surprise(self, n: f64) -> f64 {
        if n <= 0.0 || !n.is_finite() {
            return 0.0;
        }
        let q = 1.0 / (1.0 + self.exposure);
        let ln_p = ln_incomplete_beta(q, n, self.shape);
        (-ln_p / core::f64::consts::LN_10).clamp(0.0, SURPRISE_MAX)
    }

    /// Returns the smallest whole count whose surprise reaches `surprise`, at most `n_max`.
    ///
    /// # Cost
    /// O(log `n_max`) tails: for sentences, not for every event.
    pub fn count_at(self, surprise: f64, n_max: u32) -> u32 {
        let (mut low, mut high) = (0, n_max);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.surprise(f64::from(middle)) >= surprise {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }
}

/// Returns ln I_x(a, b), the regularised incomplete beta function.
fn ln_incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    let ln_front = libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b)
        + a * libm::log(x)
        + b * libm::log1p(-x);
    // The fraction converges fast on one side of the mean; the other side is its complement.
    if x < (a + 1.0) / (a + b + 2.0) {
        ln_front - libm::log(a) + libm::log(fraction(x, a, b))
    } else {
        let other = libm::exp(ln_front - libm::log(b) + libm::log(fraction(1.0 - x, b, a)));
        libm::log1p(-other.min(1.0))
    }
}

/// Evaluates the continued fraction DLMF 8.17.22 by Lentz's method.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let lift = |v: f64| if v.abs() < FRACTION_TINY { FRACTION_TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / lift(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for step in 1..=FRACTION_STEPS_MAX {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / lift(1.0 + even * d);
        c = lift(1.0 + even / c);
        value *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / lift(1.0 + odd * d);
        c = lift(1.0 + odd / c);
        let factor = d * c;
        value *= factor;
        if (factor - 1.0).abs() < FRACTION_EPSILON {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P(X ≥ n) by summing the mass function upwards.
    fn tail_by_sum(law: NegativeBinomial, n: u32) -> f64 {
        let p = law.exposure / (1.0 + law.exposure);
        let mut mass = libm::pow(p, law.shape);
        let mut sum = 0.0;
        for k in 0..20_000 {
            if k >= n {
                sum += mass;
            }
            mass *= (law.shape + f64::from(k)) / f64::from(k + 1) * (1.0 - p);
        }
        sum
    }

    #[test]
    fn tail_equals_the_sum_of_the_mass_function() {
        for (shape, exposure) in [(0.5, 0.1), (1.0, 6.0), (10.0, 0.5), (40.0, 144.0), (3.3, 1e-2)] {
            let law = NegativeBinomial::new(shape, exposure);
            for n in [1, 2, 5, 20, 75, 300] {
                let expected = (-libm::log10(tail_by_sum(law, n))).min(SURPRISE_MAX);
                let got = law.surprise(f64::from(n));
                assert!((got - expected).abs() < 1e-6 * (1.0 + expected), "{law:?} {n}: {got}");
            }
        }
    }

    #[test]
    fn a_shape_of_one_is_geometric() {
        // P(X ≥ 20) = (1/7)^20 with one event in six windows.
        let law = NegativeBinomial::new(1.0, 6.0);
        assert!((law.surprise(15.0) - 15.0 * libm::log10(7.0)).abs() < 1e-9);
        assert_eq!(law.surprise(20.0), SURPRISE_MAX);
        assert_eq!(law.count_at(6.0, 1_000), 8, "7^-8 is the first below 1e-6");
    }

    #[test]
    fn stays_finite_and_ordered_at_the_ends() {
        for (shape, exposure) in [(0.0, 0.0), (1e9, 1e9), (1e-12, 1e12), (f64::NAN, 1.0)] {
            let law = NegativeBinomial::new(shape, exposure);
            let all = [0.0, 1.0, 10.0, 1e3, 1e6].map(|n| law.surprise(n));
            assert!(all.iter().all(|s| (0.0..=SURPRISE_MAX).contains(s)), "{law:?} {all:?}");
            assert!(all.is_sorted(), "{law:?} {all:?}");
        }
        assert!(NegativeBinomial::new(100.0, 1.0).with_shape_max(10.0).deviation() > 30.0);
    }
}
