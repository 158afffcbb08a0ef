//! Amounts as rules speak of them: whole units, dollars, and both in sentences.

use crate::{
    detect::Scene,
    model::{Amount, Chain},
};

/// Returns an amount of the native asset in whole units.
pub fn native_units(chain: &Chain, amount: Amount) -> f64 {
    amount.units(chain.native.decimals)
}

/// Returns what an amount of the native asset was worth at `time`, if its price is known.
///
/// # Units
/// US dollars.
pub fn native_usd(scene: &Scene<'_>, amount: Amount) -> Option<f64> {
    scene.usd_of_native(native_units(scene.chain, amount))
}

/// Writes an amount of the native asset, e.g. `0.0501 BTC`.
pub fn native_text(chain: &Chain, amount: Amount) -> String {
    units_text(native_units(chain, amount), &chain.native.symbol)
}

/// Writes whole units of any asset, e.g. `1,250 ETH`.
pub fn units_text(units: f64, symbol: &str) -> String {
    format!("{} {symbol}", number_text(units))
}

/// Writes dollars, e.g. `$12,345`, `$3.20`.
pub fn usd_text(usd: f64) -> String {
    if usd.abs() < 100.0 { format!("${usd:.2}") } else { format!("${}", number_text(usd)) }
}

/// Writes a number for people: thousands separated, about four significant decimals below 1,000,
/// no trailing zeros.
pub fn number_text(v: f64) -> String {
    if !v.is_finite() {
        return "unknown".to_owned();
    }
    let magnitude = v.abs();
    let n_decimals = match magnitude {
        m if m >= 1_000.0 => 0,
        m if m >= 100.0 => 2,
        m if m >= 0.01 || m == 0.0 => 4,
        m if m >= 1e-4 => 6,
        _ => 8,
    };
    let text = format!("{magnitude:.n_decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let mut out = String::from(if v < 0.0 { "-" } else { "" });
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_well() {
        let btc = Chain::parse(Chain::BITCOIN).unwrap();
        assert_eq!(native_text(&btc, Amount::from_u64(5_010_000)), "0.0501 BTC");
        assert_eq!(native_text(&btc, Amount::from_u64(546)), "0.00000546 BTC");
        assert_eq!(units_text(1_234_567.8, "ETH"), "1,234,568 ETH");
        assert_eq!(units_text(100.0, "ETH"), "100 ETH");
        assert_eq!(usd_text(12_345.4), "$12,345");
        assert_eq!(usd_text(3.2), "$3.20");
        assert_eq!(number_text(0.0), "0");
        assert_eq!(number_text(f64::NAN), "unknown");
    }
}
