//! Numbers as people read them in the sentence of a finding.

use crate::feature::FeatureDef;

/// Writes a number with about three significant digits and no trailing zeros.
pub fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        0.0 => return "0".to_owned(),
        s if !(0.001..1e15).contains(&s) => return format!("{value:.1e}"),
        s if s < 0.01 => 5,
        s if s < 0.1 => 4,
        s if s < 1.0 => 3,
        s if s < 10.0 => 2,
        s if s < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    if decimals == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Writes a whole number of things, e.g. `1 account`, `12 accounts`.
pub fn count(n: f64, one: &str, many: &str) -> String {
    let n = libm::round(n);
    format!("{} {}", number(n), if n == 1.0 { one } else { many })
}

/// Writes a time span in its largest fitting unit.
pub fn span(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{} s", number(s)),
        s if s < 7_200.0 => format!("{} min", number(s / 60.0)),
        s if s < 172_800.0 => format!("{} h", number(s / 3_600.0)),
        s => format!("{} d", number(s / 86_400.0)),
    }
}

/// Writes a feature in the unit people think in: features are mostly logarithms.
pub fn feature(def: &FeatureDef, value: f64, symbol: &str) -> String {
    match def.unit {
        "ln s" => span(libm::expm1(value).max(0.0)),
        "ln n" | "ln bytes" => number(libm::round(libm::expm1(value))),
        "ln n/d" => format!("{} a day", number((libm::exp(value) - 0.001).max(0.0))),
        "ln unit-days" => format!("{} {symbol} days", number(libm::expm1(value))),
        // The logarithm is of a millionth more than the value: less than that is its rounding.
        "log10 units" => match (libm::exp10(value) - 1e-6).max(0.0) {
            units if units < 1e-9 => format!("next to no {symbol}"),
            units => format!("{} {symbol}", number(units)),
        },
        "share" => format!("{} %", number(100.0 * value)),
        "flag" => if value > 0.5 { "yes" } else { "no" }.to_owned(),
        _ => number(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let read = [0.0, 0.000_25, 0.0512, 1.0, 12.44, 1_234.5].map(number);
        assert_eq!(read, ["0", "2.5e-4", "0.0512", "1", "12.4", "1234"]);
        assert_eq!(number(100.0), "100");
        assert_eq!(span(90.0), "90 s");
        assert_eq!(count(20.3467, "account", "accounts"), "20 accounts");
        assert_eq!(count(1.0, "account", "accounts"), "1 account");
        assert_eq!(span(259_200.0), "3 d");
    }
}
