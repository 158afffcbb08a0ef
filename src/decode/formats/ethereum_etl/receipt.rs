//! ethereum-etl receipts: outcomes without the bodies they belong to.

use super::{EthereumEtlItem, EthereumEtlKey, inclusion};
use crate::{
    decode::{Refusal, evm::receipt, json::field::Reader},
    model::{Body, Outcome, OutcomeStatus, TxOutcome},
};

/// Reads a receipt.
pub(super) fn read(item: &EthereumEtlItem<'_>, reader: &mut Reader<'_>) -> Result<Body, Refusal> {
    let tx = item.at(EthereumEtlKey::TransactionHash);
    let status = receipt::status(item.at(EthereumEtlKey::Status), reader)?;
    Ok(Body::Outcome(Box::new(TxOutcome {
        tx: tx.need(tx.hash()?)?,
        from: item.at(EthereumEtlKey::FromAddress).address()?,
        to: item.at(EthereumEtlKey::ToAddress).address()?,
        outcome: Outcome {
            // Before Byzantium a receipt carried the state root instead of a status.
            status: status.unwrap_or(OutcomeStatus::Unknown),
            gas_used: receipt::gas_used(item.at(EthereumEtlKey::GasUsed), None, reader)?,
            effective_gas_price: item.at(EthereumEtlKey::EffectivePrice).amount(reader)?,
            created: receipt::created(item.at(EthereumEtlKey::ContractAddress))?,
            l1_fee: item.at(EthereumEtlKey::L1Fee).amount(reader)?,
        },
        inclusion: inclusion(item, reader)?,
    })))
}
