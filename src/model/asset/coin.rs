//! UTXO networks, one entry each: how they write accounts, amounts, headers and transactions.

use crate::model::chain::Chain;

/// What is known of one network. Decoding, labels and `src/manual/chains-utxo.md` go by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coin {
    /// CAIP-2 references: the start of the genesis hash, or of the first block after a split; then
    /// a readable name, for forks that share a genesis.
    pub references: &'static [&'static str],
    pub symbol: &'static str,
    /// Base units per coin, as a power of ten.
    pub decimals: u8,
    /// What an output can hold, in base units: `MAX_MONEY` of the reference node.
    pub money_max: u64,
    /// Base58 version of the hash of a key.
    pub key_hash: &'static [u8],
    /// Base58 versions of the hash of a script; accounts are written with the first.
    pub script_hash: &'static [&'static [u8]],
    /// Prefix of SegWit addresses; `None` where there are none.
    pub segwit: Option<&'static str>,
    /// Prefix of CashAddr, where accounts are written so.
    pub cash: Option<&'static str>,
    /// Scheme of payment URIs (BIP 21).
    pub scheme: &'static str,
    /// Prefixes of addresses that no record shows: shielded, confidential, silent.
    pub hidden: &'static [&'static str],
    pub header: HeaderRecipe,
    /// Whether a header's own hash is its proof of work.
    pub has_own_work: bool,
    pub tx: TxRecipe,
    pub hides: Hiding,
}

/// How the id of a block comes from its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderRecipe {
    /// SHA-256 twice over eighty bytes.
    Plain,
    /// The same; behind a header with version bit 0x100 stands the work of another chain (AuxPoW).
    Merged,
    /// Another hash, or other fields: ids are taken as they are said.
    Other,
}

/// How the id of a transaction comes from its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxRecipe {
    /// Bitcoin's encoding.
    Bitcoin,
    /// Bitcoin's, and flag bit 8 for extension blocks (Litecoin).
    Mweb,
    /// Bitcoin's, with a payload behind transactions of a special type (Dash, DIP 2).
    Special,
    /// Another one: ids are taken as they are said.
    Other,
}

/// Which values a network keeps from the public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hiding {
    Nothing,
    /// Shielded pools (Zcash), which not every exporter shows.
    Pools,
    /// Extension blocks (Litecoin MWEB).
    Extension,
    /// Confidential amounts (Elements).
    Amounts,
}

impl Hiding {
    /// Returns the name used in the manual.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Pools => "shielded pools",
            Self::Extension => "extension blocks",
            Self::Amounts => "confidential amounts",
        }
    }
}

/// Base units of a coin with eight places.
const COIN: u64 = 100_000_000;
/// What an output can hold where nothing is known: Dogecoin's bound, the largest known.
const MONEY_MAX_UNKNOWN: u64 = 10_000_000_000 * COIN;

const BITCOIN: Coin = Coin {
    references: &["000000000019d6689c085ae165831e93", "bitcoin"],
    symbol: "BTC",
    decimals: 8,
    money_max: 21_000_000 * COIN,
    key_hash: &[0x00],
    script_hash: &[&[0x05]],
    segwit: Some("bc"),
    cash: None,
    scheme: "bitcoin",
    hidden: &["sp"],
    header: HeaderRecipe::Plain,
    has_own_work: true,
    tx: TxRecipe::Bitcoin,
    hides: Hiding::Nothing,
};
const TESTNET: Coin = Coin {
    references: &[
        "000000000933ea01ad0ee984209779ba",
        "00000000da84f2bafbbc53dee25a72ae",
        "00000008819873e925422c1ff0f99f7c",
    ],
    symbol: "COIN",
    key_hash: &[0x6f],
    script_hash: &[&[0xc4]],
    segwit: Some("tb"),
    hidden: &["tsp"],
    ..BITCOIN
};
const BITCOIN_CASH: Coin = Coin {
    references: &[
        "000000000000000000651ef99cb9fcbe",
        "000000000000000000b15ad892af8f6a",
        "bitcoin-cash",
    ],
    symbol: "BCH",
    segwit: None,
    cash: Some("bitcoincash"),
    scheme: "bitcoincash",
    hidden: &[],
    ..BITCOIN
};

