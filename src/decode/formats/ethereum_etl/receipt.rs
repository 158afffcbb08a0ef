//! ethereum-etl receipts: outcomes without the bodies they belong to.

use super::{Item, Key, inclusion};
use crate::{
    decode::{Refusal, evm::receipt, json::field::Reader},
    model::{Body, Outcome, OutcomeStatus, TxOutcome},
};

/// Reads a receipt.
pub(super) fn read(item: &Item<'_>, reader: &mut Reader<'_>) -> Result<Body, Refusal> {
    let tx = item.at(Key::TransactionHash);
    let status = receipt::status(item.at(Key::Status), reader)?;
    Ok(Body::Outcome(Box::new(TxOutcome {
        tx: tx.need(tx.hash()?)?,
        from: item.at(Key::FromAddress).address()?,
        to: item.at(Key::ToAddress).address()?,
        outcome: Outcome {
            // Before Byzantium a receipt carried the state root instead of a status.
            status: status.unwrap_or(OutcomeStatus::Unknown),
            gas_used: receipt::gas_used(item.at(Key::GasUsed), None, reader)?,
            effective_gas_price: item.at(Key::EffectivePrice).amount(reader)?,
            created: receipt::created(item.at(Key::ContractAddress))?,
            l1_fee: item.at(Key::L1Fee).amount(reader)?,
        },
        inclusion: inclusion(item, reader)?,
    })))
}
