//! Small numbers in few bits, rounded with a dither so that slow means do not get stuck.
//!
//! A running mean kept in a few bits stops moving once its steps are below half a quantum. Rounding
//! up with probability equal to the fraction keeps it unbiased; the "probability" comes from a hash
//! of a counter, so the same history always gives the same bits.

use crate::ml::splitmix::mix;

/// A range of values kept in a number of bits.
#[derive(Clone, Copy, Debug)]
pub(in crate::state) struct Scale {
    pub low: f64,
    pub high: f64,
    /// At most 16.
    pub n_bits: u32,
}

impl Scale {
    /// Encodes a value, clamped to the range.
    pub fn encode(self, value: f64, dither: Dither) -> u16 {
        let share = (value - self.low) / (self.high - self.low);
        let steps = f64::from(self.top());
        (share.clamp(0.0, 1.0) * steps + dither.0).min(steps) as u16
    }

    /// Decodes a value.
    pub fn decode(self, code: u16) -> f64 {
        self.low + (self.high - self.low) * f64::from(code) / f64::from(self.top())
    }

    fn top(self) -> u32 {
        (1 << self.n_bits) - 1
    }
}

/// A number in [0, 1) to be added before rounding down.
#[derive(Clone, Copy, Debug)]
pub(in crate::state) struct Dither(f64);

impl Dither {
    /// Draws the dither of a counter's value.
    pub fn of(counter: u32, salt: u64) -> Self {
        let bits = mix(u64::from(counter) ^ (salt << 32));
        Self((bits >> 11) as f64 / (1u64 << 53) as f64)
    }
}

/// Keeps the upper half of an `f32`, rounded up: a maximum is never below what it is the maximum
/// of.
pub(in crate::state) fn short_float_up(v: f32) -> u16 {
    let bits = v.max(0.0).to_bits();
    let up = u32::from(bits & 0xffff != 0);
    // Infinity is the end: one more would be a NaN.
    ((bits >> 16) + up).min(0x7f80) as u16
}

/// Reads what [`short_float_up`] kept.
pub(in crate::state) fn from_short_float(v: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(v) << 16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_mean_in_ten_bits_still_arrives() {
        let scale = Scale { low: 0.0, high: 22.0, n_bits: 10 };
        let mut code = scale.encode(20.0, Dither(0.0));
        for n in 0..4_000 {
            let mean = scale.decode(code);
            code = scale.encode(mean + (5.0 - mean) / 512.0, Dither::of(n, 1));
        }
        assert!((scale.decode(code) - 5.0).abs() < 0.5, "stuck at {}", scale.decode(code));
    }

    #[test]
    fn a_maximum_is_never_below() {
        for v in [0.0f32, 1e-9, 0.1, 1.0, 3.3, 1e9, f32::MAX] {
            let kept = from_short_float(short_float_up(v));
            assert!(kept >= f64::from(v) && kept <= f64::from(v) * 1.008 || kept.is_infinite());
        }
    }
}
