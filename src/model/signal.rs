//! What state learns while admitting an event and rules turn into findings: reorgs and conflicts.

use super::{
    account::Address,
    asset::amount::Amount,
    event::{OutPoint, Tx},
    id::{BlockHash, Hash32, TxId},
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

/// Inputs of one transaction that claim an outpoint.
pub const CLAIMS_PER_TX_MAX: usize = 1_024;

/// What two transactions compete for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConflictKey {
    OutPoint(OutPoint),
    SenderNonce(Address, u64),
    /// An account, and what its client calls the order.
    Order(Address, Hash32),
}

/// How a replacement differs from what it replaces: one table for all account models.
///
/// | | the original could be replaced | it was in a block, or ruled a replacement out |
/// |-|-|-|
/// | everybody is paid as before | `SpeedUp` | `SpeedUp` |
/// | nobody but the sender is paid | `Cancel` | `DoubleSpend` |
/// | somebody else, or otherwise | `Redirect` | `DoubleSpend` |
///
/// A sender may pay itself next to nothing in a cancellation. A pending nonce can be replaced; an
/// outpoint can when an input of its spender says so (BIP 125); an order of a venue's customer
/// never: its second payment goes out beside the first.
///
/// # Source
/// Fee bump: forkmonitor (same scripts, each change ≤ 10,000 sat); speed-up, cancel and redirect:
/// geth and besu transaction pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    SpeedUp,
    Cancel,
    Redirect,
    DoubleSpend,
}

impl ConflictKind {
    pub const ALL: [Self; 4] = [Self::SpeedUp, Self::Cancel, Self::Redirect, Self::DoubleSpend];

    /// Returns the name used on the wire and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SpeedUp => "speed_up",
            Self::Cancel => "cancel",
            Self::Redirect => "redirect",
            Self::DoubleSpend => "double_spend",
        }
    }
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
    /// What the original's recipients lose, in base units; of an order what is paid once more.
    pub value_at_risk: Amount,
    /// The first recipient of the original.
    pub original_to: Option<Address>,
}

impl Tx {
    /// Returns what the transaction claims: its sender's nonce and order, or its outpoints, of
    /// which the first [`CLAIMS_PER_TX_MAX`] count.
    pub fn conflict_keys(&self) -> impl Iterator<Item = ConflictKey> + '_ {
        let nonce = self.evm().and_then(|evm| {
            evm.nonce.map(|nonce| ConflictKey::SenderNonce(evm.from.clone(), nonce))
        });
        let inputs = self.utxo().map_or(&[][..], |utxo| &utxo.inputs);
        let outpoints = inputs.iter().filter_map(|input| input.outpoint);
        let outpoints = outpoints.map(ConflictKey::OutPoint).take(CLAIMS_PER_TX_MAX);
        nonce.into_iter().chain(self.order()).chain(outpoints)
    }

    /// Returns the order that the transaction carries out, if it names one and did not fail.
    pub fn order(&self) -> Option<ConflictKey> {
        let evm = self.evm().filter(|_| !self.is_failed())?;
        evm.client_id.map(|id| ConflictKey::Order(evm.from.clone(), id))
    }
}
