//! What contracts report: token movements, permissions, other logs; and native moves beside a
//! transaction's own value.

use super::amount::Amount;
use crate::model::{
    account::Address,
    event::{Inclusion, as_hex, execution::TracePath},
    id::TxId,
};
use serde::{Deserialize, Serialize};

/// Who reported a transfer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferSource {
    /// A `Transfer` event at this log index.
    Log(u32),
    /// A validator withdrawal with this index.
    Withdrawal(u64),
    /// A call with value inside a transaction, at this place of its call tree.
    Trace(TracePath),
    /// What the protocol itself credits: block and uncle rewards, genesis.
    Reward,
}

/// The token standard of a transfer, as far as the source tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenStandard {
    Native,
    Erc20,
    Erc721,
    Erc1155,
    /// ERC-20 or ERC-721: the exporter's row does not say.
    Unknown,
}

/// How much, or which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenAmount {
    Amount(Amount),
    TokenId(Amount),
    /// ERC-20 amount or ERC-721 id: unknown until the log is seen.
    AmountOrId(Amount),
}

/// A token movement, or a native movement that is not a transaction's own value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Transfer {
    pub tx: Option<TxId>,
    pub source: TransferSource,
    /// `None` is the chain's native asset.
    pub token: Option<Address>,
    pub standard: TokenStandard,
    pub from: Address,
    pub to: Address,
    pub amount: TokenAmount,
    /// The transaction's index inside its block, where the source says it.
    pub inclusion: Option<Inclusion>,
}

impl Transfer {
    /// Returns the token and the amount where one account pays another in a fungible token: not for
    /// single items, transfers of nothing, and what is minted or burnt.
    pub fn token_payment(&self) -> Option<(&Address, Amount)> {
        const NOBODY: Address = Address::EVM_ZERO;
        let is_item = matches!(self.standard, TokenStandard::Erc721 | TokenStandard::Erc1155);
        let (TokenAmount::Amount(amount) | TokenAmount::AmountOrId(amount)) = self.amount else {
            return None;
        };
        let is_between_two = self.from != self.to && self.from != NOBODY && self.to != NOBODY;
        let token = self.token.as_ref()?;
        (!is_item && !amount.is_zero() && is_between_two).then_some((token, amount))
    }
}

/// Permission to spend given by an owner.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Approval {
    pub tx: TxId,
    pub log_index: u32,
    pub token: Address,
    pub owner: Address,
    pub spender: Address,
    /// `None` is permission for everything (`ApprovalForAll`).
    pub amount: Option<Amount>,
    /// False when the permission is taken back.
    pub is_granted: bool,
    pub inclusion: Option<Inclusion>,
}

/// Any other log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Log {
    pub tx: TxId,
    pub log_index: u32,
    pub address: Address,
    #[serde(serialize_with = "as_hex")]
    pub topic0: Option<[u8; 32]>,
    pub n_topics: u8,
    pub n_data_bytes: u32,
    pub inclusion: Option<Inclusion>,
}