/// All networks. Bitcoin stands first: it is looked up most often.
pub const COINS: [Coin; 17] = [
    BITCOIN,
    BITCOIN_CASH,
    Coin {
        references: &["12a765e31ffd4059bada1e25190f6e98", "litecoin"],
        symbol: "LTC",
        money_max: 84_000_000 * COIN,
        key_hash: &[0x30],
        // The second is Bitcoin's, which Litecoin used before.
        script_hash: &[&[0x32], &[0x05]],
        segwit: Some("ltc"),
        scheme: "litecoin",
        hidden: &["ltcmweb"],
        has_own_work: false,
        tx: TxRecipe::Mweb,
        hides: Hiding::Extension,
        ..BITCOIN
    },
    Coin {
        references: &["1a91e3dace36e2be3bf030a65679fe82", "dogecoin"],
        symbol: "DOGE",
        // There is no cap on the supply: the node's bound on one output.
        money_max: MONEY_MAX_UNKNOWN,
        key_hash: &[0x1e],
        script_hash: &[&[0x16]],
        segwit: None,
        scheme: "dogecoin",
        hidden: &[],
        header: HeaderRecipe::Merged,
        has_own_work: false,
        ..BITCOIN
    },
    Coin {
        references: &["00040fe8ec8471911baa1db1266ea15d", "zcash"],
        symbol: "ZEC",
        key_hash: &[0x1c, 0xb8],
        script_hash: &[&[0x1c, 0xbd]],
        segwit: None,
        scheme: "zcash",
        hidden: &["zs", "u"],
        header: HeaderRecipe::Other,
        has_own_work: false,
        tx: TxRecipe::Other,
        hides: Hiding::Pools,
        ..BITCOIN
    },
    Coin {
        references: &["000000000000000001d956714215d96f", "bitcoin-sv"],
        symbol: "BSV",
        segwit: None,
        scheme: "bitcoinsv",
        hidden: &[],
        ..BITCOIN
    },
    Coin {
        references: &["0000000000000000004626ff6e3b9369", "ecash"],
        symbol: "XEC",
        decimals: 2,
        cash: Some("ecash"),
        scheme: "ecash",
        ..BITCOIN_CASH
    },
    Coin {
        references: &["00000ffd590b1485b3caadc19b22e637", "dash"],
        symbol: "DASH",
        key_hash: &[0x4c],
        script_hash: &[&[0x10]],
        segwit: None,
        scheme: "dash",
        hidden: &[],
        // X11 over eighty bytes.
        header: HeaderRecipe::Other,
        has_own_work: false,
        tx: TxRecipe::Special,
        ..BITCOIN
    },
    Coin {
        // Its genesis is Bitcoin's, and no list gives its first block an id.
        references: &["bitcoin-gold"],
        symbol: "BTG",
        key_hash: &[0x26],
        script_hash: &[&[0x17]],
        segwit: Some("btg"),
        scheme: "bitcoingold",
        hidden: &[],
        header: HeaderRecipe::Other,
        has_own_work: false,
        ..BITCOIN
    },
    Coin {
        references: &["7497ea1b465eb39f1c8f507bc877078f", "digibyte"],
        symbol: "DGB",
        money_max: 21_000_000_000 * COIN,
        key_hash: &[0x1e],
        // The second is the one from before.
        script_hash: &[&[0x3f], &[0x05]],
        segwit: Some("dgb"),
        scheme: "digibyte",
        hidden: &[],
        // Five proofs of work take turns; the id is one hash.
        has_own_work: false,
        ..BITCOIN
    },
    Coin {
        references: &["000000000062b72c5e2ceb45fbc8587e", "namecoin"],
        symbol: "NMC",
        key_hash: &[0x34],
        script_hash: &[&[0x0d]],
        segwit: Some("nc"),
        scheme: "namecoin",
        hidden: &[],
        header: HeaderRecipe::Merged,
        ..BITCOIN
    },
    Coin {
        references: &["00000fc63692467faeb20cdb3b53200d", "verge"],
        symbol: "XVG",
        decimals: 6,
        money_max: 16_555_000_000 * 1_000_000,
        key_hash: &[0x1e],
        script_hash: &[&[0x21]],
        segwit: None,
        scheme: "verge",
        hidden: &[],
        header: HeaderRecipe::Other,
        has_own_work: false,
        // A time stands behind the version.
        tx: TxRecipe::Other,
        ..BITCOIN
    },
    Coin {
        references: &["1466275836220db2944ca059a3a10ef6", "liquid"],
        symbol: "L-BTC",
        key_hash: &[0x39],
        script_hash: &[&[0x27]],
        segwit: Some("ex"),
        scheme: "liquidnetwork",
        hidden: &["lq"],
        header: HeaderRecipe::Other,
        has_own_work: false,
        tx: TxRecipe::Other,
        hides: Hiding::Amounts,
        ..BITCOIN
    },
    TESTNET,
    Coin {
        references: &["0f9188f13cb7b2c71f2a335e3a4fc328", "regtest"],
        segwit: Some("bcrt"),
        ..TESTNET
    },
    Coin {
        references: &["bitcoin-cash-testnet"],
        segwit: None,
        cash: Some("bchtest"),
        scheme: "bchtest",
        hidden: &[],
        ..TESTNET
    },
    Coin {
        references: &["4966625a4b2851d9fdee139e56211a0d", "litecoin-testnet"],
        script_hash: &[&[0x3a], &[0xc4]],
        segwit: Some("tltc"),
        scheme: "litecoin",
        hidden: &["tmweb"],
        has_own_work: false,
        tx: TxRecipe::Mweb,
        hides: Hiding::Extension,
        ..TESTNET
    },
];

