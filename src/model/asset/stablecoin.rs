//! Dollar tokens known without a price table: the coins that address poisoners imitate.

use super::amount::Amount;
use crate::model::account::Address;

/// A dollar token of a public chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stablecoin {
    pub symbol: &'static str,
    pub decimals: u8,
    address: [u8; 20],
}

impl Stablecoin {
    /// Returns every listed coin.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        LIST.iter()
    }

    /// Returns where it lives.
    pub fn address(&self) -> Address {
        Address::Evm(self.address)
    }

    /// Returns the dollars that an amount stands for.
    pub fn usd(&self, amount: Amount) -> f64 {
        amount.units(self.decimals)
    }
}

/// Returns whether a token is one of those that everybody knows: what its events say is what its
/// accounts did. Any other contract may say what it likes of whom it likes.
pub fn is_listed_token(token: &Address) -> bool {
    match token {
        Address::Evm(bytes) => stablecoin(token).is_some() || WELL_KNOWN.contains(bytes),
        Address::Text(text) => WELL_KNOWN_ON_TRON.contains(&&**text),
    }
}

/// Returns the stablecoin at an address. No two chains have different ones at the same address.
///
/// # Cost
/// A scan of twenty addresses.
pub fn stablecoin(token: &Address) -> Option<&'static Stablecoin> {
    let Address::Evm(bytes) = token else { return None };
    LIST.iter().find(|coin| coin.address == *bytes)
}

/// The issuers' published addresses on Ethereum, BNB Chain, Polygon, Base, Arbitrum, Optimism and
/// Avalanche.
const LIST: &[Stablecoin] = &[
    coin("USDT", 6, "dac17f958d2ee523a2206206994597c13d831ec7"),
    coin("USDC", 6, "a0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"),
    coin("DAI", 18, "6b175474e89094c44da98b954eedeac495271d0f"),
    coin("BUSD", 18, "4fabb145d64652a948d72533023f6e7a623c7c53"),
    coin("TUSD", 18, "0000000000085d4780b73119b644ae5ecd22b376"),
    coin("FDUSD", 18, "c5f0f7b66764f6ec8c8dff7ba683102295e16409"),
    coin("PYUSD", 6, "6c3ea9036406852006290770bedfcaba0e23a0e8"),
    coin("USDe", 18, "4c9edd5852cd905f086c759e8383e09bff1e68b3"),
    coin("USDT", 18, "55d398326f99059ff775485246999027b3197955"),
    coin("USDC", 18, "8ac76a51cc950d9822d68b83fe1ad97b32cd580d"),
    coin("USDT", 6, "c2132d05d31c914a87a6611c10748aeb04b58e8f"),
    coin("USDC", 6, "3c499c542cef5e3811e1192ce70d8cc03d5c3359"),
    coin("USDC", 6, "2791bca1f2de4661ed88a30c99a7a9449aa84174"),
    coin("USDC", 6, "833589fcd6edb6e08f4c7c32d4f71b54bda02913"),
    coin("USDC", 6, "af88d065e77c8cc2239327c5edb3a432268e5831"),
    coin("USDT", 6, "fd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9"),
    coin("USDC", 6, "0b2c639c533813f4aa9d7837caf62653d097ff85"),
    coin("USDT", 6, "94b008aa00579c1307b0ef2c499ad98a8ce58e58"),
    coin("USDC", 6, "b97ef9ef8734c71904d8002f8b6bc66dd9c48a6e"),
    coin("USDT", 6, "9702230a8ea53601f5cd2dc00fdbc13d4df4a8c7"),
];

