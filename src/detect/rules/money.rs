//! Amounts as rules speak of them: whole units, dollars, and both in sentences.

use crate::{
    detect::Scene,
    model::{Address, Amount, Chain, stablecoin},
};

/// What matters of an asset without a price, in whole units: no asset whose thousandth is worth
/// more than a few dozen dollars goes without one.
const UNITS_MIN: f64 = 1e-3;
/// Decimals of chains whose base unit is the wei.
const WEI_DECIMALS: u8 = 18;
/// Below a millionth of a unit amounts are written in wei and gwei.
const GWEI_BELOW: f64 = 1e-6;
/// Decimals that a number is written with at most: a wei has 18, and some digits more.
const N_DECIMALS_MAX: f64 = 22.0;

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

/// Returns whether an amount in whole native units is too little to matter: worth less than
/// `usd_min`, or where no price is known less than a thousandth of a unit.
pub fn is_little(scene: &Scene<'_>, units: f64, usd_min: f64) -> bool {
    scene.usd_of_native(units).map_or(units < UNITS_MIN, |usd| usd < usd_min)
}

/// Writes an amount of the native asset, e.g. `0.0501 BTC`, `25 gwei`, `1 wei`; nothing at all is
/// `no ETH`, which no sentence should need: nobody pays nothing.
pub fn native_text(chain: &Chain, amount: Amount) -> String {
    if amount.is_zero() {
        return format!("no {}", chain.native.symbol);
    }
    native_units_text(chain, native_units(chain, amount))
}

/// Writes whole units of the native asset, e.g. `1,250 ETH`, and next to nothing in its smallest
/// units.
pub fn native_units_text(chain: &Chain, units: f64) -> String {
    // Wei are the base units of all chains with 18 decimals that have a name for them.
    if chain.native.decimals == WEI_DECIMALS && units > 0.0 && units < GWEI_BELOW {
        let wei = libm::round(units * 1e18);
        if wei < 1e6 {
            return format!("{} wei", number_text(wei.max(1.0)));
        }
        return format!("{} gwei", number_text(wei / 1e9));
    }
    units_text(units, &chain.native.symbol)
}

/// Writes an amount of a token: dollars of a listed coin in units, base units of all others.
pub fn token_text(token: &Address, amount: Amount) -> String {
    match stablecoin(token) {
        Some(coin) => format!("{} (token {token})", units_text(coin.usd(amount), coin.symbol)),
        None if amount == Amount::from_u64(1) => format!("1 base unit of token {token}"),
        None => format!("{} base units of token {token}", grouped(&amount.to_string())),
    }
}

/// Writes a share as part of a sentence, e.g. `12.5 % of`, `less than 0.1 % of`, and what is more
/// than tenfold as `25 times`.
pub fn share_text(share: f64) -> String {
    let tenths = libm::round(share * 1e3) / 10.0;
    match share {
        s if s > 10.0 => format!("{} times", number_text(libm::round(s))),
        s if s > 0.0 && tenths == 0.0 => "less than 0.1 % of".to_owned(),
        s if s < 1.0 && tenths >= 100.0 => "more than 99.9 % of".to_owned(),
        _ => format!("{} % of", number_text(tenths)),
    }
}

/// Writes whole units of any asset, e.g. `1,250 ETH`.
pub fn units_text(units: f64, symbol: &str) -> String {
    format!("{} {symbol}", number_text(units))
}

/// Writes a whole number of things, e.g. `1 coin`, `1,250 coins`.
pub fn count_text(n: f64, one: &str, many: &str) -> String {
    let n = libm::round(n);
    format!("{} {}", number_text(n), if n == 1.0 { one } else { many })
}

/// Writes dollars, e.g. `$12,345`, `$3.20`, `less than a cent`.
pub fn usd_text(usd: f64) -> String {
    match usd.abs() {
        v if v > 0.0 && v < 0.005 => "less than a cent".to_owned(),
        v if v < 100.0 => format!("${usd:.2}"),
        _ => format!("${}", number_text(usd)),
    }
}

/// Writes a number for people: thousands separated, about four significant digits below 1,000,
/// no trailing zeros; never zero for what is not.
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
        m if m >= 1e-5 => 8,
        m => (3.0 - libm::floor(libm::log10(m))).min(N_DECIMALS_MAX) as usize,
    };
    let text = format!("{magnitude:.n_decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    let mut out = String::from(if v < 0.0 { "-" } else { "" });
    out.push_str(&grouped(whole));
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
    out
}

/// Writes the digits of a whole number with its thousands separated.
fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
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
        assert_eq!(usd_text(0.001), "less than a cent");
        assert_eq!(usd_text(0.0), "$0.00");
        assert_eq!(number_text(0.0), "0");
        assert_eq!(number_text(f64::NAN), "unknown");
    }

    #[test]
    fn next_to_nothing_is_not_nothing() {
        let text = |chain: &str, base: u64| {
            native_text(&Chain::parse(chain).unwrap(), Amount::from_u64(base))
        };
        assert_eq!(text("eip155:1", 0), "no ETH");
        assert_eq!(text("eip155:1", 1), "1 wei");
        assert_eq!(text("eip155:56", 12_345), "12,345 wei");
        assert_eq!(text("eip155:1", 2_500_000_000), "2.5 gwei");
        assert_eq!(text("eip155:1", 999_000_000_000), "999 gwei");
        assert_eq!(text("eip155:1", 1_000_000_000_000), "0.000001 ETH");
        assert_eq!(text("xrpl:0", 1), "0.000001 XRP");
        assert_eq!(text("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", 1), "0.000000001 SOL");
        assert_eq!(text(Chain::BITCOIN, 1), "0.00000001 BTC");
        assert_eq!(number_text(1.234_56e-12), "0.000000000001235");
        assert_eq!(count_text(1.0, "coin", "coins"), "1 coin");
        assert_eq!(count_text(20.3467, "transaction", "transactions"), "20 transactions");
    }

    #[test]
    fn tokens_are_counted_in_units_where_those_are_known() {
        let usdt = Address::parse("0xdac17f958d2ee523a2206206994597c13d831ec7").unwrap();
        let text = token_text(&usdt, Amount::from_u64(1_500_000));
        assert_eq!(text, "1.5 USDT (token 0xdac17f958d2ee523a2206206994597c13d831ec7)");
        let other = Address::Text("TNobody".into());
        assert_eq!(token_text(&other, Amount::from_u64(1)), "1 base unit of token TNobody");
        assert_eq!(token_text(&other, Amount::from_u64(2)), "2 base units of token TNobody");
        let text = token_text(&other, Amount::from_u64(10_u64.pow(18)));
        assert_eq!(text, "1,000,000,000,000,000,000 base units of token TNobody");
    }

    #[test]
    fn shares_read_well() {
        for (share, text) in [
            (0.125, "12.5 % of"),
            (0.0006, "0.1 % of"),
            (0.0004, "less than 0.1 % of"),
            (0.0, "0 % of"),
            (0.9996, "more than 99.9 % of"),
            (1.0, "100 % of"),
            (1.01, "101 % of"),
            (199_999.0, "199,999 times"),
        ] {
            assert_eq!(share_text(share), text, "{share}");
        }
    }
}
