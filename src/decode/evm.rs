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
    field::{Reader, refuse},
};
use crate::model::{Event, Quality};
use sha3::{Digest, Keccak256};

/// Wei in the unit in which withdrawals are counted.
pub(super) const WEI_PER_GWEI: u64 = 1_000_000_000;
/// EIP-2718 types whose meaning is known: legacy, 2930, 1559, 4844, 7702.
pub(super) const TX_TYPE_KNOWN_MAX: u8 = 4;
/// The deposit type of optimistic rollups.
pub(super) const TX_TYPE_DEPOSIT: u8 = 0x7e;

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
