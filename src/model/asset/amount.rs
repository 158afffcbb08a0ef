//! 256-bit amounts in base units, exact everywhere; only features and scores see them as `f64`.

use ruint::aliases::U256;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// An amount in base units (wei, satoshi, token units).
///
/// # Units
/// Base units of the asset; serialised as a decimal string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub U256);

/// Powers of ten that are exact in an `f64`, 10^0 … 10^22.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

impl Amount {
    pub const ZERO: Self = Self(U256::ZERO);

    /// Wraps a small amount.
    pub fn from_u64(v: u64) -> Self {
        Self(U256::from(v))
    }

    /// Wraps a 128-bit amount.
    pub fn from_u128(v: u128) -> Self {
        Self(U256::from(v))
    }

    /// Returns whether the amount is zero.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Returns the sum, capped at 2^256 − 1.
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Returns the difference, floored at zero.
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Returns the amount as `f64` base units, the same bits on every platform.
    pub fn to_f64(self) -> f64 {
        let [a, b, c, d] = *self.0.as_limbs();
        if b | c | d == 0 {
            return a as f64;
        }
        // High to low, a fixed order: each step rounds once, identically everywhere.
        const LIMB: f64 = 18_446_744_073_709_551_616.0; // 2^64
        ((d as f64 * LIMB + c as f64) * LIMB + b as f64) * LIMB + a as f64
    }

    /// Returns the amount in whole units, `amount / 10^decimals`, for features and sentences.
    pub fn units(self, decimals: u8) -> f64 {
        let mut left = usize::from(decimals);
        let mut v = self.to_f64();
        while left > 22 {
            v /= POWERS_OF_TEN[22];
            left -= 22;
        }
        v / POWERS_OF_TEN[left]
    }

    /// Returns the number of significant decimal digits: trailing zeros do not count, zero has 0.
    pub fn significant_digits(self) -> u32 {
        if self.is_zero() {
            return 0;
        }
        if let [low, high, 0, 0] = *self.0.as_limbs() {
            let v = u128::from(high) << 64 | u128::from(low);
            let stripped = if v.is_multiple_of(1_000_000_000) { v / 1_000_000_000 } else { v };
            if let Ok(v) = u64::try_from(stripped) {
                return significant_digits_of(v);
            }
        }
        let mut v = self.0;
        // Strip by 10^9 first: a wei amount has up to 78 digits.
        let big = U256::from(1_000_000_000u64);
        loop {
            let (q, r) = v.div_rem(big);
            if !r.is_zero() {
                break;
            }
            v = q;
        }
        let ten = U256::from(10u64);
        loop {
            let (q, r) = v.div_rem(ten);
            if !r.is_zero() {
                break;
            }
            v = q;
        }
        let mut digits = 0;
        while !v.is_zero() {
            v /= ten;
            digits += 1;
        }
        digits
    }
}

/// The same for what fits a word, which nearly all amounts do once whole gwei are taken out.
fn significant_digits_of(mut v: u64) -> u32 {
    // At most 19 zeros trail: each step takes out a power of two of them.
    for power in [10_000_000_000_000_000, 100_000_000, 10_000, 100, 10] {
        if v.is_multiple_of(power) {
            v /= power;
        }
    }
    v.checked_ilog10().map_or(0, |n| n + 1)
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(&self.0) } else { self.0.as_limbs().serialize(s) }
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            let text = String::deserialize(d)?;
            U256::from_str_radix(&text, 10)
                .map(Self)
                .map_err(|_| serde::de::Error::custom("not a decimal amount below 2^256"))
        } else {
            Ok(Self(U256::from_limbs(<[u64; 4]>::deserialize(d)?)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_survive_both_encodings() {
        let max = Amount(U256::MAX);
        let json = serde_json::to_string(&max).unwrap();
        assert_eq!(json.len(), 80);
        assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), max);
        let bytes = postcard::to_stdvec(&max).unwrap();
        assert_eq!(postcard::from_bytes::<Amount>(&bytes).unwrap(), max);
    }

    #[test]
    fn digits_and_units() {
        let eth = Amount::from_u128(1_250_000_000_000_000_000);
        assert_eq!(eth.significant_digits(), 3);
        assert_eq!(eth.units(18), 1.25);
        assert_eq!(Amount::ZERO.significant_digits(), 0);
        assert_eq!(Amount(U256::MAX).significant_digits(), 78);
        for n_digits in 1..=20u32 {
            for n_zeros in 0..=40 {
                let digits = U256::from(12_345_678_912_345_678_912u64 / 10u64.pow(20 - n_digits));
                let amount = Amount(digits * U256::from(10u64).pow(U256::from(n_zeros)));
                assert_eq!(amount.significant_digits(), n_digits, "{amount}");
            }
        }
    }
}
