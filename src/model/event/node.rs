//! What nodes tell of blocks and transactions beside their contents: steps and observations.

use crate::model::{
    account::Address,
    asset::amount::Amount,
    id::{BlockHash, Hash32, TxId},
};
use serde::{Deserialize, Serialize};

/// What a node saw happen to a transaction, without the transaction itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Observation {
    pub tx: TxId,
    /// `None` where nothing names the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<Box<str>>,
    pub phase: Phase,
    /// The node's own count of changes of its mempool, where it tells it.
    pub mempool_seq: Option<u64>,
    pub replaced_by: Option<TxId>,
}

impl Observation {
    /// Makes an observation of which nothing else is told.
    pub fn of(tx: TxId, phase: Phase) -> Self {
        Self { tx, node: None, phase, mempool_seq: None, replaced_by: None }
    }
}

/// The stage of a transaction's life at which a node saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A hash was announced.
    Announced,
    /// The mempool took it in.
    Admitted,
    /// It left the mempool for another reason than a block.
    Removed,
    /// Another transaction took its place.
    Replaced,
    Rejected,
    InBlock,
}

/// What became of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It joined the chain.
    #[default]
    Committed,
    /// It is no longer part of the chain.
    Reverted,
    Final,
}

impl Step {
    /// Returns the name used in identities and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Reverted => "reverted",
            Self::Final => "final",
        }
    }
}

impl Phase {
    /// Returns whether the node has the transaction (or had, at some time) rather than dropped it.
    pub fn is_presence(self) -> bool {
        matches!(self, Self::Announced | Self::Admitted | Self::InBlock)
    }

    /// Returns the name used in identities and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Admitted => "admitted",
            Self::Removed => "removed",
            Self::Replaced => "replaced",
            Self::Rejected => "rejected",
            Self::InBlock => "in_block",
        }
    }
}

/// A block that joined the chain, left it or became final.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BlockStep {
    pub step: Step,
    /// `None` where the source names the hash only (a ZMQ message, a lone header).
    pub height: Option<u64>,
    pub hash: BlockHash,
    /// `None` where the format carries no parent (bitcoin-etl).
    pub parent: Option<BlockHash>,
    pub n_transactions: Option<u32>,
    /// Wei per gas; `None` before EIP-1559 and on UTXO chains.
    pub base_fee_per_gas: Option<Amount>,
    pub gas_used: Option<u64>,
    pub gas_limit: Option<u64>,
}

/// An event of the house that moves nothing on the chain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Notice {
    /// Its own id, or the digest of the record.
    pub id: Hash32,
    pub account: Option<Address>,
    /// In base units of whatever it counts.
    pub amount: Option<Amount>,
}
