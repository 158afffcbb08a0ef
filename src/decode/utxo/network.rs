//! How the networks of UTXO chains write their addresses.

use crate::model::Chain;

/// The prefixes of one network's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    pub key_hash: &'static [u8],
    pub script_hash: &'static [u8],
    /// `None` where there is no SegWit.
    pub segwit: Option<&'static str>,
}

const BITCOIN: Network = Network { key_hash: &[0], script_hash: &[5], segwit: Some("bc") };
const TEST: Network = Network { key_hash: &[0x6f], script_hash: &[0xc4], segwit: Some("tb") };
const REGTEST: Network = Network { segwit: Some("bcrt"), ..TEST };
const LITECOIN: Network = Network { key_hash: &[0x30], script_hash: &[0x32], segwit: Some("ltc") };
const DOGECOIN: Network = Network { key_hash: &[0x1e], script_hash: &[0x16], segwit: None };
const ZCASH: Network =
    Network { key_hash: &[0x1c, 0xb8], script_hash: &[0x1c, 0xbd], segwit: None };

/// Networks by the CAIP-2 reference, which is the start of the genesis hash.
const NETWORKS: [(&str, Network); 9] = [
    ("000000000019d6689c085ae165831e93", BITCOIN),
    ("000000000933ea01ad0ee984209779ba", TEST),
    ("00000000da84f2bafbbc53dee25a72ae", TEST),
    ("00000008819873e925422c1ff0f99f7c", TEST),
    ("0f9188f13cb7b2c71f2a335e3a4fc328", REGTEST),
    ("12a765e31ffd4059bada1e25190f6e98", LITECOIN),
    ("1a91e3dace36e2be3bf030a65679fe82", DOGECOIN),
    ("00040fe8ec8471911baa1db1266ea15d", ZCASH),
    // Bitcoin Cash after the split, for those who do not use Bitcoin's genesis for it.
    ("000000000000000000651ef99cb9fcbe", BITCOIN),
];

/// Returns the network of a chain; `None` when its addresses cannot be written.
pub(super) fn of(chain: &Chain) -> Option<Network> {
    let (_, reference) = chain.id.split_once(':')?;
    NETWORKS.iter().find(|(id, _)| *id == reference).map(|(_, network)| *network)
}
