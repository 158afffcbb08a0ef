//! What all formats of EVM chains share: RLP, signatures, standard logs, calls.

pub(super) mod call;
pub(super) mod receipt;
pub(super) mod recipe;
pub(super) mod rlp;
pub(super) mod signed;
pub(super) mod standard;
pub(super) mod trie;
pub(super) mod withdrawal;

use super::{
    Reason, Refusal,
    json::{
        Value,
        field::{Reader, refuse},
        keys::Field,
    },
};
use crate::model::{Event, Quality};
use sha3::{Digest, Keccak256};

/// Wei in the unit in which withdrawals are counted.
pub(super) const WEI_PER_GWEI: u64 = 1_000_000_000;
/// EIP-2718 types whose meaning is known: legacy, 2930, 1559, 4844, 7702.
pub(super) const TX_TYPE_KNOWN_MAX: u8 = 4;
/// The deposit type of optimistic rollups.
pub(super) const TX_TYPE_DEPOSIT: u8 = 0x7e;

/// What no transaction has (EIP-2718 reserves it): stands for a name that means no known type.
const TX_TYPE_UNNAMED: u8 = 0xff;
/// What libraries and clients call the types, in lower case without signs between words: ethers,
/// viem, web3.js, geth, Nethermind, Besu, Erigon.
const TX_TYPE_NAMES: [(&[u8], u8); 19] = [
    (b"legacy", 0),
    (b"frontier", 0),
    (b"eip2930", 1),
    (b"accesslist", 1),
    (b"accesslisteip2930", 1),
    (b"eip1559", 2),
    (b"dynamicfee", 2),
    (b"feemarket", 2),
    (b"feemarketeip1559", 2),
    (b"eip4844", 3),
    (b"blob", 3),
    (b"blobeip4844", 3),
    (b"eip7702", 4),
    (b"setcode", 4),
    (b"delegatecode", 4),
    (b"eoacode", 4),
    (b"eoacodeeip7702", 4),
    (b"deposit", TX_TYPE_DEPOSIT),
    (b"depositoptimism", TX_TYPE_DEPOSIT),
];
/// What some append to each name.
const TX_TYPE_ENDS: [&[u8]; 2] = [b"transaction", b"tx"];

/// Reads a transaction's type: a number, or the name that a library has for it.
pub(super) fn tx_type(field: Field<'_>, reader: &mut Reader<'_>) -> Result<Option<u8>, Refusal> {
    let tx_type = match field.value {
        Value::Text(text) if text.raw.first().is_some_and(u8::is_ascii_alphabetic) => {
            Some(tx_type_named(text.raw))
        }
        _ => field.or_null().count(reader)?,
    };
    if tx_type.is_some_and(|t| t > TX_TYPE_KNOWN_MAX && t != TX_TYPE_DEPOSIT) {
        reader.quality |= Quality::UNKNOWN_TYPE;
    }
    Ok(tx_type)
}

#[cold]
fn tx_type_named(name: &[u8]) -> u8 {
    let mut plain: Vec<u8> = name.iter().filter(|b| b.is_ascii_alphanumeric()).copied().collect();
    plain.make_ascii_lowercase();
    let ends = TX_TYPE_ENDS.iter().find_map(|end| plain.strip_suffix(*end));
    let plain = ends.unwrap_or(&plain);
    let known = TX_TYPE_NAMES.iter().find(|(name, _)| *name == plain);
    known.map_or(TX_TYPE_UNNAMED, |(_, tx_type)| *tx_type)
}

/// Hashes the concatenation of byte strings with Keccak-256.
pub(super) fn keccak(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

/// Refuses a transaction that was signed for another chain than the topic's.
pub(super) fn check_chain(id: u64, reader: &Reader<'_>) -> Result<(), Refusal> {
    let own: Option<u64> =
        reader.settings.chain.id.strip_prefix("eip155:").and_then(|n| n.parse().ok());
    match own {
        Some(own) if own != id => {
            let detail = format!("signed for chain {id}, the topic's is {own}");
            Err(refuse(Reason::ChainMismatch, &detail))
        }
        _ => Ok(()),
    }
}

/// Notes what was found out about the contents of a block, whose step comes first: with a wrong
/// list nothing in it is certain.
pub(super) fn note_contents(found: Quality, events: &mut [Event]) {
    let mut quality = found;
    for event in events.iter() {
        quality |= event.quality & Quality::UNKNOWN_TYPE;
    }
    if let Some(block) = events.first_mut() {
        // A transaction of an unknown type is why a block's lists could not be checked.
        block.quality |= quality;
    }
    let flaw = found & Quality::CHECK_FAILED;
    events.iter_mut().for_each(|event| event.quality |= flaw);
}