impl Coin {
    /// Returns the network of a chain; `None` when nothing is known of it.
    pub fn of(chain: &Chain) -> Option<&'static Self> {
        Self::by_reference(chain.id.strip_prefix("bip122:")?)
    }

    /// Returns the network with this CAIP-2 reference.
    pub(in crate::model) fn by_reference(reference: &str) -> Option<&'static Self> {
        COINS.iter().find(|coin| coin.references.contains(&reference))
    }

    /// Returns whether its coins are worth nothing.
    pub fn is_test(&self) -> bool {
        self.symbol == TESTNET.symbol
    }

    /// Returns whether `name` means this network: its ticker, its scheme or one of its references.
    pub fn is_named(&self, name: &str) -> bool {
        let is = |own: &str| own.eq_ignore_ascii_case(name);
        // The Treasury's lists call Bitcoin XBT.
        is(self.symbol)
            || is(self.scheme)
            || self.references.iter().any(|reference| is(reference))
            || self.symbol == "BTC" && is("XBT")
    }
}

impl Chain {
    /// Returns the most base units that an output, or the outputs of one transaction, can hold.
    ///
    /// # Source
    /// `MAX_MONEY` of the reference nodes. Dogecoin has no cap on its supply; its node refuses
    /// values above ten billion coins, and that bound stands for every chain that is not listed.
    pub fn money_max(&self) -> u64 {
        Coin::of(self).map_or(MONEY_MAX_UNKNOWN, |coin| coin.money_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_means_one_network() {
        let mut seen = std::collections::BTreeSet::new();
        for coin in COINS {
            assert!(!coin.references.is_empty() && !coin.script_hash.is_empty());
            for reference in coin.references {
                assert!(seen.insert(*reference), "{reference} twice");
                let chain = Chain::parse(&format!("bip122:{reference}")).unwrap();
                assert_eq!(Coin::of(&chain), Some(&coin));
                assert_eq!(&*chain.native.symbol, coin.symbol);
            }
        }
        assert_eq!(Coin::of(&Chain::parse("bip122:unknown").unwrap()), None);
        assert_eq!(Coin::of(&Chain::parse("eip155:1").unwrap()), None);
    }
}
