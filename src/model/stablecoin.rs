//! Dollar tokens known without a price table: the coins that address poisoners imitate.

use super::{account::Address, amount::Amount};

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

const fn coin(symbol: &'static str, decimals: u8, hex: &str) -> Stablecoin {
    let digits = hex.as_bytes();
    assert!(digits.len() == 40, "an address has 40 digits");
    let mut address = [0; 20];
    let mut i = 0;
    while i < 20 {
        address[i] = nibble(digits[2 * i]) << 4 | nibble(digits[2 * i + 1]);
        i += 1;
    }
    Stablecoin { symbol, decimals, address }
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
    }
}
