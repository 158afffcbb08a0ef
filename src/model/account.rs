//! Accounts: addresses as they are shown, and the keyed 64-bit hash under which state keeps them.

use super::id::Hash32;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use siphasher::sip::SipHasher13;
use std::{fmt, hash::Hasher};

/// An address of any chain, in its one canonical form; in JSON the text that is shown.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// A 20-byte EVM address; shown as `0x` and lower-case hex.
    Evm([u8; 20]),
    /// A base58 or (lower-case) bech32 text, or `script:` and the hex of a short script hash.
    Text(Box<str>),
}

impl Address {
    /// The EVM zero address: mint and burn side of token transfers.
    pub const EVM_ZERO: Self = Self::Evm([0; 20]);

    /// Reads an address as it is shown; `None` for `0x` and 40 characters that are no hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40);
        let Some(digits) = digits else { return Some(Self::Text(text.into())) };
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let nibble = |c: u8| Some(char::from(c).to_digit(16)? as u8);
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self::Evm(bytes))
    }

    /// Returns whether nobody can sign for the address: tokens are minted from it and burnt to it.
    pub fn is_nobody(&self) -> bool {
        const DEAD: [u8; 20] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xde, 0xad];
        match self {
            Self::Evm(bytes) => *bytes == [0; 20] || *bytes == DEAD,
            // The null address as TRON writes it.
            Self::Text(text) => &**text == "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb",
        }
    }

    /// Returns the bytes that identify the address.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Evm(bytes) => bytes,
            Self::Text(text) => text.as_bytes(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Evm(bytes) => {
                let mut wide = [0; 32];
                wide[12..].copy_from_slice(bytes);
                write!(f, "0x{}", &Hash32(wide).hex()[24..])
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What binary encodings hold: the variant and its bytes.
#[derive(Serialize, Deserialize)]
enum Packed {
    Evm([u8; 20]),
    Text(Box<str>),
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            return s.collect_str(self);
        }
        match self {
            Self::Evm(bytes) => Packed::Evm(*bytes).serialize(s),
            Self::Text(text) => Packed::Text(text.clone()).serialize(s),
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if !d.is_human_readable() {
            return Ok(match Packed::deserialize(d)? {
                Packed::Evm(bytes) => Self::Evm(bytes),
                Packed::Text(text) => Self::Text(text),
            });
        }
        let text = String::deserialize(d)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("expected 0x and 40 hex digits"))
    }
}

/// The key of an account inside one engine: a keyed hash of its address.
///
/// Two of a million accounts share a key with probability 3e-8; the hash is keyed by the
/// configured seed, so nobody outside can search for a collision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountKey(pub u64);

/// Turns addresses into [`AccountKey`]s under a fixed seed.
///
/// # Source
/// SipHash-1-3 (Aumasson, Bernstein 2012).
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct AccountHasher {
    key: SipHasher13,
}

/// Bytes that are hashed as one run: all natural keys but those with long texts.
const RUN_MAX: usize = 96;

impl AccountHasher {
    /// Makes a hasher from the configured seed.
    pub fn new(seed: u64) -> Self {
        Self { key: SipHasher13::new_with_keys(seed, 0x7478_7761_7264_656e) }
    }

    /// Returns the key of an address.
    pub fn key(&self, address: &Address) -> AccountKey {
        let Address::Evm(bytes) = address else { return AccountKey(self.hash(&[address.bytes()])) };
        // The same as below, with lengths that the compiler knows.
        let mut run = [0xff; 21];
        run[..20].copy_from_slice(bytes);
        AccountKey(self.key.hash(&run))
    }

    /// Hashes any bytes under the same seed, for tables that are keyed by more than an account.
    pub fn hash(&self, parts: &[&[u8]]) -> u64 {
        // Hashing one run of bytes takes half the time of hashing its parts.
        let n_bytes = parts.iter().map(|part| part.len() + 1).sum::<usize>();
        let mut run = [0xff; RUN_MAX];
        if n_bytes <= RUN_MAX {
            let mut at = 0;
            for part in parts {
                run[at..at + part.len()].copy_from_slice(part);
                at += part.len() + 1;
            }
            return self.key.hash(&run[..n_bytes]);
        }
        let mut hasher = self.key;
        for part in parts {
            hasher.write(part);
            hasher.write_u8(0xff);
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_not_depend_on_how_bytes_are_handed_over() {
        let hasher = AccountHasher::new(7);
        for n in [0, 1, 20, 62, 95, 96, 300] {
            let long = vec![0x11; n];
            let mut parts = hasher.key;
            for part in [&long[..], b"x"] {
                parts.write(part);
                parts.write_u8(0xff);
            }
            assert_eq!(hasher.hash(&[&long, b"x"]), parts.finish(), "{n} bytes");
        }
        let address = Address::Evm([0xab; 20]);
        assert_eq!(hasher.key(&address).0, hasher.hash(&[&[0xab; 20]]));
    }

    #[test]
    fn addresses_survive_both_encodings() {
        for (address, text) in [
            (Address::Evm([0xab; 20]), format!("\"0x{}\"", "ab".repeat(20))),
            (Address::Text("bc1qx".into()), "\"bc1qx\"".to_owned()),
        ] {
            assert_eq!(serde_json::to_string(&address).unwrap(), text);
            assert_eq!(serde_json::from_str::<Address>(&text).unwrap(), address);
            let bytes = postcard::to_stdvec(&address).unwrap();
            assert_eq!(postcard::from_bytes::<Address>(&bytes).unwrap(), address);
        }
    }
}
