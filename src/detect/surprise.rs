//! What a surprise means: the threshold of a finding, severities, and the normal tail.

use super::SURPRISE_MAX;
use crate::model::Severity;

/// From this surprise on an opinion is a finding of its own: p ≤ 1e-3.
pub const FINDING_SURPRISE_MIN: f64 = 3.0;

/// From here on a finding is of medium severity: once in 30,000 events.
const MEDIUM_SURPRISE_MIN: f64 = 4.5;

/// From here on a finding is of high severity: once in a million events.
const HIGH_SURPRISE_MIN: f64 = 6.0;

/// Returns the severity of one model's surprise: a model alone is never critical.
pub fn severity(surprise: f64) -> Severity {
    match surprise {
        s if s >= HIGH_SURPRISE_MIN => Severity::High,
        s if s >= MEDIUM_SURPRISE_MIN => Severity::Medium,
        _ => Severity::Low,
    }
}

/// Returns −log10 P(Z > `z`) under the standard normal law, from 0 to [`SURPRISE_MAX`].
pub fn of_normal(z: f64) -> f64 {
    let p = 0.5 * libm::erfc(z / core::f64::consts::SQRT_2);
    (-libm::log10(p)).clamp(0.0, SURPRISE_MAX)
}

/// Returns −log10 P(T > `t`) under Student's t with 4 degrees of freedom: the guard for log
/// values, whose tails are heavier than normal (a z of 5 is 1e-2.4, not 1e-6.5).
///
/// # Source
/// The closed form for ν = 4: P(T > t) = ½ − ½·s·(1 + ½(1 − s²)), s = t/√(4 + t²).
pub fn of_student4(t: f64) -> f64 {
    let s = t / (4.0 + t * t).sqrt();
    // ½ − ¾s + ¼s³ = ¼(1 − s)²(2 + s), with 1 − s² = 4/(4 + t²) to avoid the cancellation.
    let rest = if s > 0.0 { 4.0 / (4.0 + t * t) / (1.0 + s) } else { 1.0 - s };
    let p = 0.25 * rest * rest * (2.0 + s);
    (-libm::log10(p)).clamp(0.0, SURPRISE_MAX)
}

/// Returns the t whose [`of_student4`] is `surprise`, by bisection.
pub fn student4_at(surprise: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1e6);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if of_student4(middle) < surprise {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_match_tables() {
        assert!((of_normal(3.0902) - 3.0).abs() < 1e-3);
        // t(0.999, 4 df) = 7.173, t(0.95, 4 df) = 2.132, from any printed table.
        assert!((of_student4(7.173) - 3.0).abs() < 1e-3);
        assert!((of_student4(2.132) + libm::log10(0.05)).abs() < 1e-3);
        assert!((of_student4(0.0) - libm::log10(2.0)).abs() < 1e-12);
        assert!((student4_at(3.0) - 7.173).abs() < 1e-2);
        assert_eq!(of_normal(1e9), SURPRISE_MAX);
    }

    #[test]
    fn severities_rise() {
        assert_eq!(severity(3.0), Severity::Low);
        assert_eq!(severity(5.0), Severity::Medium);
        assert_eq!(severity(SURPRISE_MAX), Severity::High);
    }
}
