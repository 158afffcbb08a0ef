//! What execution of EVM transactions tells beside logs: calls, receipts, contracts.

use super::{Inclusion, Outcome};
use crate::model::{account::Address, asset::amount::Amount, id::TxId};
use serde::{Deserialize, Serialize};

/// The place of a call in its transaction's call tree: the child numbers from the root down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracePath(pub Vec<u32>);

impl TracePath {
    /// Returns the numbers as bytes, for identities.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|child| child.to_le_bytes()).collect()
    }
}

/// What kind of step of the call tree a trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallKind {
    Call,
    CallCode,
    DelegateCall,
    StaticCall,
    Create,
    SelfDestruct,
    Reward,
    Other,
}

/// A call that moved no native value of its own: read-only, failed, without value, or the
/// transaction itself (whose value is the transaction's).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    /// `None` for rewards.
    pub tx: Option<TxId>,
    pub path: TracePath,
    pub call: CallKind,
    pub from: Option<Address>,
    pub to: Option<Address>,
    /// What the call carried, in wei, whether or not it moved.
    pub value: Amount,
    pub is_failed: bool,
    pub inclusion: Option<Inclusion>,
}

/// The receipt of a transaction whose body is elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TxOutcome {
    pub tx: TxId,
    pub from: Option<Address>,
    pub to: Option<Address>,
    pub outcome: Outcome,
    pub inclusion: Option<Inclusion>,
}

/// What is known about a contract: its code and, of tokens, name and units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AssetFacts {
    pub address: Address,
    pub symbol: Option<String>,
    pub name: Option<String>,
    pub decimals: Option<u8>,
    pub total_supply: Option<Amount>,
    pub n_code_bytes: Option<u32>,
    pub is_erc20: Option<bool>,
    pub is_erc721: Option<bool>,
    pub inclusion: Option<Inclusion>,
}
