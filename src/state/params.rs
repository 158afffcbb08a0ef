//! The bounds of one chain's memory.

use serde::{Deserialize, Serialize};

/// Bounds and horizons of one chain's memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Accounts kept; the ones longest unseen leave first, newcomers seen once before them. 110
    /// bytes each, and 32 for those of a UTXO chain that spend together. Of those that deal in
    /// tokens 262,144 at most have a second row of 110 bytes.
    pub accounts_max: usize,
    /// Distinct (sender, receiver) pairs remembered. 8 bytes each.
    pub edges_max: usize,
    /// Transfers kept in the recent transfer graph. 64 bytes each, and as much for their ends.
    pub transfers_max: usize,
    /// Unspent outputs (UTXO) remembered. 48 bytes each.
    pub outputs_max: usize,
    /// Conflict keys, and the transactions that hold them, remembered for 72 h at most: by default
    /// five hours of Ethereum, within which a nonce is settled beyond any reorg. 190 bytes each.
    pub conflicts_max: usize,
    /// Event ids remembered for deduplication, with a seal on what they say. 28 bytes each.
    pub dedup_max: usize,
    /// Pending transactions of which is remembered which nodes told of them, and when: by default
    /// an hour of Ethereum. 160 bytes each.
    pub sightings_max: usize,
    /// Blocks that can be undone, at most 256.
    pub journal_blocks_max: usize,
    /// Bytes of undo information kept.
    pub journal_bytes_max: usize,
    /// Whether transactions that are in no block are learned as if they were: for sources that
    /// never tell a block. With it off, a pending transaction is scored and leaves only its claims.
    pub learns_unincluded: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            accounts_max: 1_000_000,
            edges_max: 4_000_000,
            transfers_max: 262_144,
            outputs_max: 1_000_000,
            conflicts_max: 262_144,
            dedup_max: 1_000_000,
            sightings_max: 65_536,
            journal_blocks_max: 256,
            journal_bytes_max: 256 << 20,
            learns_unincluded: false,
        }
    }
}