/// Widely held tokens that are no dollars, and dollars that poisoners have not imitated so far, by
/// their issuers' published addresses.
const WELL_KNOWN: &[[u8; 20]] = &[
    // Ethereum: WETH, WBTC, stETH, wstETH, LINK, UNI, SHIB, MATIC, AAVE, PEPE.
    address("c02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"),
    address("2260fac5e5542a773aa44fbcfedf7c193bc2c599"),
    address("ae7ab96520de3a18e5e111b5eaab095312d7fe84"),
    address("7f39c581f595b53c5cb19bd0b3f8da6c935e2ca0"),
    address("514910771af9ca656af840dff83e8264ecf986ca"),
    address("1f9840a85d5af5bf1d1762f925bdaddc4201f984"),
    address("95ad61b0a150d79219dcf64e1e6cc01f0b64c4ce"),
    address("7d1afa7b718fb893db30a3abc0cfc608aacfebb0"),
    address("7fc66500c84a76ad7e9c93437bfc5ac33e2ddae9"),
    address("6982508145454ce325ddbe47a25d4ec3d2311933"),
    // BNB Chain: WBNB, ETH, BTCB. Polygon: WPOL, WETH. Avalanche: WAVAX.
    address("bb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c"),
    address("2170ed0880ac9a755fd29b2688956bd959f933f8"),
    address("7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c"),
    address("0d500b1d8e8ef31e21c99d1db9a6444d3adf1270"),
    address("7ceb23fd6bc0add59e62ac25578270cff1b9f619"),
    address("b31f66aa3c1e785363f0875a1b74e27b85fd66c7"),
    // OP Stack chains: WETH. Arbitrum: WETH, ARB, bridged USDC, DAI.
    address("4200000000000000000000000000000000000006"),
    address("82af49447d8a07e3bd95bd0d56f35241523fbab1"),
    address("912ce59144191c1204e64559fe8253a0e49e6548"),
    address("ff970a61a04b1ca14834a43f5de4533ebddb5cc8"),
    address("da10009cbd5d07dd0cecc66161fc93d7c9000da1"),
    // TRON, as its Ethereum-like answers write it: USDT, USDC.
    address("a614f803b6fd780986a42c78ec9c7f77e6ded13c"),
    address("3487b63d30b5b2c87fb7ffa8bcfade38eaac1abe"),
];

/// The same two as TRON writes them.
const WELL_KNOWN_ON_TRON: &[&str] =
    &["TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "TEkxiTehnzSmSe2XqrBj4w32RUN966rdz8"];

const fn coin(symbol: &'static str, decimals: u8, hex: &str) -> Stablecoin {
    Stablecoin { symbol, decimals, address: address(hex) }
}

const fn address(hex: &str) -> [u8; 20] {
    let digits = hex.as_bytes();
    assert!(digits.len() == 40, "an address has 40 digits");
    let mut address = [0; 20];
    let mut i = 0;
    while i < 20 {
        address[i] = nibble(digits[2 * i]) << 4 | nibble(digits[2 * i + 1]);
        i += 1;
    }
    address
}

const fn nibble(digit: u8) -> u8 {
    assert!(matches!(digit, b'0'..=b'9' | b'a'..=b'f'), "addresses are in lower-case hex");
    if digit <= b'9' { digit - b'0' } else { digit - b'a' + 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_coins_by_address_alone() {
        let usdt = stablecoin(&Address::Evm(LIST[0].address)).unwrap();
        assert_eq!((usdt.symbol, usdt.usd(Amount::from_u64(2_500_000))), ("USDT", 2.5));
        assert_eq!(
            Address::Evm(usdt.address).to_string(),
            format!("0x{}", "dac17f958d2ee523a2206206994597c13d831ec7")
        );
        assert_eq!(stablecoin(&Address::EVM_ZERO), None);
        assert_eq!(stablecoin(&Address::Text("USDT".into())), None);
        let weth = Address::parse("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2").unwrap();
        assert!(stablecoin(&weth).is_none() && is_listed_token(&weth));
        assert!(is_listed_token(&Address::Evm(LIST[0].address)));
        assert!(!is_listed_token(&Address::Evm([7; 20])));
        let tether = |text: &str| is_listed_token(&Address::parse(text).unwrap());
        assert!(tether("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"), "on TRON");
        assert!(!tether("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6u"), "a neighbour");
    }
}
