//! Chains by CAIP-2 identifier, with the family (account model) and native asset of each.

use super::{asset::coin::Coin, id::Hash32};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// The account model of a chain: decides features, rules and the alert's subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    Evm,
    Utxo,
}

/// The native asset of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// Ticker used in prices and sentences, e.g. `ETH`.
    pub symbol: Arc<str>,
    /// Base units per unit, as a power of ten.
    pub decimals: u8,
}

/// A blockchain, named by CAIP-2 (`eip155:1`, `bip122:000000000019d6689c085ae165831e93`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    pub id: Arc<str>,
    pub family: Family,
    pub native: Asset,
}

/// Why a CAIP-2 text was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    #[error("not a CAIP-2 chain id: {0:?} (expected for example eip155:1)")]
    Malformed(String),
    #[error(
        "chain namespace {0:?} is not supported (eip155, bip122, tron, solana, xrpl and venue are)"
    )]
    Namespace(String),
}

/// Native assets of account chains by CAIP-2 id; one that is not listed calls its asset `NATIVE`.
const ASSETS: [(&str, &str, u8); 13] = [
    ("eip155:1", "ETH", 18),
    ("eip155:10", "ETH", 18),
    ("eip155:56", "BNB", 18),
    ("eip155:137", "POL", 18),
    ("eip155:250", "FTM", 18),
    ("eip155:8453", "ETH", 18),
    ("eip155:42161", "ETH", 18),
    ("eip155:43114", "AVAX", 18),
    ("eip155:17000", "ETH", 18),
    ("eip155:11155111", "ETH", 18),
    ("tron:0x2b6653dc", "TRX", 6),
    ("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "SOL", 9),
    ("xrpl:0", "XRP", 6),
];

impl Chain {
    pub const BITCOIN: &'static str = "bip122:000000000019d6689c085ae165831e93";
    pub const ETHEREUM: &'static str = "eip155:1";

    /// Parses a CAIP-2 id and looks up the native asset.
    ///
    /// # Errors
    /// When the text is no CAIP-2 id or its namespace has no account model here.
    ///
    /// # Source
    /// CAIP-2: namespace `[-a-z0-9]{3,8}`, reference `[-_a-zA-Z0-9]{1,32}`.
    pub fn parse(text: &str) -> Result<Self, ChainError> {
        let malformed = || ChainError::Malformed(text.to_owned());
        let (namespace, reference) = text.split_once(':').ok_or_else(malformed)?;
        let is_reference = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if reference.is_empty() || reference.len() > 32 || !reference.chars().all(is_reference) {
            return Err(malformed());
        }
        let family = match namespace {
            // Accounts that pay each other: what mappings read.
            "eip155" | "tron" | "solana" | "xrpl" | "venue" => Family::Evm,
            "bip122" => Family::Utxo,
            other => return Err(ChainError::Namespace(other.to_owned())),
        };
        let (symbol, decimals) = match family {
            Family::Evm => ASSETS
                .iter()
                .find(|(id, ..)| *id == text)
                .map_or(("NATIVE", 18), |(_, symbol, decimals)| (*symbol, *decimals)),
            Family::Utxo => Coin::by_reference(reference)
                .map_or(("COIN", 8), |coin| (coin.symbol, coin.decimals)),
        };
        Ok(Self { id: text.into(), family, native: Asset { symbol: symbol.into(), decimals } })
    }
}

impl Chain {
    /// Writes a transaction or block hash as the chain's explorers and RPC show it.
    pub fn hash_text(&self, hash: &Hash32) -> String {
        if self.id.starts_with("eip155:") { format!("0x{hash}") } else { hash.hex() }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_caip2_allows_and_refuses_the_rest() {
        let eth = Chain::parse("eip155:1").unwrap();
        assert_eq!(
            (eth.family, &*eth.native.symbol, eth.native.decimals),
            (Family::Evm, "ETH", 18)
        );
        assert_eq!(Chain::parse(Chain::BITCOIN).unwrap().family, Family::Utxo);
        assert_eq!(&*Chain::parse("eip155:20261").unwrap().native.symbol, "NATIVE");
        assert_eq!(Chain::parse("xrpl:0").unwrap().native.decimals, 6);
        assert_eq!(Chain::parse("venue:binance").unwrap().family, Family::Evm);
        for bad in ["", "eip155", "eip155:", "eip155:1 ", "cosmos:hub", "eip155:1:2"] {
            assert!(Chain::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
