//! ethereum-etl blocks, and the validator withdrawals inside them.

use super::{EthereumEtlItem, EthereumEtlKey};
use crate::{
    decode::{Refusal, evm::withdrawal, json::field::Reader, value::time},
    model::{BlockStep, Body, Event, Inclusion, Step},
};

/// Reads a block: its step, then one native transfer for each withdrawal.
pub(super) fn read(
    item: &EthereumEtlItem<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let [hash, height] = [EthereumEtlKey::Hash, EthereumEtlKey::Number].map(|key| item.at(key));
    let hash = hash.need(hash.hash()?)?;
    let height = height.need(height.height(reader)?)?;
    let parent = item.at(EthereumEtlKey::ParentHash).hash()?;
    let step = BlockStep {
        step: Step::Committed,
        height: Some(height),
        hash,
        parent: reader.or_partial(parent),
        n_transactions: item.at(EthereumEtlKey::TransactionCount).count(reader)?,
        base_fee_per_gas: item.at(EthereumEtlKey::BaseFee).amount(reader)?,
        gas_used: item.at(EthereumEtlKey::GasUsed).count(reader)?,
        gas_limit: item.at(EthereumEtlKey::GasLimit).count(reader)?,
    };
    let (time, clock) = time::block_time(item.at(EthereumEtlKey::Timestamp), Some(height), reader)?;
    let event = |quality, body| Event { time, clock, quality, body };
    events.push(event(reader.quality, Body::Block(Box::new(step))));
    let inclusion = Inclusion { height, block: Some(hash), index: None };
    withdrawal::each(
        item.at(EthereumEtlKey::Withdrawals),
        inclusion,
        reader,
        events,
        |transfer, quality| event(quality, Body::Transfer(Box::new(transfer))),
    );
    Ok(())
}
