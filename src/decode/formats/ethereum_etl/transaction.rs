//! ethereum-etl transactions, with or without the receipt's fields joined in.

use super::{EthereumEtlItem, EthereumEtlKey, inclusion};
use crate::{
    decode::{
        Reason, Refusal,
        evm::{receipt, tx_type},
        json::field::Reader,
        value::hex,
    },
    model::{Amount, Body, Calldata, EvmTx, Outcome, OutcomeStatus, Quality, Tx, TxBody},
};

/// Reads a transaction. A body without a sender has no account and is refused.
pub(super) fn read(item: &EthereumEtlItem<'_>, reader: &mut Reader<'_>) -> Result<Body, Refusal> {
    let id = item.at(EthereumEtlKey::Hash);
    let id = id.need(id.hash()?)?;
    let from = item.at(EthereumEtlKey::FromAddress);
    let from = from.need(from.address()?)?;
    let to = item.at(EthereumEtlKey::ToAddress).address()?;
    let inclusion = inclusion(item, reader)?;
    let input = input(item, reader)?;
    let value = item.at(EthereumEtlKey::Value).amount(reader)?;
    let nonce = item.at(EthereumEtlKey::Nonce).count(reader)?;
    let gas_limit = item.at(EthereumEtlKey::Gas).count(reader)?;
    let tx_type = tx_type(item.at(EthereumEtlKey::TransactionType), reader)?;
    let body = EvmTx {
        from,
        to,
        // The model has no unknown value; PARTIAL says that this zero was not read.
        value: reader.or_partial(value).unwrap_or(Amount::ZERO),
        nonce: reader.or_partial(nonce),
        gas_limit: reader.or_partial(gas_limit),
        gas_price: item.at(EthereumEtlKey::GasPrice).amount(reader)?,
        max_fee_per_gas: item.at(EthereumEtlKey::MaxFee).amount(reader)?,
        max_priority_fee_per_gas: item.at(EthereumEtlKey::MaxPriorityFee).amount(reader)?,
        max_fee_per_blob_gas: item.at(EthereumEtlKey::MaxBlobFee).amount(reader)?,
        n_blobs: item.at(EthereumEtlKey::BlobHashes).n_items(reader.limits())?,
        n_authorizations: 0,
        n_access_entries: 0,
        tx_type,
        input,
        client_id: None,
    };
    let outcome = outcome(item, reader)?;
    Ok(Body::Tx(Box::new(Tx { id, body: TxBody::Evm(body), inclusion, outcome })))
}

fn input(item: &EthereumEtlItem<'_>, reader: &mut Reader<'_>) -> Result<Calldata, Refusal> {
    let field = item.at(EthereumEtlKey::Input);
    if !item.has(EthereumEtlKey::Input) {
        reader.quality |= Quality::PARTIAL;
    }
    let digits = field.hex_digits()?.unwrap_or_default();
    hex::digest(digits).ok_or_else(|| field.refuse(Reason::BadField, "no hex bytes"))
}

/// Reads the receipt: without a status and without a state root there is none.
fn outcome(
    item: &EthereumEtlItem<'_>,
    reader: &mut Reader<'_>,
) -> Result<Option<Outcome>, Refusal> {
    let status = match receipt::status(item.at(EthereumEtlKey::ReceiptStatus), reader)? {
        Some(status) => status,
        // Before Byzantium a receipt carried the state root instead of a status.
        None if !item.at(EthereumEtlKey::ReceiptRoot).is_nothing() => OutcomeStatus::Unknown,
        None => return Ok(None),
    };
    Ok(Some(Outcome {
        status,
        gas_used: receipt::gas_used(item.at(EthereumEtlKey::ReceiptGasUsed), None, reader)?,
        effective_gas_price: item.at(EthereumEtlKey::ReceiptPrice).amount(reader)?,
        created: receipt::created(item.at(EthereumEtlKey::ReceiptContract))?,
        l1_fee: item.at(EthereumEtlKey::ReceiptL1Fee).amount(reader)?,
    }))
}
