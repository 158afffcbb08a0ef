//! Logs as nodes answer and push them; `removed` ones say that their block left the chain.

use super::item::{RpcItem, RpcKey};
use crate::{
    decode::{
        Refusal, SkipReason,
        evm::standard::{self, Site},
        json::field::Reader,
    },
    model::{BlockStep, Body, Step},
};

/// Reads a log, of something that is in a block or that does not say so. It is skipped while its
/// transaction is pending: its place is its identity.
pub(super) fn read(
    item: &RpcItem<'_>,
    is_placed: bool,
    reader: &mut Reader<'_>,
) -> Result<Body, Refusal> {
    if item.at(RpcKey::Removed).flag()? == Some(true) {
        return removed(item, reader);
    }
    let [tx, index, address] =
        [RpcKey::TransactionHash, RpcKey::LogIndex, RpcKey::Address].map(|key| item.at(key));
    let place = [RpcKey::LogIndex, RpcKey::BlockNumber, RpcKey::BlockHash];
    if !is_placed && place.iter().all(|&key| item.at(key).is_nothing()) {
        return Err(Refusal::Skip(SkipReason::NullResult));
    }
    let site = Site {
        tx: tx.need(tx.hash()?)?,
        log_index: index.need(index.count(reader)?)?,
        address: address.need(address.address()?)?,
        inclusion: item.inclusion(reader)?,
    };
    standard::read(&site, item.at(RpcKey::Topics), item.at(RpcKey::Data), reader)
}

/// A log is removed with its whole block, and one such log is proof enough.
fn removed(item: &RpcItem<'_>, reader: &mut Reader<'_>) -> Result<Body, Refusal> {
    let hash = item.at(RpcKey::BlockHash);
    Ok(Body::Block(Box::new(BlockStep {
        step: Step::Reverted,
        height: item.at(RpcKey::BlockNumber).height(reader)?,
        hash: hash.need(hash.hash()?)?,
        parent: None,
        n_transactions: None,
        base_fee_per_gas: None,
        gas_used: None,
        gas_limit: None,
    })))
}
