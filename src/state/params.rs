//! The bounds of one chain's memory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bounds and horizons of one chain's memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Accounts kept; the ones longest unseen leave first, newcomers seen once before them. 110
    /// bytes each, and 32 for those of a UTXO chain that spend together. Of those that deal in
    /// tokens 262,144 at most have a second row of 110 bytes.
    #[schemars(range(min = 1, max = 100_000_000), extend("x-unit" = "accounts"))]
    pub accounts_max: usize,
    /// Distinct (sender, receiver) pairs remembered. 8 bytes each.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "pairs"))]
    pub edges_max: usize,
    /// Transfers kept in the recent transfer graph. 96 bytes each, and 58 for their ends.
    #[schemars(range(min = 1, max = 100_000_000), extend("x-unit" = "transfers"))]
    pub transfers_max: usize,
    /// Unspent outputs (UTXO) remembered. 48 bytes each.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "outputs"))]
    pub outputs_max: usize,
    /// Conflict keys, and the transactions that hold them, remembered for 72 h at most: by default
    /// five hours of Ethereum, within which a nonce is settled beyond any reorg. 190 bytes each.
    #[schemars(range(min = 1, max = 100_000_000), extend("x-unit" = "transactions"))]
    pub conflicts_max: usize,
    /// Event ids remembered for deduplication, with a seal on what they say. 28 bytes each.
    #[schemars(range(min = 1, max = 1_000_000_000), extend("x-unit" = "events"))]
    pub dedup_max: usize,
    /// Pending transactions of which is remembered which nodes told of them, and when: by default
    /// an hour of Ethereum. 160 bytes each.
    #[schemars(range(min = 1, max = 100_000_000), extend("x-unit" = "transactions"))]
    pub sightings_max: usize,
    /// Blocks that can be undone, at most 256.
    #[schemars(range(min = 1, max = 256), extend("x-unit" = "blocks"))]
    pub journal_blocks_max: usize,
    /// Bytes of undo information kept.
    #[schemars(range(min = 1, max = 68_719_476_736_i64), extend("x-unit" = "bytes"))]
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
