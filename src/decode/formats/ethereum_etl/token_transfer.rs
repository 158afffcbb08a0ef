//! ethereum-etl token transfers: its reading of `Transfer` logs, ERC-20 and ERC-721 alike.

use super::{EthereumEtlItem, EthereumEtlKey, inclusion};
use crate::{
    decode::{Refusal, json::field::Reader},
    model::{Body, TokenAmount, TokenStandard, Transfer, TransferSource},
};

/// Reads a transfer. It has the identity of the log with the same index.
pub(super) fn read(item: &EthereumEtlItem<'_>, reader: &mut Reader<'_>) -> Result<Body, Refusal> {
    let tx = item.at(EthereumEtlKey::TransactionHash);
    let tx = tx.need(tx.hash()?)?;
    let index = item.at(EthereumEtlKey::LogIndex);
    let index = index.need(index.count(reader)?)?;
    let [token, from, to] =
        [EthereumEtlKey::TokenAddress, EthereumEtlKey::FromAddress, EthereumEtlKey::ToAddress]
            .map(|key| item.at(key));
    let amount = item.at(EthereumEtlKey::Value);
    let transfer = Transfer {
        tx: Some(tx),
        source: TransferSource::Log(index),
        token: Some(token.need(token.address()?)?),
        standard: TokenStandard::Unknown,
        from: from.need(from.address()?)?,
        to: to.need(to.address()?)?,
        amount: TokenAmount::AmountOrId(amount.need(amount.amount(reader)?)?),
        inclusion: inclusion(item, reader)?,
    };
    Ok(Body::Transfer(Box::new(transfer)))
}
