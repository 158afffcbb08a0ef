//! ethereum-etl blocks, and the validator withdrawals inside them.

use super::{Item, Key};
use crate::{
    decode::{
        Reason, Refusal,
        field::Reader,
        keys::{Fields, Keys},
        time,
    },
    model::{
        Address, Amount, BlockStep, Body, Event, Inclusion, Step, TokenAmount, TokenStandard,
        Transfer, TransferSource,
    },
};
use ruint::aliases::U256;

/// Withdrawals are counted in gwei.
const WEI_PER_GWEI: u64 = 1_000_000_000;

static WITHDRAWAL: Keys<3> = Keys::new(["index", "address", "amount"]);

/// Reads a block: its step, then one native transfer for each withdrawal.
pub(super) fn read(
    item: &Item<'_>,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let [hash, height] = [Key::Hash, Key::Number].map(|key| item.at(key));
    let hash = hash.need(hash.hash()?)?;
    let height = height.need(height.height(reader)?)?;
    let parent = item.at(Key::ParentHash).hash()?;
    let step = BlockStep {
        step: Step::Committed,
        height: Some(height),
        hash,
        parent: reader.or_partial(parent),
        n_transactions: item.at(Key::TransactionCount).count(reader)?,
        base_fee_per_gas: item.at(Key::BaseFee).amount(reader)?,
        gas_used: item.at(Key::GasUsed).count(reader)?,
        gas_limit: item.at(Key::GasLimit).count(reader)?,
    };
    let first = events.len();
    let (time, clock) = time::block_time(item.at(Key::Timestamp), Some(height), reader)?;
    let event = |quality, body| Event { time, clock, quality, body };
    events.push(event(reader.quality, Body::Block(Box::new(step))));
    let inclusion = Inclusion { height, block: Some(hash), index: None };
    let limits = &reader.settings.limits;
    item.at(Key::Withdrawals).objects(limits, &WITHDRAWAL, |fields| {
        let transfer = Transfer { inclusion: Some(inclusion), ..withdrawal(&fields, reader)? };
        events.push(event(reader.quality, Body::Transfer(Box::new(transfer))));
        Ok(())
    })?;
    events[first].quality = reader.quality;
    Ok(())
}

fn withdrawal(fields: &Fields<'_, 3>, reader: &mut Reader<'_>) -> Result<Transfer, Refusal> {
    let [index, to, gwei] = [0, 1, 2].map(|i| fields.at(i));
    let amount = gwei.need(gwei.amount(reader)?)?.0.checked_mul(U256::from(WEI_PER_GWEI));
    let out_of_range = || gwei.refuse(Reason::AmountOutOfRange, "2^256 wei or more");
    Ok(Transfer {
        tx: None,
        source: TransferSource::Withdrawal(index.need(index.count(reader)?)?),
        token: None,
        standard: TokenStandard::Native,
        // Withdrawn ether comes from the consensus layer: no account here pays it.
        from: Address::EVM_ZERO,
        to: to.need(to.address()?)?,
        amount: TokenAmount::Amount(amount.map(Amount).ok_or_else(out_of_range)?),
        inclusion: None,
    })
}
