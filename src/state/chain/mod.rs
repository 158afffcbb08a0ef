//! What is remembered of blocks, of recent transactions and of what they spend.

pub(super) mod blocks;
pub(super) mod body_digest;
pub(super) mod conflicts;
pub(super) mod dedup;
pub(super) mod fees;
pub(super) mod outputs;
pub(super) mod replacement;
pub(super) mod seen_txs;
pub(super) mod tx_logs;
