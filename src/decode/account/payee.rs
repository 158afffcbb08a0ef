//! What an output of a UTXO chain pays, and how the networks write it.

use super::{
    base58::{self, Alphabet},
    cash,
};
use crate::{
    decode::value::hex,
    model::{Address, COINS, Coin},
};
use bech32::{Fe32, Hrp, segwit};
use ripemd::Ripemd160;
use sha2::{Digest, Sha256};

/// Prefix of Zcash addresses that accept transparent money only (ZIP 320).
const TRANSPARENT_ONLY: &str = "tex";

/// What a script pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payee {
    KeyHash([u8; 20]),
    ScriptHash([u8; 20]),
    /// Bitcoin Cash: the longer hash of a script.
    ScriptHash32([u8; 32]),
    Witness(u8, Vec<u8>),
}

impl Payee {
    /// Who pays a public key pays its hash.
    pub fn of_key(key: &[u8]) -> Self {
        Self::KeyHash(Ripemd160::digest(Sha256::digest(key)).into())
    }

    /// Reads an address in any of the network's forms.
    pub fn read(text: &str, coin: &Coin) -> Option<Self> {
        if let Some(key) = public_key(text) {
            return Some(Self::of_key(&key));
        }
        // One key has one account on all chains that share Bitcoin's genesis.
        let mut prefixes =
            COINS.iter().filter(|other| other.key_hash == coin.key_hash).filter_map(|c| c.cash);
        if let Some(decoded) = prefixes.find_map(|prefix| cash::decode(prefix, text)) {
            let hash = decoded.hash.as_slice();
            return match (decoded.is_script, hash.len()) {
                (false, 20) => hash.try_into().ok().map(Self::KeyHash),
                (true, 20) => hash.try_into().ok().map(Self::ScriptHash),
                (true, 32) => hash.try_into().ok().map(Self::ScriptHash32),
                _ => None,
            };
        }
        if let Some(payload) = base58::check_decode(Alphabet::BITCOIN, text) {
            let hash = |version: &[u8]| payload.strip_prefix(version)?.try_into().ok();
            return hash(coin.key_hash).map(Self::KeyHash).or_else(|| {
                coin.script_hash.iter().find_map(|version| hash(version)).map(Self::ScriptHash)
            });
        }
        if coin.symbol == "ZEC" {
            let (prefix, hash) = bech32::decode(text).ok()?;
            let hash = hash.try_into().ok().map(Self::KeyHash);
            return hash.filter(|_| prefix.to_lowercase() == TRANSPARENT_ONLY);
        }
        let (prefix, version, program) = segwit::decode(text).ok()?;
        (coin.segwit? == prefix.to_lowercase()).then(|| Self::Witness(version.to_u8(), program))
    }

    /// Returns the account in the network's one form; `None` where it has none for it.
    pub fn address(&self, coin: &Coin) -> Option<Address> {
        let text = match (self, coin.cash) {
            (Self::KeyHash(hash), Some(prefix)) => cash::encode(prefix, false, hash)?,
            (Self::ScriptHash(hash), Some(prefix)) => cash::encode(prefix, true, hash)?,
            (Self::ScriptHash32(hash), prefix) => cash::encode(prefix?, true, hash)?,
            (Self::KeyHash(hash), None) => {
                base58::check_encode(Alphabet::BITCOIN, coin.key_hash, hash)
            }
            (Self::ScriptHash(hash), None) => {
                base58::check_encode(Alphabet::BITCOIN, coin.script_hash.first()?, hash)
            }
            (Self::Witness(version, program), _) => {
                let prefix = Hrp::parse(coin.segwit?).ok()?;
                segwit::encode(prefix, Fe32::try_from(*version).ok()?, program).ok()?
            }
        };
        Some(Address::Text(text.into()))
    }
}

/// Reads a public key as old exporters write who is paid by it: compressed or whole.
fn public_key(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let short = || hex::array::<33>(digits).filter(|key| matches!(key[0], 2 | 3));
    let long = || hex::array::<65>(digits).filter(|key| key[0] == 4);
    match digits.len() {
        66 => short().map(|key| key.to_vec()),
        130 => long().map(|key| key.to_vec()),
        _ => None,
    }
}

/// Returns whether a text is already in the network's one form, as most are, without reading it.
pub(super) fn is_plain(text: &str, coin: &Coin) -> bool {
    let is_lower = || !text.bytes().any(|b| b.is_ascii_uppercase());
    if let Some(prefix) = coin.cash {
        let bare = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix(':'));
        // A key or a script of 20 bytes: not those that are aware of tokens.
        return bare.is_some_and(|bare| bare.starts_with(['q', 'p'])) && is_lower();
    }
    let segwit = coin.segwit.and_then(|prefix| text.strip_prefix(prefix));
    if segwit.is_some_and(|rest| rest.starts_with('1')) {
        return is_lower();
    }
    // Where scripts have two versions, base58 has two forms.
    coin.script_hash.len() == 1 && coin.key_hash == [0] && text.starts_with(['1', '3'])
}
