//! Block headers and Merkle trees of UTXO chains.

use super::wire::{Cursor, RawTx, display_hash, sha256d};
use crate::{
    decode::{Limits, Reason, Refusal, json::field::refuse},
    model::Hash32,
};
use ruint::aliases::U256;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 80;
/// Bit of a version: another chain's work stands behind the header (AuxPoW).
const MERGED: i32 = 0x100;
/// Hashes that lead from a coinbase to a Merkle root: blocks have fewer than 2^32 transactions.
const BRANCH_MAX: u64 = 32;
/// Height from which every mainnet coinbase begins with its height (BIP 34); below it a number
/// there means nothing.
const BIP34_HEIGHT: u64 = 227_931;
/// Test networks enforce it from here on.
const BIP34_HEIGHT_TEST: u64 = 21_111;
/// What an output begins with that commits to the block's witnesses (BIP 141).
const COMMITMENT: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// The fields of a header.
#[derive(Clone, Copy, Debug)]
pub struct BlockHeader {
    pub hash: Hash32,
    pub version: i32,
    pub parent: Hash32,
    pub merkle_root: Hash32,
    /// Seconds since the epoch.
    pub time: u32,
    pub bits: u32,
}

impl BlockHeader {
    /// Reads the fields, which are all of fixed size.
    pub fn of(bytes: &[u8; HEADER_BYTES]) -> Self {
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let hash = |at: usize| {
            let mut hash = [0; 32];
            hash.copy_from_slice(&bytes[at..at + 32]);
            hash.reverse();
            Hash32(hash)
        };
        Self {
            hash: display_hash(&[bytes]),
            version: word(0).cast_signed(),
            parent: hash(4),
            merkle_root: hash(36),
            time: word(68),
            bits: word(72),
        }
    }

    /// Returns whether the work was done on another chain's header.
    pub fn is_merged(&self) -> bool {
        self.version & MERGED != 0
    }

    /// Returns whether the hash is as small as the header itself says that it must be.
    ///
    /// # Source
    /// Bitcoin Core, `CheckProofOfWork` and `arith_uint256::SetCompact`.
    pub fn has_work(&self) -> bool {
        let (exponent, mantissa) = (self.bits >> 24, self.bits & 0x007f_ffff);
        let is_negative = self.bits & 0x0080_0000 != 0;
        let target = match exponent {
            0..=3 => U256::from(mantissa >> (8 * (3 - exponent))),
            4..=32 => U256::from(mantissa) << (8 * (exponent as usize - 3)),
            _ => return false,
        };
        !is_negative && !target.is_zero() && U256::from_be_bytes(self.hash.0) <= target
    }
}

/// Skips the work of another chain behind a header: its coinbase, the two ways from there to the
/// roots, its header. What it proves is not checked.
///
/// # Source
/// Namecoin Core and Dogecoin Core, `CAuxPow`.
pub fn skip_merged(cursor: &mut Cursor<'_>, limits: &Limits) -> Result<(), Refusal> {
    cursor.tx(limits)?;
    cursor.take(32)?;
    for _ in 0..2 {
        let n = cursor.count()?.min(BRANCH_MAX + 1);
        if n > BRANCH_MAX {
            return Err(refuse(Reason::BadBinary, "a Merkle branch of more than 32 hashes"));
        }
        cursor.take(n as usize * 32 + 4)?;
    }
    cursor.take(HEADER_BYTES).map(|_| ())
}

/// Checks that transactions are those that a header commits to.
///
/// # Source
/// Bitcoin Core, `ComputeMerkleRoot`: two equal neighbours mean that a list was lengthened without
/// changing its root (CVE-2012-2459).
pub fn check_merkle(ids: impl Iterator<Item = Hash32>, root: &Hash32) -> Result<(), Refusal> {
    match merkle(ids) {
        Some(computed) if computed == *root => Ok(()),
        Some(_) => Err(refuse(Reason::CheckFailed, "the Merkle root is another one")),
        None => Err(refuse(Reason::CheckFailed, "the list of transactions is lengthened")),
    }
}

fn merkle(ids: impl Iterator<Item = Hash32>) -> Option<Hash32> {
    let mut row: Vec<[u8; 32]> = ids
        .map(|mut id| {
            id.0.reverse();
            id.0
        })
        .collect();
    while row.len() > 1 {
        if row.as_chunks::<2>().0.iter().any(|[left, right]| left == right) {
            return None;
        }
        row = row.chunks(2).map(|c| sha256d(&[&c[0], c.last().unwrap_or(&c[0])])).collect();
    }
    let mut root = *row.first()?;
    root.reverse();
    Some(Hash32(root))
}

/// Checks the commitment to the witnesses, where the coinbase carries one (BIP 141).
pub fn check_witnesses(txs: &[RawTx<'_>]) -> Result<(), Refusal> {
    let Some((coinbase, others)) = txs.split_first() else { return Ok(()) };
    let is_commitment = |script: &&[u8]| script.len() >= 38 && script.starts_with(&COMMITMENT);
    let committed = coinbase.outputs.iter().rev().map(|o| o.script).find(is_commitment);
    let (Some(committed), Some(reserved)) = (committed, coinbase.first_witness) else {
        return Ok(());
    };
    // The coinbase's own place in the tree is empty.
    let ids = std::iter::once(Hash32::default()).chain(others.iter().map(|tx| tx.witness_id));
    let mut root = merkle(ids).unwrap_or_default();
    root.0.reverse();
    if sha256d(&[&root.0, reserved]) == committed[6..38] {
        Ok(())
    } else {
        Err(refuse(Reason::CheckFailed, "the witnesses are not those that the coinbase commits to"))
    }
}

/// Returns the height that a coinbase begins with (BIP 34), where that is enforced.
pub fn height(header: &BlockHeader, coinbase: &RawTx<'_>, is_main: bool) -> Option<u64> {
    let [n_bytes @ 1..=4, rest @ ..] = coinbase.first_script else { return None };
    let digits = rest.get(..usize::from(*n_bytes))?;
    let height = digits.iter().rev().fold(0u64, |n, &byte| n << 8 | u64::from(byte));
    let min = if is_main { BIP34_HEIGHT } else { BIP34_HEIGHT_TEST };
    (header.version >= 2 && (min..1 << 31).contains(&height)).then_some(height)
}
