//! Transactions as nodes answer them: pending without a block, else with it.

use super::{
    check,
    item::{RpcItem, RpcKey},
};
use crate::{
    decode::{
        Reason, Refusal,
        evm::{check_chain, tx_type},
        json::field::Reader,
        value::hex,
    },
    model::{Amount, Body, Calldata, EvmTx, Inclusion, Quality, Tx, TxBody},
};

/// A transaction, and the bytes by which a block commits to it, where they can be told.
pub(super) struct ReadTx {
    pub body: Body,
    pub encoded: Option<Vec<u8>>,
}

/// Where an object that holds a transaction says that it is.
#[derive(Clone, Copy)]
pub(super) enum RpcTxPlace {
    /// Nowhere: the transaction itself may.
    Own,
    /// In this block.
    Block(Inclusion),
    /// In a block that is still to be, whatever the transaction says.
    Pending,
}

/// Reads a transaction.
pub(super) fn read(
    item: &RpcItem<'_>,
    place: RpcTxPlace,
    reader: &mut Reader<'_>,
) -> Result<ReadTx, Refusal> {
    let [id, from] = [RpcKey::Hash, RpcKey::From].map(|key| item.at(key));
    let id = id.need(id.hash()?)?;
    let from = from.need(from.address()?)?;
    let inclusion = match place {
        RpcTxPlace::Own => item.inclusion(reader)?,
        RpcTxPlace::Block(block) => {
            check::place(item, Some(block), reader)?;
            let own = item.inclusion(reader)?.and_then(|own| own.index);
            Some(Inclusion { index: own.or(block.index), ..block })
        }
        RpcTxPlace::Pending => None,
    };
    if let Some(chain) = item.at(RpcKey::ChainId).or_null().count(reader)? {
        check_chain(chain, reader)?;
    }
    let tx_type = tx_type(item.at(RpcKey::Type), reader)?;
    let value = item.at(RpcKey::Value).amount(reader)?;
    let nonce = item.at(RpcKey::Nonce).count(reader)?;
    let gas_limit = item.at(RpcKey::Gas).count(reader)?;
    let limits = reader.limits();
    let body = EvmTx {
        from,
        to: item.at(RpcKey::To).address()?,
        // The model has no unknown value; PARTIAL says that this zero was not read.
        value: reader.or_partial(value).unwrap_or(Amount::ZERO),
        nonce: reader.or_partial(nonce),
        gas_limit: reader.or_partial(gas_limit),
        gas_price: item.at(RpcKey::GasPrice).amount(reader)?,
        max_fee_per_gas: item.at(RpcKey::MaxFee).amount(reader)?,
        max_priority_fee_per_gas: item.at(RpcKey::MaxPriorityFee).amount(reader)?,
        max_fee_per_blob_gas: item.at(RpcKey::MaxBlobFee).amount(reader)?,
        n_blobs: item.at(RpcKey::BlobHashes).n_items(limits)?,
        n_authorizations: item.at(RpcKey::Authorizations).n_items(limits)?,
        n_access_entries: item.at(RpcKey::AccessList).n_items(limits)?,
        tx_type,
        input: input(item, reader)?,
        client_id: None,
    };
    let encoded = check::transaction(item, &id, &body, inclusion.map(|i| i.height), reader)?;
    let body = Tx { id, body: TxBody::Evm(body), inclusion, outcome: None };
    Ok(ReadTx { body: Body::Tx(Box::new(body)), encoded })
}

fn input(item: &RpcItem<'_>, reader: &mut Reader<'_>) -> Result<Calldata, Refusal> {
    // Clients of old have called it data.
    let key = if item.has(RpcKey::Input) { RpcKey::Input } else { RpcKey::Data };
    if !item.has(key) {
        reader.quality |= Quality::PARTIAL;
    }
    let field = item.at(key);
    let digits = field.hex_digits()?.unwrap_or_default();
    hex::digest(digits).ok_or_else(|| field.refuse(Reason::BadField, "no hex bytes"))
}
