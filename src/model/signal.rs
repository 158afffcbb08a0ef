//! What state learns while admitting an event and rules turn into findings: reorgs and conflicts.

use super::{
    account::Address,
    amount::Amount,
    event::OutPoint,
    id::{BlockHash, TxId},
};
use serde::{Deserialize, Serialize};

/// A fact derived by state, handed to the rules together with the event that revealed it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Signal {
    Reorg(Reorg),
    Conflict(Box<Conflict>),
}

/// Blocks that left the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reorg {
    /// Old tip height minus the height of the last common block, as far as it is proven.
    pub depth_at_least: u64,
    /// The first height that was reverted.
    pub from_height: u64,
    pub old_hash: BlockHash,
    /// `None` where the source only takes its blocks back.
    pub new_hash: Option<BlockHash>,
    /// Every block that was reverted, oldest first.
    pub reverted: Vec<BlockHash>,
    /// True when the journal did not reach back far enough: state is degraded.
    pub is_too_deep: bool,
}

/// What two transactions compete for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConflictKey {
    OutPoint(OutPoint),
    SenderNonce(Address, u64),
}

/// How a replacement differs from what it replaces.
///
/// # Source
/// Fee bump: forkmonitor (same scripts, each change ≤ 10,000 sat); speed-up, cancel and redirect:
/// geth and besu transaction pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// UTXO: same scripts, every value within 10,000 sat.
    FeeBump,
    /// UTXO: the same outpoint pays somebody else.
    DoubleSpend,
    /// EVM: same recipient, value and data.
    SpeedUp,
    /// EVM: the sender pays itself nothing.
    Cancel,
    /// EVM: other recipient, value or calldata.
    Redirect,
}

/// Two transactions on one conflict key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conflict {
    pub key: ConflictKey,
    pub kind: ConflictKind,
    /// The transaction seen first.
    pub original: TxId,
    /// The transaction that competes with it.
    pub replacement: TxId,
    /// Whether the original was already in a block.
    pub is_original_confirmed: bool,
    /// What the original's recipients lose, in base units.
    pub value_at_risk: Amount,
    /// The first recipient of the original.
    pub original_to: Option<Address>,
}
